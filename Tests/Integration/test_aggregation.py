# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""API servers behind the cluster's: found, asked in the caller's name, told of, and done without when they are gone."""
import json
import subprocess
import uuid

import pytest

from api import API
from conftest import eventually
from extension_server import FishServer

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Pond:
    """A server of fish, its Service, and its APIService."""

    def __init__(self, kubectl, folder, aggregated=True):
        self.api, self.kubectl = API(), kubectl
        self.group = f"pond{uuid.uuid4().hex[:6]}.example.com"
        self.path, self.name = f"/apis/{self.group}/v1", f"v1.{self.group}"
        trust = self.api("GET", "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")[1]["data"]
        self.server = FishServer(
            folder, self.group, "pond", kubectl.namespace, trust["requestheader-client-ca-file"], aggregated)

    def register(self, **spec):
        return self.api("POST", SERVICES, json.dumps({"metadata": {"name": self.name}, "spec": {
            "group": self.group, "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 10,
            "service": {"namespace": self.kubectl.namespace, "name": "pond"}, "caBundle": self.server.bundle, **spec}}))

    def available(self):
        """Status and reason of the condition."""
        present = self.api("GET", f"{SERVICES}/{self.name}")[1].get("status", {}).get("conditions") or [{}]
        return present[0].get("status"), present[0].get("reason")

    def await_state(self, *wanted):
        eventually(lambda: self.available() == wanted, what=f"{wanted}, not {self.available()}")

    def open(self):
        self.kubectl.apply(self.server.service("pond"), self.server.slice("pond"))
        assert self.register()[0] == 201
        self.await_state("True", "Passed")

    def freshness(self):
        groups = self.api("GET", "/apis", headers={"Accept": AGGREGATED})[1]["items"]
        found = [g for g in groups if g["metadata"]["name"] == self.group]
        return [(v["version"], v["freshness"], [r["resource"] for r in v.get("resources", [])]) for g in found for v in g["versions"]]

    def close(self):
        self.api("DELETE", f"{SERVICES}/{self.name}")
        self.server.close()


@pytest.fixture(params=[True])
def pond(request, kubectl, tmp_path):
    pond = Pond(kubectl, str(tmp_path), request.param)
    yield pond
    pond.close()


def test_conditions_say_what_is_missing(pond):
    assert pond.register()[0] == 201
    pond.await_state("False", "ServiceNotFound")
    service = pond.server.service("pond")
    service["spec"]["ports"][0]["port"] = 80
    pond.kubectl.apply(service)
    pond.await_state("False", "ServicePortError")
    pond.kubectl("delete", "service", "pond")
    pond.kubectl.apply(pond.server.service("pond"))
    pond.await_state("False", "EndpointsNotFound")
    status, answer = plain(pond, "GET", f"{pond.path}/fish")
    assert (status, answer) == (503, "service unavailable\n")
    pond.kubectl.apply(pond.server.slice("pond", ready=False))
    pond.await_state("False", "MissingEndpoints")
    pond.server.broken = True
    pond.kubectl.apply(pond.server.slice("pond"))
    pond.await_state("False", "FailedDiscoveryCheck")
    assert pond.freshness() == [("v1", "Stale", [])]
    pond.server.broken = False
    pond.await_state("True", "Passed")


def plain(pond, method, path, headers=None):
    """Status and text: not every answer is JSON."""
    connection = pond.api.connect(pond.api.pair.name)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    pond.api.connections.clear()
    return answer.status, text


@pytest.mark.parametrize("pond", [True, False], indirect=True, ids=["new discovery", "old discovery"])
def test_clients_find_and_use_what_is_served_elsewhere(pond):
    pond.open()
    eventually(lambda: pond.freshness() == [("v1", "Current", ["fish"])], what="the resources are told of")
    groups = [g["name"] for g in pond.api("GET", "/apis")[1]["groups"]]
    assert groups[0] == "apiregistration.k8s.io" and groups.index("apps") < groups.index(pond.group)
    assert pond.api("GET", f"/apis/{pond.group}")[1]["preferredVersion"]["version"] == "v1"
    names = {r["name"] for r in pond.api("GET", pond.path)[1]["resources"]}
    assert names == {"fish", "fish/shell"}
    fish = {"apiVersion": f"{pond.group}/v1", "kind": "Fish", "metadata": {"name": "cod"}, "spec": {"fins": 7}}
    pond.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(fish))
    assert pond.kubectl.json("get", f"fish.v1.{pond.group}", "cod")["spec"] == {"fins": 7}
    assert "cod" in pond.kubectl("get", f"fish.{pond.group}", "-o", "name")
    documents = pond.api("GET", "/openapi/v3")[1]["paths"]
    assert pond.api("GET", documents[f"apis/{pond.group}/v1"]["serverRelativeURL"])[1]["info"]["title"] == "fish"
    whole = pond.api("GET", "/openapi/v2")[1]
    assert f"{pond.path}/namespaces/{{namespace}}/fish" in whole["paths"] and "pond.Fish" in whole["definitions"]
    assert "/api/v1/pods" in whole["paths"]


def test_the_caller_is_told_and_methods_and_streams_pass(pond):
    pond.open()
    said = pond.api("GET", f"{pond.path}/whoami?a=b%20c", headers={
        "X-Remote-User": "mallory", "X-Remote-Extra-Power": "all", "Impersonate-User": "jane", "Impersonate-Group": "system:masters",
        "Impersonate-Extra-Scopes": "view"})[1]
    headers = [(name.lower(), value) for name, value in said["headers"]]
    assert [v for n, v in headers if n == "x-remote-user"] == ["jane"]
    assert [v for n, v in headers if n == "x-remote-group"] == ["system:masters", "system:authenticated"]
    assert [v for n, v in headers if n.startswith("x-remote-extra")] == ["view"]
    assert not [n for n, _ in headers if n.startswith("impersonate") or n == "authorization"]
    assert said["query"] == {"a": "b c"}
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert pond.api(method, f"{pond.path}/whoami")[1]["method"] == method
    assert plain(pond, "HEAD", f"{pond.path}/whoami") == (200, "")
    assert plain(pond, "GET", f"{pond.path}/elsewhere")[0] == 502
    watch = pond.kubectl.start("get", f"fish.v1.{pond.group}", "--watch", "-o", "name", stdout=subprocess.PIPE, text=True)
    try:
        eventually(lambda: pond.server.watchers, what="the watch reaches the other server")
        where = f"{pond.path}/namespaces/{pond.kubectl.namespace}/fish"
        assert pond.api("POST", where, json.dumps({"metadata": {"name": "eel"}}))[0] == 201
        assert watch.stdout.readline().strip() == f"fish.{pond.group}/eel"
    finally:
        watch.kill()
        watch.wait()
    connection = pond.api.connect(pond.api.pair.name)
    connection.request("GET", f"{where}/eel/shell", headers={"Connection": "Upgrade", "Upgrade": "shout"})
    answer = connection.getresponse()
    assert answer.status == 101
    connection.sock.sendall(b"hello\n")
    assert connection.sock.recv(100) == b"HELLO\n"
    connection.close()
    pond.api.connections.clear()


def test_namespaces_wait_for_servers_that_are_gone(pond):
    pond.open()
    name = f"tank-{uuid.uuid4().hex[:6]}"
    pond.kubectl("create", "namespace", name)
    assert pond.api("POST", f"{pond.path}/namespaces/{name}/fish", json.dumps({"metadata": {"name": "koi"}}))[0] == 201
    pond.kubectl.apply(pond.server.slice("pond", ready=False))
    pond.await_state("False", "MissingEndpoints")
    pond.kubectl("delete", "namespace", name, "--wait=false")

    def condition():
        namespace = pond.api("GET", f"/api/v1/namespaces/{name}")[1]
        found = {c["type"]: c for c in namespace["status"].get("conditions", [])}
        return found.get("NamespaceDeletionDiscoveryFailure", {"status": None})

    eventually(lambda: condition()["status"] == "True", what="the namespace says what it waits for")
    assert condition()["reason"] == "DiscoveryFailed"
    assert f"{pond.group}/v1: the server is currently unable to handle the request" in condition()["message"]
    pond.kubectl.apply(pond.server.slice("pond"))
    eventually(lambda: pond.api("GET", f"/api/v1/namespaces/{name}")[0] == 404, what="the namespace goes")
    assert not [key for key in pond.server.fish if key[0] == name]


def test_definitions_have_apiservices_of_their_own(kubectl):
    api, group = API(), f"g{uuid.uuid4().hex[:6]}.example.com"
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    def version(name, served=True, storage=False):
        return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object"}}}

    names = {"plural": "nets", "kind": "Net"}
    spec = {"group": group, "scope": "Cluster", "names": names, "versions": [version("v1", storage=True), version("v2", served=False)]}
    body = {"metadata": {"name": f"nets.{group}"}, "spec": spec}
    assert api("POST", definitions, json.dumps(body))[0] == 201

    def there(name):
        status, answer = api("GET", f"{SERVICES}/{name}.{group}")
        return status == 200 and answer["status"]["conditions"][0]["reason"] == "Local"

    eventually(lambda: there("v1"), what="the APIService is made")
    assert not there("v2")
    api("DELETE", f"{SERVICES}/v1.{group}")
    eventually(lambda: there("v1"), what="the APIService is made again")
    serve = [{"op": "replace", "path": "/spec/versions/1/served", "value": True}]
    api("PATCH", f"{definitions}/nets.{group}", json.dumps(serve), headers={"Content-Type": "application/json-patch+json"})
    eventually(lambda: there("v2"), what="the APIService of the other version is made")
    api("DELETE", f"{definitions}/nets.{group}")
    eventually(lambda: not there("v1") and not there("v2"), what="both go with the definition")
