# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What a person does with kubectl, done with the real one."""
import json
import os
import pty
import re
import subprocess
import time
import urllib.request

from conftest import BUSYBOX, NGINX, eventually, pod


def deployment(name, replicas, image=NGINX, **container):
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "main", "image": image, "ports": [{"containerPort": 80}], **container}],
                },
            },
        },
    }


def test_a_pod_runs_and_its_log_is_followed(kubectl):
    kubectl.apply(pod("talker", "sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo done"))
    follow = kubectl("logs", "-f", "talker", "--pod-running-timeout=30s", check=False)
    if follow.returncode != 0:
        kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].started}", "pod/talker", "--timeout=30s", check=False)
        follow = kubectl("logs", "-f", "talker", check=False)
    assert follow.stdout.splitlines()[:3] == ["line 1", "line 2", "line 3"], follow.stderr
    assert "done" in follow.stdout


def test_tables_and_formats(kubectl):
    kubectl.apply(pod("sleeper", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s")
    lines = kubectl("get", "pods").splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert lines[1].split()[:4] == ["sleeper", "1/1", "Running", "0"]
    wide = kubectl("get", "pods", "-o", "wide").splitlines()
    assert wide[0].split()[5:7] == ["IP", "NODE"] and "node-1" in wide[1] and "10.244." in wide[1]
    assert "kind: Pod" in kubectl("get", "pod", "sleeper", "-o", "yaml")
    assert kubectl.json("get", "pod", "sleeper")["status"]["phase"] == "Running"
    nodes = kubectl("get", "nodes").splitlines()
    assert nodes[1].split()[:3] == ["node-1", "Ready", "control-plane"]


def test_describe_shows_events(kubectl):
    kubectl.apply(pod("sleeper", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s")
    text = eventually(lambda: (lambda t: t if "Started" in t else None)(kubectl("describe", "pod", "sleeper")))
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert reason in text, text
    assert "Ready:          True" in text


def test_exec_with_and_without_a_terminal(kubectl):
    kubectl.apply(pod("sleeper", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s")
    assert kubectl("exec", "sleeper", "--", "echo", "hello").strip() == "hello"
    assert kubectl("exec", "-i", "sleeper", "--", "cat", stdin="to and fro").strip() == "to and fro"
    assert kubectl("exec", "sleeper", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    primary, secondary = pty.openpty()
    shell = kubectl.start("exec", "-it", "sleeper", "--", "sh", stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    os.write(primary, b"tty; echo sum=$((40 + 2)); exit\n")
    seen = b""
    while b"sum=42" not in seen:
        chunk = os.read(primary, 4096)
        assert chunk, seen
        seen += chunk
    assert b"/dev/pts/0" in seen
    assert shell.wait(timeout=20) == 0
    os.close(primary)


def test_copying_files(kubectl, tmp_path):
    kubectl.apply(pod("sleeper", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s")
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    kubectl("cp", str(source), "sleeper:/tmp/copied")
    kubectl("cp", "sleeper:/tmp/copied", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_port_forward(kubectl):
    kubectl.apply(pod("web", image=NGINX))
    kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=30s")
    forward = kubectl.start("port-forward", "pod/web", ":80", stdout=subprocess.PIPE, text=True)
    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline()).group(1)
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.status == 200 and answer.read()
    finally:
        forward.terminate()
        forward.wait(timeout=10)


def test_scale_roll_out_and_undo(kubectl):
    kubectl.apply(deployment("web", 2))
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("scale", "deployment/web", "--replicas=3")
    eventually(lambda: kubectl.json("get", "deployment", "web")["status"].get("readyReplicas") == 3)
    before = kubectl.json("get", "deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"]
    kubectl("set", "image", "deployment/web", f"main={before.replace('127.0.0.1', 'localhost')}")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert kubectl.json("get", "deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == before
    history = kubectl("rollout", "history", "deployment/web")
    assert "2" in history and "3" in history
    kubectl("delete", "deployment", "web")
    eventually(lambda: not kubectl.json("get", "pods")["items"])


def test_watching(kubectl):
    watch = kubectl.start("get", "pods", "-w", "--no-headers", stdout=subprocess.PIPE, text=True)
    try:
        kubectl.apply(pod("short", "true", restartPolicy="Never"))
        states = []
        deadline = time.monotonic() + 30
        while "Completed" not in states and time.monotonic() < deadline:
            states.append(watch.stdout.readline().split()[2])
        assert states[0] == "Pending" and "Completed" in states
    finally:
        watch.kill()
        watch.wait(timeout=10)


def test_what_the_server_says_of_itself(kubectl):
    resources = kubectl("api-resources", "--no-headers")
    for word in ("pods", "deployments", "customresourcedefinitions", "leases"):
        assert re.search(rf"^{word}\s", resources, re.MULTILINE), word
    assert "containers" in kubectl("explain", "pod.spec")
    assert "FIELD: replicas" in kubectl("explain", "deployment.spec.replicas")
    assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    refused = kubectl("auth", "can-i", "create", "pods", "--as=nobody", check=False)
    assert refused.stdout.strip() == "no"
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["minor"].startswith("36")


def test_errors_are_those_that_a_user_knows(kubectl):
    missing = kubectl("get", "pod", "nobody", check=False)
    assert missing.stderr.strip() == 'Error from server (NotFound): pods "nobody" not found'
    wrong = pod("Wrong_Name", "true")
    refused = kubectl("apply", "-f", "-", stdin=json.dumps(wrong), check=False)
    assert "is invalid: metadata.name: Invalid value" in refused.stderr
    typo = pod("typo", "true")
    typo["spec"]["containres"] = []
    refused = kubectl("apply", "-f", "-", stdin=json.dumps(typo), check=False)
    assert 'unknown field "spec.containres"' in refused.stderr
    kubectl.apply(pod("no-image", image="127.0.0.1:5000/nowhere:v1"))
    eventually(lambda: "ImagePullBackOff" in kubectl("get", "pods") or "ErrImagePull" in kubectl("get", "pods"))
