# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""A disk that is full: the store answers and loses nothing, what runs goes on, and the words are where people look."""
import json
import os
import re
import subprocess
import urllib.request

import pytest
from api import API
from conftest import NGINX, REGISTRY, Kubectl, eventually, pod

NODE = os.path.dirname(os.path.dirname(os.path.dirname(os.environ["KUBECONFIG"])))


@pytest.fixture
def fill():
    """Fills the disk but for so many bytes."""
    path = os.path.join(NODE, "filling")

    def fill(left):
        free = os.statvfs(NODE)
        with open(path, "ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), free.f_bavail * free.f_frsize - left)

    yield fill
    if os.path.exists(path):
        os.remove(path)


def condition(kubectl, kind):
    return json.loads(kubectl("get", "node", "node-1", "-o", f'jsonpath={{.status.conditions[?(@.type=="{kind}")]}}'))


def status():
    words = [os.environ["APUS"], "status", f"--root={NODE}", "--node-ip=10.240.0.1", "--node-name=node-1"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def answers(address):
    try:
        urllib.request.urlopen(f"http://{address}", timeout=2).read()
        return True
    except OSError:
        return False


def test_a_full_disk(fill, tmp_path):
    kubectl = Kubectl("default")
    eventually(lambda: kubectl("get", "serviceaccount", "default", check=False).returncode == 0)
    kubectl.apply(pod("well", image=NGINX))
    kubectl("wait", "--for=condition=Ready", "pod/well", "--timeout=30s")
    kubectl("create", "configmap", "before", "--from-literal=a=b")
    before = kubectl.json("get", "pod", "well")["status"]
    assert "problem" not in status()

    # Room for the store, whose log grows by as much before it is folded back, and none for an image.
    fill(4 << 20)
    kubectl.apply(pod("large", image=f"{REGISTRY}/redis:v1"))
    eventually(lambda: re.search(
        r'Failed +.*Failed to pull image ".*/redis:v1": rpc error: .*no space left on device', kubectl("describe", "pod", "large")))
    assert re.search(r"large +0/1 +(ErrImagePull|ImagePullBackOff|Evicted|Error)", kubectl("get", "pods"))

    # Room for nothing.
    fill(0)
    client, path = API(), "/api/v1/namespaces/default/configmaps"
    large = {"metadata": {"name": "during"}, "data": {"a": "x" * 500_000}}

    def refused():
        code, answer = client("POST", path, json.dumps(large).encode())
        assert code == 500 and "the disk of the store is full" in answer["message"], answer
        return True

    assert refused()
    patch = tmp_path / "patch.json"
    patch.write_text(json.dumps({"data": {"b": "x" * 200_000}}))
    answer = kubectl("patch", "configmap", "before", "--type=merge", f"--patch-file={patch}", check=False)
    assert answer.returncode == 1 and "the disk of the store is full" in answer.stderr
    # Reading goes on, nothing is half written, and the pod answers until the kubelet makes room.
    assert kubectl.json("get", "configmap", "before")["data"] == {"a": "b"}
    assert client("GET", f"{path}/during")[0] == 404
    if kubectl.json("get", "pod", "well")["status"]["phase"] == "Running":
        urllib.request.urlopen(f"http://{before['podIP']}", timeout=5).read()
    assert re.search(r"problem +the disk of .*/var/lib/apus is full: \d+ MiB of 120 MiB are left", status())

    # The kubelet looks every 10 s, and makes room.
    eventually(lambda: not answers(before["podIP"]), 40, "the pod went on")
    os.remove(os.path.join(NODE, "filling"))
    eventually(lambda: client("POST", path, json.dumps(large).encode())[0] == 201)
    # What the kubelet could not write before, it writes now; and the condition stays a while.
    lacking = eventually(lambda: (c := condition(kubectl, "DiskPressure"))["status"] == "True" and c, 40)
    assert lacking["reason"] == "KubeletHasDiskPressure" and lacking["message"] == "kubelet has disk pressure"
    eventually(lambda: "node.kubernetes.io/disk-pressure:NoSchedule" in kubectl("describe", "node", "node-1"))
    evicted = eventually(lambda: [p["status"] for p in kubectl.json("get", "pods")["items"] if p["status"].get("reason") == "Evicted"])
    assert all(e["phase"] == "Failed" and e["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ") for e in evicted)
    kubectl.apply(pod("later", image=NGINX))
    eventually(lambda: "had untolerated taint" in kubectl("describe", "pod", "later"))
    assert "problem" not in status()
