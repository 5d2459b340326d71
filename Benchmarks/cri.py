# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The steps of a pod's life at the runtime's socket, one call at a time, with the CNI chain of a cluster."""
import json
import os
import shutil
import subprocess

import kube
import rpc
import stage as stages
from figures import say

TITLE = "the container runtime, step by step"
STEPS = ("RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox")
CHAIN = {"cniVersion": "1.0.0", "name": "bench", "plugins": [
    {"type": "bridge", "bridge": "bench0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.251.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": True}}]}


def run(stage, figures):
    stage.images("busybox", *(["pause"] if stage.peers else []))
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")
    os.makedirs(stage.path("cni/conf"))
    os.makedirs(stage.path("cni/bin"))
    with open(stage.path("cni/conf/10-bench.conflist"), "w") as file:
        json.dump(CHAIN, file)
    built = os.path.dirname(stage.apus)
    for plugin in ("bridge", "host-local", "portmap", "loopback"):
        shutil.copy(os.path.join(built, "apus-cni"), stage.path("cni/bin", plugin))
    socket = stage.path("runtime.sock")
    stage.start("runtime", stage.apus, "runtime", f"--address=unix://{socket}", f"--root={stage.path('data')}",
                f"--state={stage.path('state')}", f"--cni-conf-dir={stage.path('cni/conf')}", f"--cni-bin-dir={stage.path('cni/bin')}")
    measure(stage, socket, figures, "cri")
    if stage.peers:
        say("  containerd of this machine")
        measure(stage, containerd(stage), figures, "cri-peer")


def containerd(stage):
    """Debian's containerd with runc and the reference plugins, of the peers' folder or Debian's."""
    plugins = os.path.join(stage.peers, "cni")
    starter, folder = f"{stages.TOP}/Tests/Exchange/containerd.sh", stage.path("containerd")
    stage.leave.append(lambda: stage.run(starter, "stop", folder))
    # It runs on; its output must not be waited for.
    subprocess.run([starter, "start", folder, plugins if os.path.isdir(plugins) else "/usr/lib/cni", stage.path("cni/conf"),
                    stages.REGISTRY], check=True)
    return f"{folder}/containerd.sock"


def measure(stage, socket, figures, name):
    kube.eventually(lambda: os.path.exists(socket), "the runtime's socket")
    runtime = rpc.Service(stage, "cri/runtime.proto", socket)
    runtime.wait()
    image = {"image": f"{stages.REGISTRY}/busybox:v1"}
    runtime.call("PullImage", image=image)
    parent = f"/apus-bench-{os.getpid()}"
    stage.leave.append(lambda: drop_groups(parent))
    for turn in range(-2, stage.count(50, 5)):
        if turn == 0:  # the first ones warm up
            runtime.times.clear()
        pod = {"metadata": {"name": f"pod-{turn}", "uid": f"{name}-{os.getpid()}-{turn}", "namespace": "bench", "attempt": 0},
               "hostname": f"pod-{turn}", "log_directory": stage.path(f"logs-{name}-{turn}"), "labels": {"bench": "yes"},
               "port_mappings": [{"protocol": 0, "container_port": 80, "host_port": 20000 + turn + 2}],
               "linux": {"cgroup_parent": parent, "security_context": {"namespace_options": {"pid": 1}}}}
        os.makedirs(pod["log_directory"])
        sandbox = runtime.call("RunPodSandbox", config=pod).pod_sandbox_id
        container = runtime.call("CreateContainer", pod_sandbox_id=sandbox, sandbox_config=pod, config={
            "metadata": {"name": "main"}, "image": image, "log_path": "main.log",
            # It ends as soon as it is asked to.
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"], "linux": {}}).container_id
        runtime.call("StartContainer", container_id=container)
        runtime.call("StopContainer", container_id=container, timeout=10)
        runtime.call("RemoveContainer", container_id=container)
        runtime.call("StopPodSandbox", pod_sandbox_id=sandbox)
        runtime.call("RemovePodSandbox", pod_sandbox_id=sandbox)
    for step in STEPS:
        figures.series(f"{name}.{step}", step if name == "cri" else f"{step} of containerd, same run", "ms", runtime.times[step])


def drop_groups(parent):
    for top in os.listdir("/sys/fs/cgroup"):
        at = f"/sys/fs/cgroup/{top}{parent}"
        if os.path.isdir(at):
            subprocess.run(["find", at, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], capture_output=True)
