# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""A clock that jumps: forth, back, and beyond the life of the certificates."""
import os
import struct
import subprocess

from api import API
from conftest import NGINX, Kubectl, eventually, pod

ROOT = os.environ["APUS_TEST_ROOT"]
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def move(seconds):
    """Sets by how much the wall clock is ahead; programs see it at once."""
    with open(f"{ROOT}/clock", "r+b") as file:
        file.write(struct.pack("q", seconds))


def apus(*words):
    return subprocess.run(
        [os.environ["APUS"], *words, f"--root={ROOT}/node", "--node-ip=10.240.0.1", "--node-name=node-1"],
        capture_output=True, text=True, check=False, timeout=120)


def node(client):
    status, answer = client("GET", "/api/v1/nodes/node-1")
    assert status == 200, answer
    return {c["type"]: c["status"] for c in answer["status"]["conditions"]}["Ready"]


def test_hours(kubectl):
    kubectl.apply(pod("well", image=NGINX))
    kubectl("wait", "--for=condition=Ready", "pod/well", "--timeout=30s")
    before = kubectl.json("get", "pod", "well")["status"]["containerStatuses"]
    client = API()
    for step, ahead in enumerate([7200, 0, 3 * 86400, 0]):
        move(ahead)
        # The node's lease goes on with the new time, and nobody takes the node for lost.
        lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"
        old = client("GET", lease)[1]["spec"]["renewTime"]
        eventually(lambda: client("GET", lease)[1]["spec"]["renewTime"] != old, 40)
        assert node(client) == "True"
        kubectl.apply(pod(f"new-{step}", image=NGINX))
        kubectl("wait", "--for=condition=Ready", f"pod/new-{step}", "--timeout=30s")
        # A token whose hour is over is renewed where the pod finds it.
        def token_holds():
            token = kubectl("exec", "well", "--", "cat", TOKEN)
            return client("GET", "/api", headers={"Authorization": f"Bearer {token}"}, certificate=None)[0] == 200
        eventually(token_holds, 100, f"the token's renewal at step {step}")
        after = kubectl.json("get", "pod", "well")
        assert after["status"]["containerStatuses"] == before and node(client) == "True"
    move(0)


def test_certificates_expire():
    client = API()
    assert client("GET", "/api/v1/nodes")[0] == 200
    assert "has expired" not in apus("status").stdout
    move(400 * 86400)
    try:
        # kubectl has the kernel's clock: for it the server is fine, and for the server it is somebody of last year.
        answer = Kubectl("default")("get", "pods", check=False)
        assert answer.returncode == 1 and "You must be logged in to the server" in answer.stderr, answer.stderr
        status = apus("status").stdout
        assert "the certificate " in status and "pki/apiserver.crt has expired: apus up renews it" in status, status
        # As it says.
        answer = apus("up")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        eventually(lambda: API()("GET", "/api/v1/nodes")[0] == 200, 60)
        eventually(lambda: node(API()) == "True", 60)
        assert "has expired" not in apus("status").stdout
    finally:
        move(0)
