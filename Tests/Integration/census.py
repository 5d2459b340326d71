#!/usr/bin/env python3
# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Prints what there is of everything that a cluster takes from a machine, so that two prints can be compared.

usage: census.py [--inside] [--default-root] FOLDER

FOLDER is the test's own and left out; control groups are those of a node with a root below it, or with --default-root
those of a node without one. With --inside also the links, addresses, routes, packet filter rules and mounts of the
namespaces that it runs in.
"""
import os
import subprocess
import sys

PROGRAMS = ("apus", "apus-shim", "apus-init", "pause")
OWN = ("run.sh", "isolate.sh", "bash", "python3", "docker-registry")
PLACES = (
    "/etc/kubernetes", "/etc/cni/net.d", "/opt/cni/bin", "/var/lib/kubelet", "/var/lib/apus", "/var/lib/cni",
    "/var/log/pods", "/var/log/containers", "/var/log/apus", "/run/apus", "/run/netns",
)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def processes(inside, folder, group):
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            name = read(f"/proc/{pid}/comm").strip()
            state = read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
            is_ours = folder in read(f"/proc/{pid}/cmdline") or f"/{group}" in read(f"/proc/{pid}/cgroup")
        except OSError:
            continue
        if state == "Z" and inside:
            yield f"zombie {name}"
        # Within its namespaces every process that is not the test's own is the cluster's; outside, other clusters may run.
        elif name not in OWN if inside else name in PROGRAMS and is_ours:
            yield f"process {name}"


def control_groups(names):
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        for folder in folders:
            if folder in names or folder.startswith(f"{names[0]}+"):
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


def namespaces():
    """Network namespaces of processes here, and those that a mount holds."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            continue
    held = [line.split()[3] for line in open("/proc/self/mountinfo") if " - nsfs " in line]
    yield f"namespaces {len(found)} of processes, {len(held)} held by mounts"


def mounts(folder):
    for line in open("/proc/self/mountinfo"):
        target = line.split()[4]
        if target.startswith(folder) or "kubelet" in target or "apus" in target:
            yield f"mount {target}"


def main():
    arguments = sys.argv[1:]
    inside = "--inside" in arguments
    folder = [a for a in arguments if not a.startswith("--")][0]
    groups = ["+".join(["apus", *folder.strip("/").split("/")])]
    if "--default-root" in arguments:
        groups += ["kubepods", "apus"]
    found = [*processes(inside, folder, groups[0]), *control_groups(groups), *files()]
    if inside:
        found += lines("link", "ip", "-brief", "link")
        found += lines("address", "ip", "-brief", "-4", "address")
        found += lines("route", "ip", "route")
        found += lines("rules", "nft", "list", "ruleset")
        found += lines("neighbour", "ip", "-brief", "neighbour", "show", "nud", "permanent")
        found += namespaces()
        found += mounts(folder)
    for line in sorted(found):
        print(line)


main()
