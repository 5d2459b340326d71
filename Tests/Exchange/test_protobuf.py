# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What a component of upstream asks for when it starts, as it asks for it: in Kubernetes' protobuf, with Google's
implementation at this end, and lists as watches (sendInitialEvents)."""
import base64
import importlib
import json
import os
import ssl
import sys
import tempfile
import urllib.error
import urllib.request

import pytest
import yaml
from grpc_tools import protoc

from conftest import kubectl, pod  # noqa: F401
from stubs import ROOT

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"


@pytest.fixture(scope="module")
def types():
    """The messages of the API, made from Protos/k8s."""
    folder = tempfile.mkdtemp(prefix="apus-stubs-")
    files = ["apus/schema", "k8s/runtime", "k8s/resource", "k8s/intstr", "k8s/meta/v1", "k8s/core/v1",
             "k8s/coordination/v1", "k8s/authentication/v1", "k8s/authorization/v1", "k8s/storage/v1"]
    wellknown = os.path.join(os.path.dirname(sys.modules["grpc_tools"].__file__), "_proto")
    arguments = ["protoc", f"-I{ROOT}/Protos", f"-I{wellknown}", f"--python_out={folder}"]
    assert protoc.main([*arguments, *[f"{name}.proto" for name in files]]) == 0
    sys.path.insert(0, folder)
    return {name: importlib.import_module(f"{name.replace('/', '.')}_pb2") for name in files}


class Server:
    """HTTP to the API server, as its administrator."""

    def __init__(self, types):
        with open(os.environ["KUBECONFIG"]) as file:
            config = yaml.safe_load(file)
        self.url, user = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]
        self.context = ssl.create_default_context(cadata=base64.b64decode(
            config["clusters"][0]["cluster"]["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as both:
            both.write(base64.b64decode(user["client-certificate-data"]))
            both.write(base64.b64decode(user["client-key-data"]))
            both.flush()
            self.context.load_cert_chain(both.name)
        self.unknown = types["k8s/runtime"].Unknown

    def open(self, method, path, body=None, accept=f"{PROTOBUF},application/json", content=PROTOBUF):
        request = urllib.request.Request(self.url + path, data=body, method=method,
                                         headers={"Accept": accept, "Content-Type": content})
        return urllib.request.urlopen(request, context=self.context, timeout=20)

    def wrapped(self, version, kind, message):
        unknown = self.unknown(raw=message.SerializeToString())
        unknown.typeMeta.apiVersion, unknown.typeMeta.kind = version, kind
        return MAGIC + unknown.SerializeToString()

    def unwrapped(self, data, kind, message):
        assert data[:4] == MAGIC, data[:40]
        unknown = self.unknown.FromString(data[4:])
        assert unknown.typeMeta.kind == kind, unknown.typeMeta
        return message.FromString(unknown.raw)

    def call(self, method, path, version, kind, message, answer=None):
        with self.open(method, path, self.wrapped(version, kind, message) if message else None) as response:
            assert response.headers["Content-Type"] == PROTOBUF
            return self.unwrapped(response.read(), answer or kind, type(message))


@pytest.fixture(scope="module")
def server(types):
    return Server(types)


def test_a_kubelets_lease_and_events(server, types, kubectl):  # noqa: F811
    """Create, read, replace; a replacement with an old version is a conflict, told in protobuf."""
    coordination = types["k8s/coordination/v1"]
    lease = coordination.Lease()
    lease.metadata.name, lease.spec.holderIdentity, lease.spec.leaseDurationSeconds = "node-x", "node-x", 40
    lease.spec.renewTime.seconds = 1_800_000_000
    path = f"/apis/coordination.k8s.io/v1/namespaces/{kubectl.namespace}/leases"
    made = server.call("POST", path, "coordination.k8s.io/v1", "Lease", lease)
    assert made.metadata.uid and made.spec.renewTime.seconds == 1_800_000_000
    stale = coordination.Lease.FromString(made.SerializeToString())
    made.spec.renewTime.nanos = 123_456_000
    again = server.call("PUT", f"{path}/node-x", "coordination.k8s.io/v1", "Lease", made)
    assert again.spec.renewTime.nanos == 123_456_000
    assert kubectl.json("get", "lease", "node-x")["spec"]["renewTime"].endswith(".123456Z")
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.call("PUT", f"{path}/node-x", "coordination.k8s.io/v1", "Lease", stale)
    status = server.unwrapped(refused.value.read(), "Status", types["k8s/meta/v1"].Status)
    assert (status.code, status.reason) == (409, "Conflict")


def test_pods_are_created_listed_and_watched(server, types, kubectl):  # noqa: F811
    core = types["k8s/core/v1"]
    wanted = core.Pod()
    wanted.metadata.name = "binary"
    wanted.spec.nodeName = "no-such-node"
    wanted.spec.containers.add(name="main", image="nowhere/nothing")
    wanted.spec.containers[0].resources.requests["cpu"].string = "100m"
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods"
    made = server.call("POST", path, "v1", "Pod", wanted)
    assert made.spec.terminationGracePeriodSeconds == 30 and made.status.qosClass == "Burstable"
    with server.open("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dno-such-node&limit=500&resourceVersion=0") as response:
        pods = server.unwrapped(response.read(), "PodList", core.PodList)
    assert [p.metadata.name for p in pods.items] == ["binary"]
    # Reflectors begin with a watch that tells what is there, up to a bookmark.
    query = ("allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dno-such-node&resourceVersionMatch=NotOlderThan"
             "&sendInitialEvents=true&timeoutSeconds=20&watch=true")
    with server.open("GET", f"/api/v1/pods?{query}", accept=f"{PROTOBUF};stream=watch,{PROTOBUF}") as stream:
        assert stream.headers["Content-Type"] == f"{PROTOBUF};stream=watch"

        def event():
            length = int.from_bytes(stream.read(4), "big")
            told = types["k8s/meta/v1"].WatchEvent.FromString(stream.read(length))
            return told.type, server.unwrapped(told.object.raw, "Pod", core.Pod)

        first = event()
        assert (first[0], first[1].metadata.name) == ("ADDED", "binary")
        kind, bookmark = event()
        assert kind == "BOOKMARK" and bookmark.metadata.annotations["k8s.io/initial-events-end"] == "true"
        assert int(bookmark.metadata.resourceVersion) >= int(made.metadata.resourceVersion)
        kubectl("label", "pod", "binary", "color=green")
        kind, changed = event()
        assert kind == "MODIFIED" and changed.metadata.labels["color"] == "green"
        kubectl("delete", "pod", "binary", "--grace-period=0", "--force")
        while kind != "DELETED":
            kind, _ = event()


def test_reviews(server, types, kubectl):  # noqa: F811
    """What a kubelet asks about those who call it, and a client about itself."""
    authentication, authorization = types["k8s/authentication/v1"], types["k8s/authorization/v1"]
    token = kubectl("create", "token", "default").strip()
    review = authentication.TokenReview()
    review.spec.token = token
    told = server.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "authentication.k8s.io/v1", "TokenReview", review)
    user = f"system:serviceaccount:{kubectl.namespace}:default"
    assert told.status.authenticated and told.status.user.username == user
    review = authorization.SubjectAccessReview()
    review.spec.user = user
    review.spec.resourceAttributes.verb, review.spec.resourceAttributes.resource = "get", "nodes"
    review.spec.resourceAttributes.subresource = "proxy"
    told = server.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "authorization.k8s.io/v1",
                       "SubjectAccessReview", review)
    assert not told.status.allowed
    myself = server.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "authentication.k8s.io/v1",
                         "SelfSubjectReview", authentication.SelfSubjectReview())
    assert myself.status.userInfo.username == "kubernetes-admin"


def test_what_starting_components_read(server):
    """Every list of a kubelet, a scheduler, a controller manager and a proxy, in protobuf, and what has no protobuf."""
    for path in ("/api/v1/nodes", "/api/v1/services", "/api/v1/pods", "/api/v1/namespaces", "/api/v1/endpoints",
                 "/api/v1/persistentvolumes", "/api/v1/persistentvolumeclaims", "/api/v1/configmaps", "/api/v1/secrets",
                 "/api/v1/replicationcontrollers", "/api/v1/resourcequotas", "/api/v1/limitranges",
                 "/apis/discovery.k8s.io/v1/endpointslices", "/apis/node.k8s.io/v1/runtimeclasses",
                 "/apis/storage.k8s.io/v1/csinodes", "/apis/storage.k8s.io/v1/csidrivers",
                 "/apis/storage.k8s.io/v1/csistoragecapacities", "/apis/storage.k8s.io/v1/storageclasses",
                 "/apis/storage.k8s.io/v1/volumeattachments", "/apis/policy/v1/poddisruptionbudgets",
                 "/apis/apps/v1/replicasets", "/apis/apps/v1/statefulsets", "/apis/apps/v1/daemonsets",
                 "/apis/apps/v1/deployments", "/apis/apps/v1/controllerrevisions", "/apis/batch/v1/jobs",
                 "/apis/batch/v1/cronjobs", "/apis/autoscaling/v2/horizontalpodautoscalers",
                 "/apis/certificates.k8s.io/v1/certificatesigningrequests", "/apis/networking.k8s.io/v1/ingresses",
                 "/apis/networking.k8s.io/v1/networkpolicies", "/apis/networking.k8s.io/v1/servicecidrs",
                 "/apis/networking.k8s.io/v1/ipaddresses", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                 "/apis/resource.k8s.io/v1/resourceclaims", "/apis/resource.k8s.io/v1/deviceclasses",
                 "/apis/resource.k8s.io/v1/resourceslices", "/apis/scheduling.k8s.io/v1/priorityclasses",
                 "/apis/coordination.k8s.io/v1/leases", "/apis/events.k8s.io/v1/events",
                 "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
                 "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
                 "/apis/apiregistration.k8s.io/v1/apiservices"):
        with server.open("GET", f"{path}?limit=500&resourceVersion=0") as response:
            assert response.headers["Content-Type"] == PROTOBUF, path
            unknown = server.unknown.FromString(response.read()[4:])
            assert unknown.typeMeta.kind.endswith("List"), path
    # Metadata alone, as the garbage collector asks for it, and discovery of everything at once.
    partial = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    with server.open("GET", "/api/v1/nodes", accept=f"{partial},{partial.replace(PROTOBUF, 'application/json')},application/json") as response:
        assert server.unknown.FromString(response.read()[4:]).typeMeta.kind == "PartialObjectMetadataList"
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    with server.open("GET", "/apis", accept=f"{aggregated},application/json") as response:
        assert json.load(response)["kind"] == "APIGroupDiscoveryList"
    # CBOR is offered first by clients that know it; a server without it answers in what comes next.
    with server.open("GET", "/api/v1/nodes", accept=f"application/cbor;q=1,{PROTOBUF};q=0.9,application/json;q=0.8") as response:
        assert response.headers["Content-Type"] in ("application/cbor", PROTOBUF)


def test_typed_clients_name_the_objects_group_in_the_options_of_a_deletion(server, types, kubectl):  # noqa: F811
    """What is deleted names its group in the options' envelope, whatever group they are of."""
    options = types["k8s/meta/v1"].DeleteOptions
    kubectl("create", "deployment", "web", "--image=nowhere/nothing", "--replicas=0")
    path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/web"
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.open("DELETE", path, server.wrapped("apps/v1", "DeleteOptions", options(
            preconditions={"uid": "another"})))
    assert refused.value.code == 409
    with server.open("DELETE", path, server.wrapped("apps/v1", "DeleteOptions", options(
            propagationPolicy="Background"))) as answer:
        assert answer.status == 200
    assert kubectl("get", "deployment", "web", check=False).returncode != 0
