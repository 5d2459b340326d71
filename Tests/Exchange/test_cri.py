# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Our runtime alone, with only a runtime's flags and Debian's reference CNI plugins, called over CRI by foreign gRPC
stacks: Python's, and C programs over libgrpc. The Python client also calls Debian's containerd: what it expects is not
ours alone."""
import contextlib
import json
import os
import subprocess
import threading
import time

import grpc
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
        if is_ours:
            # What takes too long is killed with what it started, though that hangs on to the output.
            began = time.monotonic()
            with pytest.raises(grpc.RpcError, match="timeout 1s exceeded") as late:
                runtime.ExecSync(cri.ExecSyncRequest(
                    container_id=container, cmd=["sh", "-c", "sleep 1234 & sleep 1234"], timeout=1))
            assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            assert time.monotonic() - began < 5
            left = runtime.ExecSync(cri.ExecSyncRequest(container_id=container, cmd=["ps"], timeout=10))
            assert b"1234" not in left.stdout
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


@contextlib.contextmanager
def running(socket, folder, name):
    """A sandbox of ours: the service, its configuration and its id."""
    with channel(socket) as opened:
        runtime, images = cri_grpc.RuntimeServiceStub(opened), cri_grpc.ImageServiceStub(opened)
        images.PullImage(cri.PullImageRequest(image=cri.ImageSpec(image=BUSYBOX)))
        config = sandbox_config(name, folder)
        sandbox = runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config)).pod_sandbox_id
        try:
            yield runtime, images, config, sandbox
        finally:
            runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox))
            runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox))


def create(runtime, config, sandbox, name, *command, **more):
    return runtime.CreateContainer(cri.CreateContainerRequest(
        pod_sandbox_id=sandbox, sandbox_config=config, config=cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name), image=cri.ImageSpec(image=BUSYBOX), command=command, **more))).container_id


def test_images_as_volumes(ours, tmp_path):
    with running(ours, tmp_path, "image-volumes") as (runtime, images, config, sandbox):
        identity = images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=BUSYBOX))).image.id

        def mount(**more):
            return [cri.Mount(container_path="/image", image=cri.ImageSpec(image=BUSYBOX), **more)]

        container = create(runtime, config, sandbox, "reader", "sleep", "1000", mounts=mount(readonly=True, image_sub_path="bin"))
        runtime.StartContainer(cri.StartContainerRequest(container_id=container))
        status = runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container)).status
        assert [m.image.image_ref for m in status.mounts] == [identity]
        answer = runtime.ExecSync(cri.ExecSyncRequest(
            container_id=container, cmd=["sh", "-c", "/image/busybox echo runs; touch /image/x"], timeout=10))
        assert (answer.stdout, answer.exit_code) == (b"runs\n", 1) and b"Read-only" in answer.stderr
        for name, wrong in {"writer": mount(), "lost": mount(readonly=True, image_sub_path="no/such"),
                            "escape": mount(readonly=True, image_sub_path="../../..")}.items():
            if name == "escape":
                # Nothing is above the root of an image.
                container = create(runtime, config, sandbox, name, "ls", "/image", mounts=wrong, log_path=f"{name}.log")
                runtime.StartContainer(cri.StartContainerRequest(container_id=container))
                eventually(lambda: " F bin" in (tmp_path / "escape.log").read_text())
                continue
            with pytest.raises(grpc.RpcError) as refused:
                create(runtime, config, sandbox, name, "true", mounts=wrong)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert len(runtime.ListContainers(cri.ListContainersRequest(
            filter=cri.ContainerFilter(pod_sandbox_id=sandbox))).containers) == 2


def test_every_metric_is_described(ours, tmp_path):
    with running(ours, tmp_path, "metrics") as (runtime, _, config, sandbox):
        container = create(
            runtime, config, sandbox, "busy", "sh", "-c", "echo x > /file; sleep 1000 & exec 3< /file; wait",
            linux=cri.LinuxContainerConfig(resources=cri.LinuxContainerResources(
                cpu_period=100000, cpu_quota=50000, cpu_shares=512, memory_limit_in_bytes=64 << 20)))
        runtime.StartContainer(cri.StartContainerRequest(container_id=container))
        described = {d.name: list(d.label_keys)
                     for d in runtime.ListMetricDescriptors(cri.ListMetricDescriptorsRequest()).descriptors}

        def pod_metrics():
            return {p.pod_sandbox_id: p for p in runtime.ListPodSandboxMetrics(cri.ListPodSandboxMetricsRequest()).pod_metrics}[sandbox]

        def values(metrics):
            found = {}
            for metric in metrics:
                labels = dict(zip(described[metric.name], metric.label_values, strict=True))
                assert (labels["pod"], labels["namespace"]) == ("metrics", "interop")
                found.setdefault(metric.name, []).append((labels, metric.value.value))
            return found

        def one(metrics, name):
            (_, value), = values(metrics)[name]
            return value

        eventually(lambda: one(pod_metrics().container_metrics[0].metrics, "container_processes") == 2)
        pod = pod_metrics()
        assert [c.container_id for c in pod.container_metrics] == [container]
        mine = pod.container_metrics[0].metrics
        assert one(mine, "container_spec_cpu_quota") == 50000 and one(mine, "container_spec_cpu_shares") == 512
        assert one(mine, "container_spec_memory_limit_bytes") == 64 << 20
        assert one(mine, "container_file_descriptors") >= 7 and one(mine, "container_threads") == 2
        assert one(mine, "container_fs_usage_bytes") > 0 < one(mine, "container_fs_inodes_free")
        assert {labels["failure_type"] for labels, _ in values(mine)["container_memory_failures_total"]} == {"pgfault", "pgmajfault"}
        assert one(mine, "container_last_seen") >= one(mine, "container_start_time_seconds") > 1.7e9
        (labels, received), = values(pod.metrics)["container_network_receive_bytes_total"]
        assert labels["interface"] == "eth0" and received >= 0
        known = {metric.name for metric in [*mine, *pod.metrics]}
        missing = set(described) - known
        # Those that only a disk's traffic brings.
        assert all(name.startswith(("container_fs_reads", "container_fs_writes", "container_blkio")) for name in missing)


def test_user_namespaces(ours, tmp_path):
    """A mapping is that of the pod and of all its containers, and there is one."""
    def users(*mappings, mode=cri.POD):
        listed = [cri.IDMapping(container_id=inside, host_id=outside, length=count) for inside, outside, count in mappings]
        return cri.NamespaceOption(userns_options=cri.UserNamespace(mode=mode, uids=listed, gids=listed))

    def options(namespace):
        return cri.LinuxPodSandboxConfig(
            cgroup_parent="/apus-interop", security_context=cri.LinuxSandboxSecurityContext(namespace_options=namespace))

    with channel(ours) as opened:
        runtime = cri_grpc.RuntimeServiceStub(opened)
        handlers = runtime.Status(cri.StatusRequest()).runtime_handlers
        assert all(handler.features.user_namespaces for handler in handlers)
        config = sandbox_config("users", tmp_path)
        for wrong in (users(), users((0, 1000, 65536), (65536, 200000, 1)), users((1, 1000, 65536)), users((0, 1000, 0)),
                      users(mode=cri.CONTAINER), users(mode=cri.TARGET)):
            config.linux.CopyFrom(options(wrong))
            with pytest.raises(grpc.RpcError) as refused:
                runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config))
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        right = users((0, 300000, 65536))
        config.linux.CopyFrom(options(right))
        sandbox = runtime.RunPodSandbox(cri.RunPodSandboxRequest(config=config)).pod_sandbox_id
        try:
            with pytest.raises(grpc.RpcError) as refused:
                create(runtime, config, sandbox, "other", "true", linux=cri.LinuxContainerConfig(
                    security_context=cri.LinuxContainerSecurityContext(namespace_options=users((0, 400000, 65536)))))
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            for pid in (cri.CONTAINER, cri.POD):
                right.pid = pid
                name = f"inside-{pid}"
                container = create(
                    runtime, config, sandbox, name, "sh", "-c", "cat /proc/self/uid_map; readlink /proc/self; exec sleep 1000",
                    log_path=f"{name}.log", linux=cri.LinuxContainerConfig(
                        security_context=cri.LinuxContainerSecurityContext(namespace_options=right)))
                runtime.StartContainer(cri.StartContainerRequest(container_id=container))
                words = eventually(lambda: len(found := (tmp_path / f"{name}.log").read_text().split()) >= 10 and found)
                assert words[3:6] == ["0", "300000", "65536"] and int(words[9]) < 100
                runtime.StopContainer(cri.StopContainerRequest(container_id=container, timeout=0))
                ended = runtime.ContainerStatus(cri.ContainerStatusRequest(container_id=container)).status
                assert (ended.state, ended.exit_code) == (cri.CONTAINER_EXITED, 137)
        finally:
            runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=sandbox))
            runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox))
