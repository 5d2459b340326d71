# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The network plugins as a runtime calls them: one process a call, in a new network namespace a pod."""
import json
import os
import shutil
import subprocess
import time

from figures import say

TITLE = "the network plugins"
CHAIN = ("loopback", "bridge", "portmap")


def run(stage, figures):
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")
    ours = stage.path("bin")
    os.makedirs(ours)
    for name in ("bridge", "host-local", "portmap", "loopback"):
        shutil.copy(os.path.join(os.path.dirname(stage.apus), "apus-cni"), os.path.join(ours, name))
    measure(stage, figures, ours, "cni", "cni0", 77)
    if stage.peers:
        theirs = os.path.join(stage.peers, "cni")
        theirs = theirs if os.path.isdir(theirs) else "/usr/lib/cni"
        say(f"  the reference plugins of {theirs}")
        measure(stage, figures, theirs, "cni-peer", "peer0", 78)


def measure(stage, figures, folder, name, bridge, network):
    times, results = {}, {}
    turns = range(-1, stage.count(50, 5))  # the first makes the bridge and the tables
    for turn in turns:
        subprocess.run(["ip", "netns", "add", f"{name}-{turn}"], check=True)
        for kind in CHAIN:
            results[turn] = call(folder, name, "ADD", kind, turn, bridge, network, results.get(turn), times, stage) or results.get(turn)
    for turn in turns:
        for kind in reversed(CHAIN):
            call(folder, name, "DEL", kind, turn, bridge, network, results[turn], times, stage)
        subprocess.run(["ip", "netns", "delete", f"{name}-{turn}"], check=True)
    whose = "" if name == "cni" else " of the reference, same run"
    for verb in ("ADD", "DEL"):
        figures.series(f"{name}.{verb.lower()}", f"CNI {verb} of bridge with host-local, portmap and loopback{whose}", "ms",
                       [sum(found) for found in zip(*(times[verb, kind][1:] for kind in CHAIN))])
        for kind in CHAIN:
            figures.series(f"{name}.{verb.lower()}.{kind}", f"CNI {verb} {kind}{whose}", "ms", times[verb, kind][1:])


def call(folder, name, verb, kind, turn, bridge, network, previous, times, stage):
    config = {"cniVersion": "1.0.0", "name": name, "type": kind}
    if kind == "bridge":
        config |= {"bridge": bridge, "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": {
            "type": "host-local", "dataDir": stage.path(f"{name}-addresses"), "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": f"10.{network}.0.0/16"}]]}}
    if kind == "portmap":
        config |= {"capabilities": {"portMappings": True}, "prevResult": previous, "runtimeConfig": {
            "portMappings": [{"hostPort": 20000 + turn + 100 * (network - 77), "containerPort": 80, "protocol": "tcp"}]}}
    environment = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, "CNI_CONTAINERID": f"{name}-{turn}", "CNI_PATH": folder,
                   "CNI_NETNS": f"/run/netns/{name}-{turn}", "CNI_IFNAME": "lo" if kind == "loopback" else "eth0"}
    begin = time.perf_counter()
    done = subprocess.run([os.path.join(folder, kind)], input=json.dumps(config).encode(), env=environment, capture_output=True)
    times.setdefault((verb, kind), []).append((time.perf_counter() - begin) * 1000)
    if done.returncode:
        raise SystemExit(f"{kind} {verb}: {done.stdout.decode()} {done.stderr.decode()}")
    return json.loads(done.stdout) if verb == "ADD" and kind == "bridge" else None
