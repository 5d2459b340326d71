# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""`kill -9` of anything at any time: the cluster is as declared again within seconds, containers that ran are not
disturbed, no acknowledged write is lost, and nothing is left behind on the machine.

APUS_SEED brings the random kills of an earlier run back; APUS_KILLS says how many there are.
"""
import hashlib
import io
import json
import os
import random
import tarfile
import threading
import time
import urllib.request
import uuid

import pytest

from cluster import Cluster, Refused
from conftest import BUSYBOX, REGISTRY, pod
from machine import DAEMONS, HELPERS, Process

KILLS = int(os.environ.get("APUS_KILLS", "200"))
SEED = int(os.environ.get("APUS_SEED") or random.SystemRandom().randrange(1_000_000))
BATCH = 20
PATIENCE = 60
# The two processes that start each other again.
HOLDERS = ("keeper", "supervisor")


def deployment(name, replicas, **spec):
    template = pod(name, "sleep", "100000", **spec)
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                 "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]}},
    }


def claim(name):
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }


def rich_pod(name, host_port=None, claim_name=None, image=BUSYBOX):
    """A pod with something of everything that a pod takes from a machine."""
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "disk", "emptyDir": {}}]
    if claim_name:
        volumes.append({"name": "claim", "persistentVolumeClaim": {"claimName": claim_name}})
    container = {"volumeMounts": [{"name": v["name"], "mountPath": "/" + v["name"]} for v in volumes]}
    if host_port:
        container["ports"] = [{"containerPort": 80, "hostPort": host_port}]
    return pod(name, "sleep", "100000", container=container, volumes=volumes, image=image)


@pytest.fixture(scope="module")
def cluster():
    return Cluster(os.environ["APUS_TEST_ROOT"])


@pytest.fixture
def say(capsys):
    """Prints though all is well: a seed must be known, and figures are worth a line."""
    def print_line(*words):
        with capsys.disabled():
            print("survival:", *words, flush=True)
    return print_line


@pytest.fixture
def namespace(cluster):
    """A namespace of one's own, with its service account; when it goes, the machine is as it was."""
    name = f"survival-{uuid.uuid4().hex[:6]}"
    cluster.api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, fine=(409,))
    cluster.wait_until_whole(PATIENCE, "before the test")
    deadline = time.monotonic() + PATIENCE
    accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
    while not any(a["metadata"]["name"] == "default" for a in cluster.api.list(accounts)):
        assert time.monotonic() < deadline, "no default service account"
        time.sleep(0.02)
    yield name
    cluster.api.ask("DELETE", f"/api/v1/namespaces/{name}", fine=(404, 409))
    deadline = time.monotonic() + PATIENCE
    while cluster.api.ask("GET", f"/api/v1/namespaces/{name}", fine=(404,)):
        assert time.monotonic() < deadline, f"namespace {name} does not go: {cluster.unmet()}"
        time.sleep(0.1)
    cluster.wait_until_whole(PATIENCE, "after the test")


class Writer:
    """Writes config maps without a pause, and remembers which writes were acknowledged."""

    def __init__(self, root, namespace):
        self.api = Cluster(root).api
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"
        self.acknowledged = {}
        self.unknown = {}
        self.count = 0
        self.lock = threading.Lock()
        self.is_over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.is_over:
            self.count += 1
            name, value = f"write-{self.count % 40}", str(self.count)
            body = {"metadata": {"name": name}, "data": {"value": value}}
            with self.lock:
                is_new = name not in self.acknowledged and name not in self.unknown
                self.unknown.setdefault(name, set()).add(value)
            try:
                self.api.once("POST" if is_new else "PATCH", self.path if is_new else f"{self.path}/{name}", body)
            except Refused as refused:
                # One of which no answer came was not made, or it was.
                if refused.code == 404:
                    with self.lock:
                        self.unknown.pop(name)
                continue
            except Exception:
                time.sleep(0.02)
                continue
            with self.lock:
                self.acknowledged[name] = value
                self.unknown.pop(name)

    def check(self):
        with self.lock:
            found = {c["metadata"]["name"]: c["data"]["value"]
                     for c in self.api.list(self.path) if c["metadata"]["name"].startswith("write-")}
            for name, value in self.acknowledged.items():
                allowed = {value} | self.unknown.get(name, set())
                assert found.get(name) in allowed, f"{name} is {found.get(name)}, not {allowed}"

    def stop(self):
        self.is_over = True
        self.thread.join(30)


class Killer:
    """Chooses who dies."""

    def __init__(self, cluster, chance):
        self.cluster = cluster
        self.chance = chance
        self.done = []
        # Names of pods whose own shim or pause was killed in this batch.
        self.hurt = set()
        # Pods to which that happened once: at the second time they would rightly wait, in CrashLoopBackOff.
        self.struck = set()

    def kill_one(self):
        kind = self.chance.choices(
            [*DAEMONS, *HOLDERS, "shim", "pause", "helper", "all"],
            weights=[3, 1, 1, 8, 6, 1, 1, 2, 1, 1, 3, 3, 8, 1])[0]
        if self.strike(kind):
            self.done.append(kind)

    def strike(self, kind):
        if kind in ("shim", "pause"):
            return self.strike_pod(kind)
        if kind == "helper":
            return self.strike_helper()
        daemons = self.cluster.daemons()
        if kind == "all":
            # One of the two that hold each other up stays: who brings both back is `apus up`.
            spared = self.chance.choice([role for role in HOLDERS if role in daemons])
            return self.cluster.kill(*(pid for role, pid in daemons.items() if role != spared))
        if kind in HOLDERS and not daemons.keys() >= set(HOLDERS):
            # While one of the two is away, the other is the last; that both die has a test of its own.
            return False
        return kind in daemons and self.cluster.kill(daemons[kind])

    def strike_pod(self, kind):
        records = {k: r.get("config", {}).get("metadata", {}) for k, r in self.cluster.machine.sandboxes().items()}
        shims = {p.pid: p for p in Process.all() if p.name == "apus-shim" and p.state != "Z" and len(p.command) > 1}
        if kind == "shim":
            choice = sorted((pid, shim.command[1].split("/")[-2]) for pid, shim in shims.items())
        else:
            choice = sorted((p.pid, shims[p.parent].command[1].split("/")[-2])
                            for p in Process.all() if p.name == "pause" and p.parent in shims)
        choice = [(pid, records[s]) for pid, s in choice if records.get(s, {}).get("uid") not in (None, *self.struck)]
        if not choice:
            return False
        pid, pod = self.chance.choice(choice)
        self.hurt.add(pod["name"])
        self.struck.add(pod["uid"])
        return self.cluster.kill(pid)

    def strike_helper(self):
        """A network plugin or an apus-init at work: they live for milliseconds, so that one must wait for them."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            for process in Process.all():
                if process.name in HELPERS and process.state != "Z":
                    return self.cluster.kill(process.pid)
        return False


def churn(cluster, namespace, chance, stop):
    """Pods come and go: their starts and stops are where kills hurt."""
    number = 0
    while not stop.is_set():
        number += 1
        cluster.scale(namespace, "churn", chance.randrange(5))
        name = f"rich-{number}"
        cluster.create(namespace, claim(name))
        cluster.create(namespace, rich_pod(name, host_port=20000 + number % 1000, claim_name=name))
        stop.wait(chance.random())
        if chance.random() < 0.7:
            cluster.delete(namespace, "pods", name)
            cluster.delete(namespace, "persistentvolumeclaims", name)


def clear(cluster, namespace):
    for plural in ("pods", "persistentvolumeclaims"):
        for thing in cluster.api.list(f"/api/v1/namespaces/{namespace}/{plural}"):
            if thing["metadata"]["name"].startswith("rich-"):
                cluster.delete(namespace, plural, thing["metadata"]["name"])


def test_random_kills(cluster, namespace, say):
    say(f"APUS_SEED={SEED} APUS_KILLS={KILLS}")
    chance = random.Random(SEED)
    cluster.create(namespace, deployment("churn", 2))
    for number in range(3):
        cluster.create(namespace, claim(f"steady-{number}"))
        cluster.create(namespace, rich_pod(f"steady-{number}", host_port=8080 + number, claim_name=f"steady-{number}"))
    cluster.wait_until_whole(PATIENCE, "the pods before the kills")
    writer = Writer(cluster.root, namespace)
    killer = Killer(cluster, chance)
    longest = 0
    try:
        while len(killer.done) < KILLS:
            steady = [p for p in cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")
                      if p["metadata"]["name"].startswith("steady")]
            before = cluster.identities(steady)
            killer.hurt.clear()
            first = len(killer.done)
            stop = threading.Event()
            work = (Cluster(cluster.root), namespace, random.Random(chance.random()), stop)
            worker = threading.Thread(target=churn, args=work, daemon=True)
            worker.start()
            for _ in range(BATCH):
                time.sleep(chance.random() * 0.3)
                killer.kill_one()
            stop.set()
            worker.join(PATIENCE)
            clear(cluster, namespace)
            what = f"APUS_SEED={SEED}, kills {first} to {len(killer.done)}: {killer.done[first:]}"
            took = cluster.wait_until_whole(PATIENCE, what)
            longest = max(longest, took)
            writer.check()
            now = cluster.identities(
                [p for p in cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")
                 if p["metadata"]["name"].startswith("steady")])
            for key, identity in before.items():
                if key[0] not in killer.hurt:
                    assert now[key] == identity, f"{key} was disturbed: {identity} became {now[key]}; {what}"
    finally:
        writer.stop()
    kinds = ", ".join(f"{kind} {killer.done.count(kind)}" for kind in sorted(set(killer.done)))
    say(f"{len(killer.done)} kills ({kinds}), {writer.count} writes, whole after at most {longest:.1f} s")


# In the order in which a pod's life comes by them; the name says where the process that dies has just been.
START_POINTS = (
    "RunPodSandbox.recorded", "RunPodSandbox.namespaces", "host-local.ADD.reserved", "bridge.ADD.link",
    "bridge.ADD.masquerade", "CNI.ADD.bridge", "portmap.ADD.opened", "CNI.ADD.portmap", "RunPodSandbox.network",
    "Shim.begun", "Shim.listening", "Pause.entered", "Shim.ready", "RunPodSandbox.shim", "emptyDir.made",
    "CSIVolumes.recorded", "NodePublishVolume.mounted", "CreateVolume.filled", "CreateVolume.renamed",
    "PodWorker.sandbox", "Unpack.extracted", "Unpack.renamed", "CreateContainer.recorded", "CreateContainer.root",
    "CreateContainer.finished", "PodWorker.created", "StartContainer.recorded", "Init.mounted", "Shim.started", "StartContainer.started",
    "PodWorker.started", "Store.appended", "Store.committed", "Supervisor.spawned",
)
STOP_POINTS = (
    "StopContainer.signalled", "CNI.DEL.portmap", "bridge.DEL.link", "CNI.DEL.bridge", "StopPodSandbox.network",
    "StopPodSandbox.shim", "PodWorker.stopped", "NodeUnpublishVolume.unmounted", "PodVolumes.unpublished",
    "PodVolumes.unmounted", "PodWorker.removedFromAPI", "RemovePodSandbox.containers", "RootFileSystem.removing",
    "RemoveContainer.root", "RemovePodSandbox.state", "PodWorker.removedSandboxes", "DeleteVolume.renamed",
)


def fresh_image(name):
    """Busybox with one more layer, which no node has ever unpacked."""
    base = f"http://{REGISTRY}/v2/busybox"
    kind = "application/vnd.oci.image.manifest.v1+json"
    accept = {"Accept": f"{kind}, application/vnd.docker.distribution.manifest.v2+json"}

    def ask(url, body=None, method="GET", headers=None):
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}, method=method)) as answer:
            return answer.read(), answer.headers

    def put(body):
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        place = ask(f"{base}/blobs/uploads/", b"", "POST")[1]["Location"]
        separator = "&" if "?" in place else "?"
        ask(f"{place}{separator}digest={digest}", body, "PUT", {"Content-Type": "application/octet-stream"})
        return {"digest": digest, "size": len(body)}

    manifest = json.loads(ask(f"{base}/manifests/v1", headers=accept)[0])
    config = json.loads(ask(f"{base}/blobs/{manifest['config']['digest']}")[0])
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        file = tarfile.TarInfo(f"fresh-{name}")
        file.size = 1 << 20
        archive.addfile(file, io.BytesIO(os.urandom(file.size)))
    config["rootfs"]["diff_ids"].append("sha256:" + hashlib.sha256(layer.getvalue()).hexdigest())
    config["history"] = []
    tar = manifest["layers"][0]["mediaType"].removesuffix("+gzip").removesuffix(".gzip")
    manifest["layers"].append({"mediaType": tar, **put(layer.getvalue())})
    manifest["config"] |= put(json.dumps(config).encode())
    ask(f"{base}/manifests/{name}", json.dumps(manifest).encode(), "PUT",
        {"Content-Type": manifest.get("mediaType", kind)})
    return f"{REGISTRY}/busybox:{name}"


class Failpoints:
    """A file arms the point of its name; who reaches the point takes the file away and dies."""

    def __init__(self):
        self.folder = os.environ["APUS_FAILPOINTS"]

    def arm(self, point):
        with open(f"{self.folder}/{point}", "w"):
            pass

    def is_armed(self, point):
        return os.path.exists(f"{self.folder}/{point}")

    def wait(self, point):
        deadline = time.monotonic() + PATIENCE
        while self.is_armed(point):
            if time.monotonic() > deadline:
                os.remove(f"{self.folder}/{point}")
                raise AssertionError(f"nobody came to {point}")
            time.sleep(0.01)


def test_death_at_every_step_of_a_start_and_a_stop(cluster, namespace, say):
    failpoints = Failpoints()
    cluster.create(namespace, claim("steady"))
    cluster.create(namespace, rich_pod("steady", host_port=8079, claim_name="steady"))
    cluster.wait_until_whole(PATIENCE, "the pod before the kills")
    before = cluster.identities(cluster.api.list(f"/api/v1/namespaces/{namespace}/pods"))
    longest = (0, "")
    half = len(START_POINTS) // 2
    for number, stop in enumerate(STOP_POINTS):
        # Each round is a whole life of a pod, with two deaths on its way up and one on its way down.
        starts = START_POINTS[number::half]
        name = f"pod-{number}"
        for start in starts:
            failpoints.arm(start)
        if "Supervisor.spawned" in starts:
            cluster.kill(cluster.daemons()["scheduler"])
        cluster.create(namespace, claim(name))
        is_fresh = any(start.startswith("Unpack") for start in starts)
        image = fresh_image(f"{namespace}-{number}") if is_fresh else BUSYBOX
        cluster.create(namespace, rich_pod(name, host_port=8080, claim_name=name, image=image))
        for start in starts:
            failpoints.wait(start)
        up = cluster.wait_until_whole(PATIENCE, f"death at {starts}")
        failpoints.arm(stop)
        cluster.delete(namespace, "pods", name)
        cluster.delete(namespace, "persistentvolumeclaims", name)
        failpoints.wait(stop)
        down = cluster.wait_until_whole(PATIENCE, f"death at {stop}")
        longest = max(longest, (up, starts), (down, stop), key=lambda pair: pair[0])
    now = cluster.identities(cluster.api.list(f"/api/v1/namespaces/{namespace}/pods"))
    assert now == before, "a container that was not concerned was disturbed"
    say(f"deaths at {len(START_POINTS + STOP_POINTS)} points, whole after at most {longest[0]:.1f} s: {longest[1]}")


def test_claim_that_goes_while_its_volume_is_made(cluster, namespace):
    """The driver dies with the volume made and unheard of, and nobody wants it any more: it must not stay."""
    failpoints = Failpoints()
    failpoints.arm("CreateVolume.renamed")
    cluster.create(namespace, claim("brief"))
    cluster.create(namespace, rich_pod("brief", claim_name="brief"))
    failpoints.wait("CreateVolume.renamed")
    cluster.delete(namespace, "pods", "brief")
    cluster.delete(namespace, "persistentvolumeclaims", "brief")
    cluster.wait_until_whole(PATIENCE, "the claim went before its volume was known")
    assert not cluster.api.list(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")


def test_waves_of_pods_end_as_they_began(cluster, namespace, say):
    cluster.create(namespace, deployment("wave", 0))
    for number in range(4):
        cluster.scale(namespace, "wave", 50)
        up = cluster.wait_until_whole(PATIENCE, f"wave {number}")
        if up > 10:
            say("the last to come:", "; ".join(cluster.awaited[:5]))
        cluster.scale(namespace, "wave", 0)
        down = cluster.wait_until_whole(PATIENCE, f"after wave {number}")
        say(f"50 pods came in {up:.1f} s and went in {down:.1f} s")


def test_all_die_at_once_and_come_back(cluster, namespace, say):
    cluster.create(namespace, deployment("kept", 2))
    cluster.create(namespace, claim("kept"))
    cluster.create(namespace, rich_pod("kept", host_port=8079, claim_name="kept"))
    cluster.wait_until_whole(PATIENCE, "the pods before the end")
    pods = cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")
    before = cluster.identities(pods)
    assert cluster.kill(*cluster.daemons().values())
    cluster.up()
    cluster.wait_until_whole(PATIENCE, "all daemons died")
    assert cluster.identities(cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")) == before
    # With shims and pauses: the same objects, other containers.
    everything = [p.pid for p in Process.all() if p.role or p.name in ("apus-shim", "pause")]
    assert cluster.kill(*everything)
    cluster.up()
    cluster.wait_until_whole(PATIENCE, "everything died")
    after = cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")
    assert {p["metadata"]["uid"] for p in after} == {p["metadata"]["uid"] for p in pods}
