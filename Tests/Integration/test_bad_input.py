# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a cluster on its first day: users find the words they know where they look for them, and a
neighbour who does nothing wrong does not notice.

All the pods that cannot be are made at once, beside one that is well and is asked again and again until the end."""
import json
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid

import pytest
from api import API
from conftest import BUSYBOX, NGINX, REGISTRY, Kubectl, eventually, pod

HANGING = "127.0.0.1:5998"
CLOSED = "127.0.0.1:5999"


def mounting(volume):
    return {"volumes": [{"name": "v", **volume}], "container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}


def image(name, **more):
    return {"container": {"image": name, **more}}


def host_port(port):
    return {"container": {"ports": [{"containerPort": 80, "hostPort": port}]}}


def from_config_map(name, key):
    return {"container": {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}]}}


BAD = {
    "no-repository": image(f"{REGISTRY}/nosuch:v1"),
    "no-tag": image(f"{REGISTRY}/busybox:nosuch"),
    "bad-name": image(f"{REGISTRY}/Busy_Box:v1"),
    "never": image(f"{REGISTRY}/other:v1", imagePullPolicy="Never"),
    "refused": image(f"{CLOSED}/a:v1"),
    **{f"hanging-{number}": image(f"{HANGING}/a{number}:v1") for number in range(6)},
    "exits": {"container": {"command": ["sh", "-c", "echo bye; exit 7"]}},
    "no-program": {"container": {"command": ["nosuch"]}},
    "no-file": {"container": {"command": ["/no/such/program"]}},
    "no-right": {"container": {"command": ["/etc/passwd"]}},
    "no-folder": {"container": {"workingDir": "/etc/passwd"}},
    "as-root": {"securityContext": {"runAsNonRoot": True}},
    "no-config-map": mounting({"configMap": {"name": "nosuch"}}),
    "no-secret": mounting({"secret": {"secretName": "nosuch"}}),
    "no-key": mounting({"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "nokey", "path": "x"}]}}),
    "no-directory": mounting({"hostPath": {"path": "/no/such", "type": "Directory"}}),
    "no-claim": mounting({"persistentVolumeClaim": {"claimName": "nosuch"}}),
    "no-env-map": from_config_map("nosuch", "a"),
    "no-env-key": from_config_map("kube-root-ca.crt", "a"),
    "too-big": {"container": {"resources": {"requests": {"memory": "900Gi"}}}},
    "port-first": {"nodeName": "node-1", **host_port(18080)},
}
LATER = {
    # Past the scheduler, which would not have put them here.
    "port-second": {"nodeName": "node-1", **host_port(18080)},
    "port-third": host_port(18080),
    "too-big-here": {"nodeName": "node-1", "container": {"resources": {"requests": {"cpu": "900"}}}},
}


class Neighbour(threading.Thread):
    """Asks a pod and the API, again and again, and notes what went wrong."""

    def __init__(self, address, namespace):
        super().__init__(daemon=True)
        self.address, self.namespace = address, namespace
        self.done = threading.Event()
        self.asked, self.slowest, self.failures = 0, 0.0, []

    def run(self):
        client = API()
        while not self.done.is_set():
            begin = time.monotonic()
            try:
                urllib.request.urlopen(f"http://{self.address}", timeout=5).read()
                status, _ = client("GET", f"/api/v1/namespaces/{self.namespace}/pods/healthy")
                assert status == 200, status
            except Exception as error:  # Whatever it is, it is what the test is about.
                self.failures.append(repr(error))
            self.asked += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.done.wait(0.05)


@pytest.fixture(scope="module")
def neighbour():
    """A pod in a namespace of its own that is well, and stays so until all tests are done."""
    kubectl = Kubectl(f"well-{uuid.uuid4().hex[:8]}")
    kubectl("create", "namespace", kubectl.namespace)
    eventually(lambda: kubectl("get", "serviceaccount", "default", check=False).returncode == 0)
    kubectl.apply(pod("healthy", image=NGINX))
    kubectl("wait", "--for=condition=Ready", "pod/healthy", "--timeout=30s")
    before = kubectl.json("get", "pod", "healthy")["status"]
    thread = Neighbour(before["podIP"], kubectl.namespace)
    thread.start()
    yield kubectl
    thread.done.set()
    thread.join()
    after = kubectl.json("get", "pod", "healthy")["status"]
    kubectl("delete", "namespace", kubectl.namespace, timeout=90)
    assert thread.failures == [] and thread.asked > 50, (thread.asked, thread.failures[:5])
    assert after["containerStatuses"] == before["containerStatuses"]
    assert thread.slowest < 4, f"the neighbour waited {thread.slowest} s"


@pytest.fixture(scope="module")
def bad(neighbour):
    """kubectl in the namespace with all the bad pods."""
    server = socket.create_server(("127.0.0.1", int(HANGING.split(":")[1])), backlog=100)
    kubectl = Kubectl(f"bad-{uuid.uuid4().hex[:8]}")
    kubectl("create", "namespace", kubectl.namespace)
    eventually(lambda: kubectl("get", "serviceaccount", "default", check=False).returncode == 0)
    kubectl.apply(*[pod(name, "sleep", "1000", **json.loads(json.dumps(spec))) for name, spec in BAD.items()])
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, timeout=90)
    server.close()


def statuses(kubectl, name):
    return kubectl.json("get", "pod", name)["status"].get("containerStatuses", [{}])


def waits(kubectl, name, reason, message=None):
    """Waits until the container waits for a reason; the reason is also in the table."""
    def look():
        waiting = statuses(kubectl, name)[0].get("state", {}).get("waiting", {})
        return waiting.get("reason") == reason and (not message or message in waiting.get("message", ""))
    eventually(look, 60, f"{name}: {reason} {message}")


def told(kubectl, name, reason, message, seconds=40):
    """Waits for an event, as kubectl describe shows it."""
    def look():
        lines = kubectl("describe", "pod", name).partition("\nEvents:")[2].splitlines()
        return [line for line in lines if re.search(rf"\b{reason}\b", line) and message in line]
    return eventually(look, seconds, f"{name}: event {reason}: {message}")


def refused(kubectl, text, *messages, words=("apply", "-f", "-")):
    answer = kubectl(*words, stdin=text, check=False)
    assert answer.returncode != 0
    for message in messages:
        assert message in answer.stderr, answer.stderr


# Documents

def test_broken_yaml(kubectl):
    refused(kubectl, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n data:\n  x: y\n", "error converting YAML to JSON: yaml: line")
    client, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    status, answer = client("POST", path, b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}')
    assert status == 400 and answer["reason"] == "BadRequest" and "unexpected end of JSON input" in answer["message"]
    status, answer = client("POST", path, b"apiVersion: v1\nkind: ConfigMap\n metadata:\n  name: a\n", {"Content-Type": "application/yaml"})
    assert status == 400 and "yaml: line" in answer["message"], answer
    status, answer = client("POST", path, b"hello", {"Content-Type": "text/plain"})
    assert status == 415 and answer["reason"] == "UnsupportedMediaType", answer


def test_unknown_and_mistyped_fields(kubectl):
    typo = json.dumps(pod("typo", container={"imagePullPollicy": "Never"}, restrtPolicy="Never"))
    words = ('unknown field "spec.containers[0].imagePullPollicy"', 'unknown field "spec.restrtPolicy"')
    refused(kubectl, typo, "Error from server (BadRequest)", "strict decoding error:", *words)
    answer = kubectl("apply", "--validate=warn", "--dry-run=server", "-f", "-", stdin=typo, check=False)
    assert answer.returncode == 0 and all(f"Warning: {word}" in answer.stderr for word in words), answer.stderr
    answer = kubectl("apply", "--validate=ignore", "--dry-run=server", "-f", "-", stdin=typo, check=False)
    assert answer.returncode == 0 and answer.stderr == ""
    refused(
        kubectl, json.dumps(pod("typed", container={"image": 5})),
        "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string")
    refused(
        kubectl, json.dumps(pod("listed", containers={"name": "x"})),
        "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container")
    refused(
        kubectl, json.dumps(pod("valued", container={"ports": [{"containerPort": 80000}]}, restartPolicy="Sometimes")),
        'The Pod "valued" is invalid:', "spec.containers[0].ports[0].containerPort: Invalid value: 80000: must be between 1 and 65535, inclusive",
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"')
    refused(kubectl, '{"apiVersion":"v1","kind":"Pood","metadata":{"name":"a"}}', 'no matches for kind "Pood" in version "v1"')
    refused(
        kubectl, '{"apiVersion":"example.com/v1","kind":"Pod","metadata":{"name":"a"}}',
        'no matches for kind "Pod" in version "example.com/v1"', "ensure CRDs are installed first")


def test_bad_queries():
    client = API()
    for query, code, message in [
        ("limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("labelSelector=a%20in", 400, "unable to parse requirement"),
        ("fieldSelector=spec.nosuch%3D1", 400, "field label not supported: spec.nosuch"),
        ("continue=abc&limit=1", 400, "continue key is not valid"),
    ]:
        status, answer = client("GET", f"/api/v1/pods?{query}")
        assert status == code and message in answer["message"], answer


# Images

def test_an_image_that_does_not_exist(bad):
    for name, reference in [("no-repository", f"{REGISTRY}/nosuch:v1"), ("no-tag", f"{REGISTRY}/busybox:nosuch")]:
        why = (f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
               f'failed to resolve reference "{reference}": {reference}: not found')
        told(bad, name, "Pulling", f'Pulling image "{reference}"')
        told(bad, name, "Failed", f'Failed to pull image "{reference}": {why}')
        told(bad, name, "Failed", "Error: ErrImagePull")
        told(bad, name, "BackOff", f'Back-off pulling image "{reference}"')
        told(bad, name, "Failed", "Error: ImagePullBackOff")
        waits(bad, name, "ImagePullBackOff", f'Back-off pulling image "{reference}": ErrImagePull: {why}')
        assert re.search(rf"{name} +0/1 +(ErrImagePull|ImagePullBackOff) ", bad("get", "pods"))


def test_image_names_and_policies(bad):
    name = f"{REGISTRY}/Busy_Box:v1"
    why = f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": invalid reference format'
    waits(bad, "bad-name", "InvalidImageName", why)
    told(bad, "bad-name", "InspectFailed", why)
    waits(bad, "never", "ErrImageNeverPull", f'Container image "{REGISTRY}/other:v1" is not present with pull policy of Never')
    told(bad, "never", "ErrImageNeverPull", "is not present with pull policy of Never")


def test_a_registry_that_refuses(bad):
    told(bad, "refused", "Failed", f'failed to do request: Head "http://{CLOSED}/v2/a/manifests/v1": dial tcp {CLOSED}: connect: connection refused', 10)


def test_a_registry_that_hangs_holds_up_its_own_images_only(bad):
    # All of these wait for the one registry; another one is asked meanwhile.
    eventually(lambda: all("ContainerCreating" in bad("get", "pod", f"hanging-{number}") for number in range(6)))
    bad.apply(pod("meanwhile", "sleep", "1000", container={"imagePullPolicy": "Always"}))
    bad("wait", "--for=condition=Ready", "pod/meanwhile", "--timeout=15s")
    # One that is deleted while it waits does not wait any longer.
    begin = time.monotonic()
    bad("delete", "pod", "hanging-4", "hanging-5", "--grace-period=1", timeout=10)
    assert time.monotonic() - begin < 5
    told(bad, "hanging-0", "Failed", f'failed to do request: Head "http://{HANGING}/v2/a0/manifests/v1": timeout awaiting response headers', 60)


# Containers

def test_a_container_that_exits_at_once(bad):
    waits(bad, "exits", "CrashLoopBackOff", "restarting failed container=main pod=exits_")
    status = eventually(lambda: [s for s in statuses(bad, "exits") if s["restartCount"] >= 2], 60)[0]
    ended = status["lastState"]["terminated"]
    assert ended["exitCode"] == 7 and ended["reason"] == "Error" and ended["containerID"].startswith("apus://")
    told(bad, "exits", "BackOff", "Back-off restarting failed container main in pod exits_")
    described = bad("describe", "pod", "exits")
    assert re.search(r"Last State: +Terminated\n +Reason: +Error\n +Exit Code: +7\n", described), described
    assert bad("logs", "exits", "--previous") == "bye\n"


@pytest.mark.parametrize("name,why", [
    ("no-program", 'exec: "nosuch": executable file not found in $PATH'),
    ("no-file", 'exec: "/no/such/program": stat /no/such/program: no such file or directory'),
    ("no-right", 'exec: "/etc/passwd": permission denied'),
    ("no-folder", 'chdir to cwd ("/etc/passwd") set in config.json failed'),
])
def test_a_command_that_cannot_be_run(bad, name, why):
    told(bad, name, "Failed", f"Error: unable to start container process: {why}")
    ended = eventually(lambda: statuses(bad, name)[0]["lastState"].get("terminated"))
    assert ended["reason"] == "StartError" and ended["exitCode"] == 128 and why in ended["message"]
    assert re.search(rf"{name} +0/1 +(RunContainerError|CrashLoopBackOff) ", bad("get", "pods"))


def test_a_container_whose_configuration_cannot_be_made(bad):
    for name, why in [
        ("as-root", "container has runAsNonRoot and image will run as root"), ("no-env-map", 'configmap "nosuch" not found'),
        ("no-env-key", f"couldn't find key a in ConfigMap {bad.namespace}/kube-root-ca.crt"),
    ]:
        waits(bad, name, "CreateContainerConfigError", why)
        told(bad, name, "Failed", f"Error: {why}")


# Volumes, ports, resources

@pytest.mark.parametrize("name,why", [
    ("no-config-map", 'configmap "nosuch" not found'), ("no-secret", 'secret "nosuch" not found'),
    ("no-key", "configmap references non-existent config key: nokey"),
    ("no-directory", "hostPath type check failed: /no/such is not a directory"),
])
def test_a_volume_that_cannot_be_mounted(bad, name, why):
    told(bad, name, "FailedMount", f'MountVolume.SetUp failed for volume "v" : {why}')
    waits(bad, name, "ContainerCreating")


def test_what_was_missing_comes(bad):
    bad("create", "configmap", "late", "--from-literal=a=b")
    bad.apply(pod("hopeful", "sleep", "1000", **mounting({"configMap": {"name": "later"}})))
    told(bad, "hopeful", "FailedMount", 'configmap "later" not found')
    bad("create", "configmap", "later", "--from-literal=a=b")
    bad("wait", "--for=condition=Ready", "pod/hopeful", "--timeout=30s")


def test_what_the_scheduler_cannot_place(bad):
    told(bad, "no-claim", "FailedScheduling", '0/1 nodes are available: persistentvolumeclaim "nosuch" not found.')
    told(bad, "too-big", "FailedScheduling", "0/1 nodes are available: 1 Insufficient memory.")
    assert "Pending" in bad("get", "pod", "too-big")


def test_a_host_port_that_is_taken(bad):
    bad("wait", "--for=condition=Ready", "pod/port-first", "--timeout=30s")
    bad.apply(*[pod(name, "sleep", "1000", **json.loads(json.dumps(spec))) for name, spec in LATER.items()])
    told(bad, "port-third", "FailedScheduling", "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.")
    why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    status = eventually(lambda: (s := bad.json("get", "pod", "port-second")["status"])["phase"] == "Failed" and s)
    assert status["reason"] == "NodePorts" and status["message"] == f"Pod was rejected: {why}"
    told(bad, "port-second", "NodePorts", why)
    assert re.search(r"port-second +0/1 +NodePorts ", bad("get", "pods"))
    told(bad, "too-big-here", "OutOfcpu", "Node didn't have enough resource: cpu, requested: 900000, used: ")
    assert re.search(r"too-big-here +0/1 +OutOfcpu ", bad("get", "pods"))


# The network

def test_a_network_configuration_with_an_unknown_plugin(bad, neighbour):
    folder = os.path.join(os.path.dirname(os.path.dirname(os.environ["KUBECONFIG"])), "cni/net.d")
    unknown = os.path.join(folder, "05-unknown.conflist")
    ready = ("get", "node", "node-1", "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")]}')
    try:
        with open(unknown, "w", encoding="utf-8") as file:
            json.dump({"cniVersion": "1.0.0", "name": "unknown", "plugins": [{"type": "nosuch"}]}, file)
        bad.apply(pod("unconnected", "sleep", "1000"))
        told(bad, "unconnected", "FailedCreatePodSandBox", 'failed to setup network for sandbox "')
        told(bad, "unconnected", "FailedCreatePodSandBox", 'plugin type="nosuch" failed (add): failed to find plugin "nosuch" in path [')
        assert "ContainerCreating" in bad("get", "pod", "unconnected")
    finally:
        os.remove(unknown)
    bad("wait", "--for=condition=Ready", "pod/unconnected", "--timeout=30s")
    # No configuration at all: the node says so, and is well again when there is one.
    only = os.path.join(folder, "10-apus.conflist")
    try:
        os.rename(only, only + ".away")
        state = eventually(lambda: (s := json.loads(bad(*ready)))["status"] == "False" and s, 60)
        assert state["reason"] == "KubeletNotReady"
        assert state["message"].startswith(
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error:")
        assert re.search(r"node-1 +NotReady", bad("get", "nodes"))
    finally:
        os.rename(only + ".away", only)
    eventually(lambda: json.loads(bad(*ready))["status"] == "True", 60)
    # What the control plane thought of the pods meanwhile is put right.
    neighbour("wait", "--for=condition=Ready", "pod/healthy", "--timeout=20s")


# Who one is

def test_wrong_tokens_and_expired_certificates(tmp_path):
    client = API()
    status, answer = client("GET", "/api/v1/pods", headers={"Authorization": "Bearer wrong"}, certificate=None)
    assert status == 401 and answer["reason"] == "Unauthorized" and answer["message"] == "Unauthorized"
    answer = Kubectl("default")(
        "get", "pods", "--kubeconfig=/dev/null", f"--server={client.server}", "--insecure-skip-tls-verify", "--token=wrong", check=False)
    assert answer.returncode == 1 and "You must be logged in to the server" in answer.stderr
    status, answer = client("GET", "/api/v1/pods", certificate=None)
    assert status == 403 and 'User "system:anonymous" cannot list resource "pods"' in answer["message"]
    for days, code in [(1, 200), (-1, 401)]:
        status, answer = client("GET", "/api/v1/pods?limit=1", certificate=client.issue(tmp_path, days))
        assert status == code, (days, answer)
    assert answer["message"] == "Unauthorized"


# Sizes

def test_an_object_of_ten_megabytes(kubectl, tmp_path, neighbour):
    large = tmp_path / "large.json"
    def write(size):
        large.write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"a": "x" * size}}))
        return str(large)
    limit = "Error from server (RequestEntityTooLarge)", "Request entity too large: limit is 3145728"
    refused(kubectl, None, *limit, words=("create", "-f", write(10_000_000)))
    refused(kubectl, None, *limit, words=("apply", "--server-side", "-f", str(large)))
    refused(kubectl, None, "[]: Too long: may not be more than 1048576 bytes", words=("create", "-f", write(2_000_000)))
    refused(kubectl, None, "metadata.annotations: Too long: may not be more than 262144 bytes", words=("apply", "-f", write(1_000_000)))
    kubectl("create", "-f", str(large))
    # Patches that would make it grow are refused, and leave it as it was.
    before = kubectl.json("get", "configmap", "large")["metadata"]["resourceVersion"]
    client, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps/large"
    patch = {"Content-Type": "application/merge-patch+json"}
    assert client("PATCH", path, json.dumps({"data": {"b": "x" * 10_000_000}}).encode(), patch)[0] == 413
    status, answer = client("PATCH", path, json.dumps({"data": {"b": "x" * 100_000}}).encode(), patch)
    assert status == 422 and answer["reason"] == "Invalid", answer
    assert kubectl.json("get", "configmap", "large")["metadata"]["resourceVersion"] == before


def test_ten_thousand_objects_in_one_list(kubectl, neighbour):
    total, path = 10_000, f"/api/v1/namespaces/{kubectl.namespace}/configmaps"

    def create(numbers):
        client = API()
        for number in numbers:
            body = {"metadata": {"name": f"n-{number:05}", "labels": {"part": str(number % 10)}}, "data": {"a": "x" * 100}}
            status, answer = client("POST", path, json.dumps(body).encode())
            assert status == 201, answer

    threads = [threading.Thread(target=create, args=(range(first, total, 8),)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client = API()
    # Page by page: one state of the store, each object once.
    names, token, versions, pages = [], "", set(), 0
    while True:
        status, page = client("GET", f"{path}?limit=700&continue={token}")
        assert status == 200, page
        if pages == 3:
            # What is made meanwhile is not in it.
            assert client("POST", path, json.dumps({"metadata": {"name": "n-99999"}}).encode())[0] == 201
        pages += 1
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] + len(names) == total + 1
    # kube-root-ca.crt is in every namespace.
    assert len(names) == len(set(names)) == total + 1 and names == sorted(names) and len(versions) == 1 and pages == 15
    assert len(kubectl("get", "configmaps", "--no-headers").splitlines()) == total + 2
    assert len(client("GET", f"{path}?labelSelector=part%3D3")[1]["items"]) == total // 10
    status, answer = client("GET", f"{path}?resourceVersion=0")
    assert len(answer["items"]) == total + 2
    # A watch from before sees every one of them, or is told that it is too late, and begins again.
    begin = time.monotonic()
    status, answer = client("DELETE", path)
    assert status == 200 and time.monotonic() - begin < 60
    eventually(lambda: len(client("GET", path)[1]["items"]) <= 1, 60)
