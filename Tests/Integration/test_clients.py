# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The official Python client, and an operator on kopf."""
import os
import subprocess
import sys
import textwrap

from kubernetes import client, config, stream, watch

from conftest import BUSYBOX, eventually, pod


def test_the_python_client_creates_watches_and_deletes(kubectl):
    config.load_kube_config(os.environ["KUBECONFIG"])
    core = client.CoreV1Api()
    core.create_namespaced_pod(kubectl.namespace, pod("py", "sleep", "1000"))
    phases = []
    for event in watch.Watch().stream(core.list_namespaced_pod, kubectl.namespace, timeout_seconds=30):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running":
            break
    assert phases[-1] == "Running"
    answer = stream.stream(
        core.connect_get_namespaced_pod_exec, "py", kubectl.namespace, command=["echo", "from python"],
        stdout=True, stderr=True, stdin=False, tty=False)
    assert answer.strip() == "from python"
    core.delete_namespaced_pod("py", kubectl.namespace, grace_period_seconds=0)
    eventually(lambda: not core.list_namespaced_pod(kubectl.namespace).items)


OPERATOR = """
import kopf

@kopf.on.create("greetings")
def created(spec, name, namespace, logger, **_):
    return {"said": f"hello {spec['who']}"}

@kopf.on.delete("greetings")
def deleted(name, **_):
    pass
"""

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "greetings.test.apus.dev"},
    "spec": {
        "group": "test.apus.dev", "scope": "Namespaced",
        "names": {"plural": "greetings", "singular": "greeting", "kind": "Greeting"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "Who", "type": "string", "jsonPath": ".spec.who"}],
            "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": {"type": "object", "required": ["who"], "properties": {"who": {"type": "string", "maxLength": 20}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }},
        }],
    },
}


def test_an_operator_with_a_custom_resource(kubectl, tmp_path):
    kubectl.apply(DEFINITION)
    kubectl("wait", "--for=condition=Established", "crd/greetings.test.apus.dev", "--timeout=20s")
    program = tmp_path / "operator.py"
    program.write_text(textwrap.dedent(OPERATOR))
    with open(tmp_path / "log", "w") as log:
        operator = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", "--standalone", f"--namespace={kubectl.namespace}", str(program)],
            stdout=log, stderr=log)
    try:
        greeting = {"apiVersion": "test.apus.dev/v1", "kind": "Greeting", "metadata": {"name": "one"}, "spec": {"who": "world"}}
        eventually(lambda: kubectl.apply(greeting))
        found = eventually(
            lambda: kubectl.json("get", "greeting", "one").get("status", {}).get("created", {}).get("said"), 40,
            (tmp_path / "log").read_text)
        assert found == "hello world"
        assert kubectl("get", "greetings").splitlines()[0].split() == ["NAME", "WHO"]
        greeting["spec"] = {}
        refused = kubectl("apply", "-f", "-", stdin=__import__("json").dumps(greeting), check=False)
        assert "spec.who: Required value" in refused.stderr
        kubectl("delete", "greeting", "one", "--timeout=30s")
    finally:
        operator.terminate()
        operator.wait(timeout=20)
        kubectl("delete", "crd", "greetings.test.apus.dev")
