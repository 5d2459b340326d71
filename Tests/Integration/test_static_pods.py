# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Pods from the kubelet's folder of manifests: they follow the files at once, and the API shows a mirror of them."""
import json
import os

import pytest

from conftest import BUSYBOX, Kubectl, eventually

MANIFESTS = f"{os.environ.get('APUS_TEST_ROOT', '')}/node/etc/kubernetes/manifests"
# The kubelet reads the folder every 20 seconds even if nobody tells it to: what is told is there sooner.
SOON = 10


def manifest(*command):
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "static"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [
            {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", *command]}]}})


@pytest.fixture
def path():
    os.makedirs(MANIFESTS, exist_ok=True)
    path = f"{MANIFESTS}/static.yaml"
    yield path
    if os.path.exists(path):
        os.remove(path)
    eventually(lambda: "NotFound" in Kubectl("default")("get", "pod", "static-node-1", check=False).stderr)


def test_a_static_pod_follows_its_file(path):
    kubectl = Kubectl("default")

    def log():
        return kubectl("logs", "static-node-1", check=False).stdout

    with open(path, "w") as file:
        file.write(manifest("echo first; exec sleep 1000"))
    eventually(lambda: log() == "first\n", SOON)
    mirror = kubectl.json("get", "pod", "static-node-1")
    assert mirror["metadata"]["annotations"]["kubernetes.io/config.source"] == "file"
    assert mirror["metadata"]["ownerReferences"][0]["kind"] == "Node"

    # Who deletes the mirror does not delete the pod.
    container = mirror["status"]["containerStatuses"][0]["containerID"]
    kubectl("delete", "pod", "static-node-1", "--grace-period=0", "--force")

    def again():
        pod = kubectl.json("get", "pod", "static-node-1")
        return pod["metadata"]["uid"] != mirror["metadata"]["uid"] and pod["status"].get("containerStatuses")

    assert eventually(again, SOON)[0]["containerID"] == container

    # A file that is replaced is another pod; one that is broken for a moment keeps it.
    for text in "{broken", manifest("echo second; exec sleep 1000"):
        with open(f"{MANIFESTS}/.new", "w") as file:
            file.write(text)
        os.rename(f"{MANIFESTS}/.new", path)
    eventually(lambda: log() == "second\n", SOON)

    os.remove(path)
    eventually(lambda: "NotFound" in kubectl("get", "pod", "static-node-1", check=False).stderr, SOON)
