# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Our runtime alone, with only a runtime's flags and Debian's reference CNI plugins, called over CRI by foreign gRPC
stacks: Python's, and C programs over libgrpc. The Python client also calls Debian's containerd: what it expects is not
ours alone."""
import json
import os
import subprocess
import threading

import pytest

from conftest import BUSYBOX, eventually
from stubs import ROOT, channel, stubs

FOLDER = os.environ["APUS_TEST_ROOT"]
cri, cri_grpc = stubs("cri/runtime.proto", "runtime")

NETWORK = {
    "cniVersion": "1.0.0", "name": "reference", "plugins": [
        {"type": "bridge", "bridge": "ref0", "isGateway": True, "ipMasq": False,
         "ipam": {"type": "host-local", "dataDir": f"{FOLDER}/reference/ipam",
                  "ranges": [[{"subnet": "10.250.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"}}]}


@pytest.fixture(scope="module")
def ours():
    """The socket of `apus runtime` with Debian's plugins."""
    folder = f"{FOLDER}/reference"
    os.makedirs(f"{folder}/net.d")
    with open(f"{folder}/net.d/10-reference.conflist", "w") as file:
        json.dump(NETWORK, file)
    with open(f"{folder}/runtime.log", "w") as log:
        process = subprocess.Popen(
            [os.environ["APUS"], "runtime", f"--address=unix://{folder}/runtime.sock", f"--root={folder}/root",
             f"--state={folder}/state", f"--cni-conf-dir={folder}/net.d", "--cni-bin-dir=/usr/lib/cni"], stderr=log)
    yield f"{folder}/runtime.sock"
    process.terminate()
    assert process.wait(20) == 0
    subprocess.run(["ip", "link", "delete", "ref0"], check=False)


@pytest.fixture(params=["ours", "containerd"])
def socket(request):
    if request.param == "containerd":
        yield f"{FOLDER}/containerd/containerd.sock"
    else:
        yield request.getfixturevalue("ours")
    # Kubelets make the groups of pods, and take them away.
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        if "apus-interop" in folders:
            os.rmdir(f"{top}/apus-interop")
            folders.remove("apus-interop")


def sandbox_config(name, folder):
    return cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(name=name, namespace="interop", uid=f"uid-{name}"), hostname=name,
        log_directory=str(folder), labels={"app": name},
        linux=cri.LinuxPodSandboxConfig(cgroup_parent="/apus-interop"))


class Events(threading.Thread):
    """Collects the events of one stream."""

    def __init__(self, runtime):
        super().__init__(daemon=True)
        self.call, self.seen = runtime.GetContainerEvents(cri.GetEventsRequest()), []

    def run(self):
        try:
            for event in self.call:
                self.seen.append((event.container_id, cri.ContainerEventType.Name(event.container_event_type)))
        except Exception:  # noqa: BLE001 (a cancelled stream ends so)
            pass


def test_python_runs_a_sandbox_and_a_container(socket, tmp_path):
    is_ours = "reference" in socket
    with channel(socket) as opened:
        runtime, images = cri_grpc.RuntimeServiceStub(opened), cri_grpc.ImageServiceStub(opened)
        version = runtime.Version(cri.VersionRequest())
        assert version.runtime_api_version == "v1" and version.runtime_name == ("apus" if is_ours else "containerd")
        assert {c.type: c.status for c in runtime.Status(cri.StatusRequest()).status.conditions}["NetworkReady"]
        # Debian's containerd is older than the events of CRI.
        events = Events(runtime) if is_ours else None
        if events:
            events.start()
        images.PullImage(cri.PullImageRequest(image=cri.ImageSpec(image=BUSYBOX)))
        config = sandbox_config("from-python", tmp_path)
        sandbox = runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config)).pod_sandbox_id
        status = runtime.PodSandboxStatus(cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox)).status
        assert status.state == cri.SANDBOX_READY
        assert status.network.ip.startswith("10.250.0." if is_ours else "10.244.0.")
        container = runtime.CreateContainer(cri.CreateContainerRequest(
            pod_sandbox_id=sandbox, sandbox_config=config, config=cri.ContainerConfig(
                metadata=cri.ContainerMetadata(name="main"), image=cri.ImageSpec(image=BUSYBOX),
                command=["sh", "-c", "echo hello; ip -4 address show eth0; exec sleep 1000"], log_path="main.log",
                labels={"app": "from-python"}))).container_id
        runtime.StartContainer(cri.StartContainerRequest(container_id=container))
        listed = runtime.ListContainers(cri.ListContainersRequest(
            filter=cri.ContainerFilter(label_selector={"app": "from-python"}))).containers
        assert [(c.id, c.state) for c in listed] == [(container, cri.CONTAINER_RUNNING)]
        eventually(lambda: status.network.ip in (tmp_path / "main.log").read_text())
        first = (tmp_path / "main.log").read_text().splitlines()[0].split(" ", 3)
        assert first[1:] == ["stdout", "F", "hello"]
        answer = runtime.ExecSync(cri.ExecSyncRequest(
            container_id=container, cmd=["sh", "-c", "echo out; echo err >&2; exit 7"], timeout=10))
        assert (answer.stdout, answer.stderr, answer.exit_code) == (b"out\n", b"err\n", 7)
        runtime.StopContainer(cri.StopContainerRequest(container_id=container, timeout=0))
        assert runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container)).status.exit_code == 137
        runtime.RemoveContainer(cri.RemoveContainerRequest(container_id=container))
        # Doing it again is fine.
        for _ in range(2):
            runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox))
        for _ in range(2):
            runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox))
        assert sandbox not in [s.id for s in runtime.ListPodSandbox(cri.ListPodSandboxRequest()).items]
        if events:
            wanted = [f"CONTAINER_{what}_EVENT" for what in ("CREATED", "STARTED", "STOPPED", "DELETED")]
            eventually(lambda: [name for identity, name in events.seen if identity == container] == wanted)
            events.call.cancel()


def test_a_c_program_runs_a_sandbox_and_a_container(ours, tmp_path):
    subprocess.run([f"{ROOT}/Tools/interop/build.sh", str(tmp_path)], check=True)
    answer = subprocess.run([f"{tmp_path}/cri-client", ours, BUSYBOX], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines() == [
        "version apus v1", "image pulled", "sandbox 64", "container started", "event created", "event started",
        "exec 7 out err", "event stopped", "event deleted", "removed"]


def test_a_connection_outlives_ten_thousand_calls(ours):
    """Two thousand at once, which the client keeps back as it is told to, and then one after the other: each brings
    a ping, with which such stacks measure the line, and which is no attack."""
    with channel(ours) as opened:
        runtime = cri_grpc.RuntimeServiceStub(opened)
        pending = [runtime.Version.future(cri.VersionRequest()) for _ in range(2000)]
        assert all(call.result().runtime_name == "apus" for call in pending)
        for _ in range(8000):
            runtime.Version(cri.VersionRequest())
