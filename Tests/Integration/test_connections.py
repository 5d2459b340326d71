# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Connections that stay: who may open them, and what goes over WebSockets."""
import json

import pytest
import websocket
from kubernetes import client, config

from conftest import eventually, pod


@pytest.fixture(scope="module")
def api():
    config.load_kube_config()
    return client.ApiClient()


def test_admission_sees_what_a_connection_is_for(kubectl):
    """Policies read the options of exec and the like as the object of the call."""
    kubectl.apply(pod("open", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/open", "--timeout=30s")
    name = f"connections-{kubectl.namespace}"
    kubectl.apply({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"], "resources": ["pods/exec"]}]},
            "validations": [{"expression": "object.command[0] != 'date' || object.container != 'main'",
                             "message": "no dates here"}]}})
    kubectl.apply({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": kubectl.namespace}}}}})

    def is_refused():
        answer = kubectl("exec", "open", "-c", "main", "--", "date", check=False)
        return answer.returncode != 0 and "no dates here" in answer.stderr

    eventually(is_refused)
    assert kubectl("exec", "open", "-c", "main", "--", "echo", "fine") == "fine\n"
    kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)


def test_logs_and_watches_over_websockets(kubectl, api):
    kubectl.apply(pod("heard", "echo", "words", restartPolicy="Never"))
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/heard", "--timeout=30s")
    settings = api.configuration
    tls = {"ca_certs": settings.ssl_ca_cert, "certfile": settings.cert_file, "keyfile": settings.key_file}
    base = settings.host.replace("https", "wss") + f"/api/v1/namespaces/{kubectl.namespace}/pods"

    def opened(path, *protocols):
        return websocket.create_connection(base + path, sslopt=tls, subprotocols=list(protocols), timeout=20)

    for protocol, wanted in (("binary.k8s.io", b"words\n"), ("base64.binary.k8s.io", "d29yZHMK")):
        stream = opened("/heard/log", "v0.example.com", protocol)
        assert stream.getsubprotocol() == protocol
        assert stream.recv() == wanted
        assert stream.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        opened("/none/log")
    assert refused.value.status_code == 404

    stream = opened("?watch=true&fieldSelector=metadata.name%3Dheard")
    first = json.loads(stream.recv())
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "heard")
    stream.ping("there?")
    assert stream.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"there?")
    kubectl("label", "pod", "heard", "a=b")
    second = json.loads(stream.recv())
    assert (second["type"], second["object"]["metadata"]["labels"]["a"]) == ("MODIFIED", "b")
    stream.close()
