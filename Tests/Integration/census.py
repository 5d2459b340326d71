#!/usr/bin/env python3
# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Prints what there is of everything that a cluster takes from a machine, so that two prints can be compared.

usage: census.py [--inside] FOLDER

FOLDER is the test's own and left out. With --inside also the links, addresses, routes, packet filter rules and
mounts of the namespaces that it runs in.
"""
import os
import subprocess
import sys

PROGRAMS = ("apus", "apus-shim", "apus-init", "pause")
PLACES = (
    "/etc/kubernetes", "/etc/cni/net.d", "/opt/cni/bin", "/var/lib/kubelet", "/var/lib/apus", "/var/lib/cni",
    "/var/log/pods", "/var/log/containers", "/var/log/apus", "/run/apus", "/run/netns",
)


def processes():
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            name = open(f"/proc/{pid}/comm").read().strip()
        except OSError:
            continue
        if name in PROGRAMS:
            yield f"process {name}"


def control_groups():
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        for folder in folders:
            if folder.startswith(("kubepods", "apus")):
                yield f"cgroup {top}/{folder}"


def files():
    for place in PLACES:
        for top, folders, names in os.walk(place):
            for name in folders + names:
                yield f"file {top}/{name}"


def lines(title, *command):
    answer = subprocess.run(command, capture_output=True, text=True)
    for line in answer.stdout.splitlines():
        yield f"{title} {line.rstrip()}"


def mounts(folder):
    for line in open("/proc/self/mountinfo"):
        target = line.split()[4]
        if target.startswith(folder) or "kubelet" in target or "apus" in target:
            yield f"mount {target}"


def main():
    arguments = sys.argv[1:]
    inside = "--inside" in arguments
    folder = [a for a in arguments if a != "--inside"][0]
    found = [*processes(), *control_groups(), *files()]
    if inside:
        found += lines("link", "ip", "-brief", "link")
        found += lines("address", "ip", "-brief", "-4", "address")
        found += lines("route", "ip", "route")
        found += lines("rules", "nft", "list", "tables")
        found += mounts(folder)
    for line in sorted(found):
        print(line)


main()
