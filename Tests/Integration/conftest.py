# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What the tests share: kubectl, a namespace of one's own, and waiting for what the cluster does."""
import json
import subprocess
import time
import uuid

import pytest

REGISTRY = "127.0.0.1:5000"
BUSYBOX = f"{REGISTRY}/busybox:v1"
NGINX = f"{REGISTRY}/nginx:v1"


class Kubectl:
    """Runs the real kubectl in one namespace."""

    def __init__(self, namespace):
        self.namespace = namespace

    def __call__(self, *words, stdin=None, check=True, timeout=60):
        command = ["kubectl", f"--namespace={self.namespace}", *words]
        answer = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and answer.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {answer.returncode}\n{answer.stdout}{answer.stderr}")
        return answer.stdout if check else answer

    def json(self, *words):
        return json.loads(self(*words, "-o", "json"))

    def apply(self, *objects):
        return self("apply", "-f", "-", stdin="\n---\n".join(json.dumps(o) for o in objects))

    def start(self, *words, **options):
        return subprocess.Popen(["kubectl", f"--namespace={self.namespace}", *words], **options)


@pytest.fixture
def kubectl():
    """kubectl in a fresh namespace, which is deleted afterwards."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    tool = Kubectl(namespace)
    tool("create", "namespace", namespace)
    eventually(lambda: tool("get", "serviceaccount", "default", check=False).returncode == 0)
    yield tool
    tool("delete", "namespace", namespace, timeout=90)


def eventually(condition, seconds=30, what=None):
    """Asks until the answer is true, and returns it. The cluster has no event for "anything"; hence the asking."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except AssertionError as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what or 'the condition'} did not come true within {seconds} s; last: {last}")


def pod(name, *command, image=BUSYBOX, labels=None, **spec):
    """A pod with one container."""
    container = {"name": "main", "image": image}
    if command:
        container["command"] = list(command)
    container.update(spec.pop("container", {}))
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **spec},
    }
