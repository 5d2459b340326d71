# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Debian's containerd runs pods with our OCI runtime: its shim calls `apus-oci` where it would call runc."""
import json
import os
import subprocess

import pytest

from conftest import BUSYBOX, eventually, kubectl, pod  # noqa: F401 (a fixture)

APUS_OCI = os.path.join(os.path.dirname(os.environ["APUS"]), "apus-oci")
ROOT = "/run/containerd/runc/k8s.io"  # where containerd's shim has the runtimes keep the state of CRI's containers


@pytest.fixture(scope="module", autouse=True)
def runtime_class():
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "apus"}, "handler": "apus"}
    subprocess.run(["kubectl", "apply", "-f", "-"], input=json.dumps(manifest), text=True, check=True)
    yield
    subprocess.run(["kubectl", "delete", "runtimeclass", "apus"], check=True)


def ours():
    """The containers that our runtime keeps, by name."""
    rows = json.loads(subprocess.check_output([APUS_OCI, "--root", ROOT, "list", "--format", "json"], text=True))
    return {row["id"]: row for row in rows or []}


def test_a_pod_lives_in_containerd_on_our_runtime(kubectl):
    """Log, exec with and without a terminal, limits, an exit code, and a deletion that leaves nothing."""
    before = set(ours())
    limits = {"limits": {"memory": "64Mi", "cpu": "200m"}}
    kubectl.apply(pod("lives", "sh", "-c", "echo hello; trap 'exit 7' USR1; while true; do sleep 0.1; done",
                      runtimeClassName="apus", restartPolicy="Never", container={"resources": limits}))
    kubectl("wait", "--for=condition=Ready", "pod/lives", "--timeout=60s")
    rows = {name: row for name, row in ours().items() if name not in before}
    assert len(rows) == 2 and {row["status"] for row in rows.values()} == {"running"}
    identity = kubectl.json("get", "pod", "lives")["status"]["containerStatuses"][0]["containerID"]
    assert identity.removeprefix("containerd://") in rows
    assert eventually(lambda: kubectl("logs", "lives")) == "hello\n"
    assert kubectl("exec", "lives", "--", "sh", "-c", "echo $0; cat /proc/1/comm; hostname") == "sh\nsh\nlives\n"
    assert kubectl("exec", "lives", "--", "sh", "-c", "exit 5", check=False).returncode == 5
    typed = kubectl("exec", "-i", "lives", "--", "cat", stdin="through\n")
    assert typed == "through\n"
    limit = kubectl("exec", "lives", "--", "sh", "-c",
                    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max")
    assert limit.strip() == str(64 << 20)
    kubectl("exec", "lives", "--", "sh", "-c", "kill -USR1 1")
    ended = eventually(lambda: kubectl.json("get", "pod", "lives")["status"]["containerStatuses"][0]["state"].get("terminated"))
    assert ended["exitCode"] == 7
    kubectl("delete", "pod", "lives")
    eventually(lambda: set(ours()) == before)


def test_what_cannot_start_says_why(kubectl):
    kubectl.apply(pod("fails", "/nosuch", runtimeClassName="apus", restartPolicy="Never"))
    status = eventually(lambda: next(iter(kubectl.json("get", "pod", "fails")["status"].get("containerStatuses", [])), None)
                        and kubectl.json("get", "pod", "fails")["status"]["containerStatuses"][0]["state"].get("terminated"))
    assert status["exitCode"] != 0 and "no such file" in status["message"].lower()


def test_init_containers_run_in_order(kubectl):
    """Short-lived containers: created, started, ended and deleted one after the other."""
    steps = [{"name": f"step-{number}", "image": BUSYBOX, "command": ["sh", "-c", f"echo {number} >> /data/steps"],
              "volumeMounts": [{"name": "data", "mountPath": "/data"}]} for number in range(3)]
    kubectl.apply(pod("steps", "cat", "/data/steps", runtimeClassName="apus", restartPolicy="Never", initContainers=steps,
                      volumes=[{"name": "data", "emptyDir": {}}],
                      container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]}))
    eventually(lambda: kubectl.json("get", "pod", "steps")["status"]["phase"] == "Succeeded", 60)
    assert kubectl("logs", "steps") == "0\n1\n2\n"
