# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The life of pods: order, restarts, probes, limits, deletion."""
import time

from conftest import BUSYBOX, NGINX, eventually, pod


def test_init_containers_come_first_and_share_files(kubectl):
    kubectl.apply(pod(
        "built", "sh", "-c", "cat /work/file; sleep 1000",
        volumes=[{"name": "work", "emptyDir": {}}],
        initContainers=[
            {"name": "one", "image": BUSYBOX, "command": ["sh", "-c", "echo 1 > /work/file"],
             "volumeMounts": [{"name": "work", "mountPath": "/work"}]},
            {"name": "two", "image": BUSYBOX, "command": ["sh", "-c", "echo 2 >> /work/file"],
             "volumeMounts": [{"name": "work", "mountPath": "/work"}]}],
        container={"volumeMounts": [{"name": "work", "mountPath": "/work"}]}))
    kubectl("wait", "--for=condition=Ready", "pod/built", "--timeout=30s")
    assert eventually(lambda: kubectl("logs", "built").split()) == ["1", "2"]


def test_a_container_that_fails_is_started_again_and_backs_off(kubectl):
    kubectl.apply(pod("failing", "sh", "-c", "exit 3"))
    eventually(lambda: kubectl.json("get", "pod", "failing")["status"]["containerStatuses"][0]["restartCount"] >= 1)
    eventually(lambda: "CrashLoopBackOff" in kubectl("get", "pod", "failing"))
    state = kubectl.json("get", "pod", "failing")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert state["exitCode"] == 3 and state["reason"] == "Error"


def test_a_pod_that_runs_to_its_end(kubectl):
    kubectl.apply(pod("once", "sh", "-c", "echo result > /dev/termination-log", restartPolicy="Never"))
    eventually(lambda: kubectl.json("get", "pod", "once")["status"]["phase"] == "Succeeded")
    state = kubectl.json("get", "pod", "once")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert state["message"].strip() == "result" and state["reason"] == "Completed"


def test_readiness_follows_the_probe(kubectl):
    kubectl.apply(pod("gated", "sh", "-c", "sleep 1; touch /tmp/ready; sleep 1000", container={
        "readinessProbe": {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1}}))
    eventually(lambda: kubectl.json("get", "pod", "gated")["status"]["phase"] == "Running")
    kubectl("wait", "--for=condition=Ready", "pod/gated", "--timeout=20s")
    kubectl("exec", "gated", "--", "rm", "/tmp/ready")
    kubectl("wait", "--for=condition=Ready=false", "pod/gated", "--timeout=20s")


def test_liveness_restarts(kubectl):
    kubectl.apply(pod("sick", "sleep", "1000", container={
        "livenessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}}))
    eventually(lambda: kubectl.json("get", "pod", "sick")["status"]["containerStatuses"][0]["restartCount"] >= 1, 40)


def test_deletion_takes_the_grace_period_and_not_more(kubectl):
    kubectl.apply(pod("stubborn", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/stubborn", "--timeout=30s")
    begin = time.monotonic()
    kubectl("delete", "pod", "stubborn", "--grace-period=1")
    assert time.monotonic() - begin < 3


def test_limits_hold(kubectl):
    kubectl.apply(pod("small", "sh", "-c", "head -c 100m /dev/zero | tail -c 90m | wc -c; sleep 1000", container={
        "resources": {"limits": {"memory": "30Mi", "cpu": "500m"}}}, restartPolicy="Never"))
    eventually(lambda: kubectl.json("get", "pod", "small")["status"]["phase"] in ("Running", "Failed", "Succeeded"))
    assert kubectl.json("get", "pod", "small")["status"]["qosClass"] == "Guaranteed"


def test_jobs_and_sets(kubectl):
    kubectl("create", "job", "count", f"--image={BUSYBOX}", "--", "echo", "done")
    kubectl("wait", "--for=condition=Complete", "job/count", "--timeout=30s")
    assert kubectl("logs", "job/count").strip() == "done"
    labels = {"app": "agent"}
    kubectl.apply({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": BUSYBOX, "command": ["sleep", "1000"]}]}}}})
    kubectl("rollout", "status", "daemonset/agent", "--timeout=30s")
    kubectl.apply({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"serviceName": "db", "replicas": 2, "selector": {"matchLabels": {"app": "db"}}, "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": BUSYBOX, "command": ["sleep", "1000"]}]}}}})
    kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    assert sorted(p["metadata"]["name"] for p in kubectl.json("get", "pods", "-l", "app=db")["items"]) == ["db-0", "db-1"]


def test_a_pod_with_users_of_its_own(kubectl):
    """Root of the pod is nobody on the host, and files are whose they are inside, wherever they are kept."""
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"word": "apus"}})
    script = ("cat /proc/self/uid_map; touch /work/file /file; stat -c %u /work/file /file /words/word /etc/hosts /bin/sh; "
              "echo again > /dev/stdout; exec sleep 1000")
    for name in ("own-1", "own-2"):
        kubectl.apply(pod(
            name, "sh", "-c", script, hostUsers=False,
            volumes=[{"name": "work", "emptyDir": {}}, {"name": "words", "configMap": {"name": "words"}}],
            container={"volumeMounts": [{"name": "work", "mountPath": "/work"}, {"name": "words", "mountPath": "/words"}]}))
    handlers = kubectl.json("get", "node", "node-1")["status"].get("runtimeHandlers", [])
    if not any(handler.get("features", {}).get("userNamespaces") for handler in handlers):
        # An old runtime would give them the host's users, and say nothing.
        eventually(lambda: "does not support user namespaces" in kubectl("get", "events"))
        assert kubectl.json("get", "pod", "own-1")["status"]["phase"] == "Pending"
        return
    first = []
    for name in ("own-1", "own-2"):
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=30s")
        lines = eventually(lambda: len(found := kubectl("logs", name).splitlines()) == 7 and found)
        inside, outside, count = map(int, lines[0].split())
        assert inside == 0 and outside >= 65536 and count == 65536
        assert lines[1:] == ["0"] * 5 + ["again"]
        first.append(outside)
        # A further process is one of the same users, on the same network.
        assert kubectl("exec", name, "--", "sh", "-c", "cat /proc/self/uid_map; id -u").split() == [
            "0", str(outside), "65536", "0"]
        address = kubectl.json("get", "pod", name)["status"]["podIP"]
        assert address in kubectl("exec", name, "--", "ip", "-4", "address", "show", "eth0")
        # Root of the host makes devices; theirs does not.
        kubectl("exec", name, "--", "sh", "-c", "! mknod /tmp/node b 7 0")
    assert first[0] != first[1]
