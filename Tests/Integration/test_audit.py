# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""An API server of its own writes down who asked for what, by its policy."""
import glob
import http.client
import json
import os
import ssl
import subprocess
import threading

import pytest
import yaml

from conftest import eventually
from extension_server import NODE_ADDRESS, Handler, Server

POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "omitManagedFields": True, "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz"]},
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["configmaps"]}], "omitStages": []},
        {"level": "Request", "resources": [{"group": "", "resources": ["namespaces"]}]},
        {"level": "Metadata", "omitStages": ["ResponseStarted"], "verbs": ["list", "watch"]},
        {"level": "Metadata"},
    ]}


class AuditedServer:
    def __init__(self, folder, *flags):
        self.log = f"{folder}/log/audit.log"
        with open(f"{folder}/tokens", "w", encoding="utf-8") as file:
            file.write('secret,jane,1,"dev"\nmaster,root,2,"system:masters"\n')
        with open(f"{folder}/policy.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(POLICY, file)
        self.process = subprocess.Popen(
            [os.environ["APUS"], "apiserver", f"--data-dir={folder}/data", "--bind-address=127.0.0.1", "--secure-port=7443",
             f"--token-auth-file={folder}/tokens", "--authorization-mode=RBAC", f"--audit-policy-file={folder}/policy.yaml",
             f"--audit-log-path={self.log}", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.context = ssl._create_unverified_context()
        eventually(self.ready, what="the server is ready")

    def ready(self):
        try:
            return self("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def __call__(self, method, path, body=None, token="master", **headers):
        connection = http.client.HTTPSConnection("127.0.0.1", 7443, context=self.context, timeout=20)
        sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        connection.request(method, path, json.dumps(body) if body else None, sent)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers["Audit-Id"]

    def events(self, audit_id):
        found = []
        for path in sorted(glob.glob(self.log.replace(".log", "*.log"))):
            try:
                with open(path, encoding="utf-8") as file:
                    # The last line may still be on its way.
                    events = [json.loads(line) for line in file if line.endswith("\n")]
                    found += [event for event in events if event["auditID"] == audit_id]
            except FileNotFoundError:
                pass  # Put aside or taken away just now.
        return found

    def complete(self, audit_id):
        """The last event of a request."""
        def last():
            found = self.events(audit_id)
            return found and found[-1]["stage"] == "ResponseComplete" and found[-1]
        return eventually(last, what=f"{audit_id} is in the log")

    def close(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def server(tmp_path, request):
    server = AuditedServer(str(tmp_path), *getattr(request, "param", ()))
    yield server
    server.close()


def test_requests_are_written_down_at_their_levels(server):
    path = "/api/v1/namespaces/default/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}}
    status, audit_id = server("POST", path, body, Audit_ID="my-own-id", User_Agent="test/1")
    assert (status, audit_id) == (201, "my-own-id")
    event = server.complete(audit_id)
    assert [e["stage"] for e in server.events(audit_id)] == ["ResponseComplete"]
    assert (event["level"], event["verb"], event["requestURI"], event["userAgent"]) == ("RequestResponse", "create", path, "test/1")
    assert event["user"] == {"username": "root", "uid": "2", "groups": ["system:masters", "system:authenticated"]}
    assert event["sourceIPs"] == ["127.0.0.1"] and event["responseStatus"] == {"metadata": {}, "code": 201}
    assert event["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "m", "apiVersion": "v1"}
    assert event["requestObject"]["data"] == {"a": "b"}
    assert event["responseObject"]["metadata"]["uid"] and "managedFields" not in event["responseObject"]["metadata"]
    assert event["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
    assert event["requestReceivedTimestamp"] < event["stageTimestamp"]
    event = server.complete(server("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})[1])
    assert event["level"] == "Request" and event["requestObject"]["metadata"]["name"] == "n" and "responseObject" not in event
    event = server.complete(server("GET", "/api/v1/nodes/none")[1])
    assert event["level"] == "Metadata" and event["responseStatus"] == {
        "metadata": {}, "status": "Failure", "message": 'nodes "none" not found', "reason": "NotFound",
        "details": {"name": "none", "kind": "nodes"}, "code": 404}
    server("GET", "/healthz")
    with open(server.log, encoding="utf-8") as file:
        assert "/healthz" not in file.read()


def test_refusals_and_impersonations_are_written_down(server):
    status, audit_id = server("GET", "/api/v1/secrets", token="secret")
    event = server.complete(audit_id)
    assert status == event["responseStatus"]["code"] == 403
    assert event["annotations"]["authorization.k8s.io/decision"] == "forbid"
    event = server.complete(server("GET", "/api/v1/pods", Impersonate_User="joe")[1])
    assert event["user"]["username"] == "root" and event["impersonatedUser"]["username"] == "joe"
    status, audit_id = server("GET", "/api/v1/nodes/n", token="wrong")
    event = eventually(lambda: server.events(audit_id), what="the refusal is in the log")[0]
    assert status == 401 and event["stage"] == "ResponseStarted" and event["user"] == {}
    assert event["responseStatus"]["message"] == "Authentication failed, attempted: bearer"


def test_watches_are_told_of_when_they_begin_and_end(server):
    answer = {}
    path = "/api/v1/configmaps?watch=true&timeoutSeconds=2"
    watch = threading.Thread(target=lambda: answer.update(id=server("GET", path, Audit_ID="a-watch")[1]))
    watch.start()
    eventually(lambda: [e["stage"] for e in server.events("a-watch")] == ["ResponseStarted"], what="the watch begins")
    watch.join()
    assert server.complete("a-watch")["responseStatus"]["code"] == 200 and answer["id"] == "a-watch"


@pytest.mark.parametrize("server", [["--audit-log-maxsize=1", "--audit-log-maxbackup=2"]], indirect=True)
def test_full_files_are_put_aside(server):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "m-"}, "data": {"a": "x" * 400_000}}
    for _ in range(5):
        server.complete(server("POST", "/api/v1/namespaces/default/configmaps", body)[1])
    names = sorted(os.path.basename(name) for name in glob.glob(f"{os.path.dirname(server.log)}/*"))
    assert len(names) == 3 and names[-1] == "audit.log" and all(name.startswith("audit-2") for name in names[:2])
    assert os.stat(server.log).st_mode & 0o077 == 0


class Listener(Handler):
    def do_POST(self):
        self.server.owner.heard.append(json.loads(self.body()))
        self.answer(200, {})


@pytest.fixture
def listener(tmp_path):
    server = Server(Listener, str(tmp_path), "listener.example.com")
    server.heard = []
    cluster = {"server": f"https://{NODE_ADDRESS}:{server.port}/audit", "certificate-authority-data": server.bundle, "tls-server-name": "listener.example.com"}
    with open(f"{tmp_path}/webhook.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}, file)
    audited = AuditedServer(str(tmp_path), f"--audit-webhook-config-file={tmp_path}/webhook.yaml", "--audit-webhook-batch-max-wait=200ms")
    yield audited, server.heard
    audited.close()
    server.close()


def test_events_are_sent_to_a_server_in_batches(listener):
    server, heard = listener
    wanted = {server("GET", f"/api/v1/nodes/n{number}")[1] for number in range(5)}

    def told():
        return {event["auditID"] for batch in heard for event in batch["items"]}

    eventually(lambda: wanted <= told(), what="all events arrive")
    assert all((batch["kind"], batch["apiVersion"]) == ("EventList", "audit.k8s.io/v1") for batch in heard)
    assert any(len(batch["items"]) > 1 for batch in heard)
