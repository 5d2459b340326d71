# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The API server on three members of etcd: one goes, nobody notices; it comes back and another goes."""
import os
import subprocess
import threading

from conftest import eventually, kubectl, pod  # noqa: F401
import kubernetes

HERE = os.path.dirname(os.path.abspath(__file__))
ETCD = os.path.join(os.environ["APUS_TEST_ROOT"], "etcd")


def member(verb, number):
    subprocess.run([f"{HERE}/etcd.sh", verb, ETCD, str(number)], check=True)


class Writer(threading.Thread):
    """Creates ConfigMaps without pause, and notes those that were acknowledged and those that failed."""

    def __init__(self, api, namespace):
        super().__init__(daemon=True)
        self.api, self.namespace = api, namespace
        self.acknowledged, self.failed, self.stopped = [], [], threading.Event()

    def run(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"entry-{number}"
            try:
                self.api.create_namespaced_config_map(
                    self.namespace, {"metadata": {"name": name}, "data": {"number": str(number)}})
                self.acknowledged.append(name)
            except kubernetes.client.ApiException as error:
                self.failed.append((name, error.status))

    def goes_on(self):
        before = len(self.acknowledged)
        eventually(lambda: len(self.acknowledged) > before + 20, 20, "writing goes on")


def test_any_member_may_go_and_come_back(kubectl):  # noqa: F811
    kubernetes.config.load_kube_config()
    api = kubernetes.client.CoreV1Api()
    kubectl.apply(pod("bystander", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/bystander", "--timeout=30s")
    start = api.list_namespaced_config_map(kubectl.namespace).metadata.resource_version
    writer = Writer(api, kubectl.namespace)
    writer.start()
    for number in (1, 2, 3):
        writer.goes_on()
        member("kill", number)
        writer.goes_on()
        member("member", number)
        # Two of three are needed: the next may only go when this one follows again.
        eventually(lambda: healthy(number), 20, f"member {number} follows again")
    writer.goes_on()
    writer.stopped.set()
    writer.join(30)
    present = {item.metadata.name for item in api.list_namespaced_config_map(kubectl.namespace).items
               if item.metadata.name.startswith("entry-")}
    assert set(writer.acknowledged) <= present, "an acknowledged write is lost"
    # A write that was under way when a member went may be answered with an error; only few are.
    assert len(writer.failed) <= 6, writer.failed
    # A watch from the time before tells of every write, once and in order.
    seen = []
    for event in kubernetes.watch.Watch().stream(
            api.list_namespaced_config_map, kubectl.namespace, resource_version=start, timeout_seconds=5):
        seen.append(event["object"].metadata.name)
        if len(seen) == len(present):
            break
    assert sorted(seen) == sorted(present) and len(set(seen)) == len(seen)
    # The node and its pods did not mind.
    status = kubectl.json("get", "pod", "bystander")["status"]
    assert status["phase"] == "Running" and status["containerStatuses"][0]["restartCount"] == 0


def healthy(number):
    host = {1: "127.0.0.1:2379", 2: "127.0.0.2:2379", 3: "localhost:22379"}[number]
    answer = subprocess.run(
        ["curl", "--silent", "--max-time", "5", "--cacert", f"{ETCD}/ca.crt", "--cert", f"{ETCD}/client.crt",
         "--key", f"{ETCD}/client.key", f"https://{host}/health"], capture_output=True, text=True)
    return '"health":"true"' in answer.stdout
