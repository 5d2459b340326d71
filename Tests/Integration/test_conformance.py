# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What Kubernetes' own tests of conformance ask for, and kubectl does not show."""
import json
import os

import pytest
from kubernetes import client, config

from conftest import eventually, pod


@pytest.fixture(scope="module")
def api():
    config.load_kube_config()
    return client.ApiClient()


def test_running_containers_grow_and_shrink(kubectl):
    """The resize subresource: the groups change while the container runs; only one that wants it is started anew."""
    resources = {"requests": {"cpu": "50m", "memory": "20Mi"}, "limits": {"cpu": "100m", "memory": "40Mi"}}
    thing = pod("sized", "sleep", "1000", container={"resources": resources})
    thing["spec"]["containers"].append({
        **thing["spec"]["containers"][0], "name": "anew",
        "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]})
    kubectl.apply(thing)
    kubectl("wait", "--for=condition=Ready", "pod/sized", "--timeout=30s")

    def resized(cpu, memory, restarts):
        new = {"requests": {"cpu": "60m"}, "limits": {"cpu": cpu, "memory": memory}}
        patch = {"spec": {"containers": [{"name": name, "resources": new} for name in ("main", "anew")]}}
        kubectl("patch", "pod", "sized", "--subresource=resize", "--patch", json.dumps(patch))

        def is_done():
            found = kubectl.json("get", "pod", "sized")
            status = found["status"]
            assert status["observedGeneration"] == found["metadata"]["generation"]
            assert not [c for c in status["conditions"] if c["type"].startswith("PodResize")], status["conditions"]
            for container, count in zip(sorted(status["containerStatuses"], key=lambda c: c["name"], reverse=True), restarts):
                assert container["ready"] and container["restartCount"] == count
                assert container["resources"]["limits"] == {"cpu": cpu, "memory": memory}
                assert container["allocatedResources"]["cpu"] == "60m"
            return True

        eventually(is_done)
        read = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max"
        for name in ("main", "anew"):
            limit = int(kubectl("exec", "sized", "-c", name, "--", "sh", "-c", f"({read}) 2>/dev/null"))
            assert limit == int(memory.removesuffix("Mi")) << 20

    resized("200m", "60Mi", (0, 1))
    resized("150m", "60Mi", (0, 1))
    resized("150m", "30Mi", (0, 2))


def test_a_namespaces_pods_go_first(kubectl):
    """What pods run with stays until they are gone."""
    thing = pod("last", "sleep", "1000")
    thing["metadata"]["finalizers"] = ["example.com/wait"]
    space = f"{kubectl.namespace}-ordered"
    inside = type(kubectl)(space)
    inside("create", "namespace", space)
    eventually(lambda: inside("get", "serviceaccount", "default", check=False).returncode == 0)
    inside("create", "configmap", "kept", "--from-literal=a=b")
    inside.apply(thing)
    inside("delete", "namespace", space, "--wait=false")
    eventually(lambda: "deletionTimestamp" in inside.json("get", "pod", "last")["metadata"])
    eventually(lambda: any(
        c["type"] == "NamespaceFinalizersRemaining" and c["status"] == "True"
        for c in inside.json("get", "namespace", space)["status"].get("conditions", [])))
    assert inside.json("get", "configmap", "kept")["data"] == {"a": "b"}
    inside("patch", "pod", "last", "--type=merge", "--patch", '{"metadata":{"finalizers":null}}')
    inside("wait", "--for=delete", f"namespace/{space}", "--timeout=30s")


def test_the_end_of_a_log_without_a_line_feed(kubectl):
    thing = pod("words", "sh", "-c", "printf DONE; exit 1", restartPolicy="Never", container={
        "terminationMessagePolicy": "FallbackToLogsOnError"})
    kubectl.apply(thing)
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/words", "--timeout=30s")
    status = kubectl.json("get", "pod", "words")["status"]["containerStatuses"][0]
    assert status["state"]["terminated"]["message"] == "DONE"
    assert kubectl("logs", "words") == "DONE"


def test_an_evicted_pod_says_so_to_its_end(kubectl, api):
    """The condition that the eviction wrote is there when the pod has ended, whatever its kubelet writes."""
    thing = pod("leaving", "sleep", "1000")
    thing["metadata"]["finalizers"] = ["example.com/wait"]
    kubectl.apply(thing)
    kubectl("wait", "--for=condition=Ready", "pod/leaving", "--timeout=30s")
    client.CoreV1Api(api).create_namespaced_pod_eviction(
        "leaving", kubectl.namespace, client.V1Eviction(metadata=client.V1ObjectMeta(name="leaving")))
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/leaving", "--timeout=30s")
    told = {c["type"]: c for c in kubectl.json("get", "pod", "leaving")["status"]["conditions"]}
    assert told["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
    kubectl("patch", "pod", "leaving", "--type=merge", "--patch", '{"metadata":{"finalizers":null}}')


def test_quotas_hear_of_deletions(kubectl):
    kubectl("create", "quota", "few", "--hard=configmaps=10,count/deployments.apps=2")
    kubectl("create", "configmap", "one", "--from-literal=a=b")
    kubectl("create", "deployment", "web", "--image=none", "--replicas=0")

    def used():
        status = kubectl.json("get", "quota", "few")["status"].get("used", {})
        return status.get("configmaps"), status.get("count/deployments.apps")

    # Each namespace has the authority's certificate as a config map.
    eventually(lambda: used() == ("2", "1"), what="the count of what was made")
    kubectl("delete", "configmap/one", "deployment/web")
    eventually(lambda: used() == ("1", "0"), what="the count of what is left")


def test_a_circle_of_owners_goes(kubectl):
    """Each of three config maps owns the next and holds it back; deleted in the foreground, all of them go."""
    names = ["a", "b", "c"]
    for name in names:
        kubectl("create", "configmap", name)
    uids = {name: kubectl.json("get", "configmap", name)["metadata"]["uid"] for name in names}
    for place, name in enumerate(names):
        owner = names[place - 1]
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uids[owner],
                     "controller": True, "blockOwnerDeletion": True}
        kubectl("patch", "configmap", name, "--type=merge",
                "--patch", json.dumps({"metadata": {"ownerReferences": [reference]}}))
    kubectl("delete", "configmap", "a", "--cascade=foreground", "--timeout=20s")
    eventually(lambda: not {i["metadata"]["name"] for i in kubectl.json("get", "configmap")["items"]} & set(names))


def test_attachments_of_others_stay(kubectl):
    attachment = {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": kubectl.namespace},
                  "spec": {"attacher": "example.com", "nodeName": "node-1", "source": {"persistentVolumeName": "none"}}}
    kubectl.apply(attachment)
    # Ours is woken by every attachment of the node, and takes away what it does not want.
    kubectl.apply({**attachment, "metadata": {"name": f"csi-{'0' * 64}"}})
    eventually(lambda: kubectl("get", "volumeattachment", f"csi-{'0' * 64}", check=False).returncode != 0)
    kubectl("delete", "volumeattachment", kubectl.namespace)


def test_questions_about_rights_have_no_table(api):
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = api.rest_client.request("POST", api.configuration.host + path, body=body, headers={
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io", "Content-Type": "application/json"})
    assert answer.status == 406


def test_events_are_found_by_the_names_of_both_groups(kubectl):
    kubectl.apply(pod("told", "true", restartPolicy="Never"))
    for resource, field in (("events", "involvedObject.name"), ("events.v1.events.k8s.io", "regarding.name")):
        for reporter in (("reportingComponent" if resource == "events" else "reportingController"),):
            selector = f"{field}=told,{reporter}=kubelet"
            eventually(lambda: "Started" in kubectl("get", resource, f"--field-selector={selector}"), what=selector)


def test_the_kubelet_lists_its_pods_as_the_api_does(kubectl, api):
    kubectl.apply(pod("listed", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/listed", "--timeout=30s")
    found = json.loads(kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/pods"))
    [mine] = [p for p in found["items"] if p["metadata"]["namespace"] == kubectl.namespace]
    for condition in mine["status"]["conditions"]:
        assert condition["lastProbeTime"] is None if "lastProbeTime" in condition else True
        assert isinstance(condition["lastTransitionTime"], str)


def test_a_kubelet_sets_labels_below_domains_of_others_alone(kubectl):
    """With the status, too, as kubelets write what drivers of storage say; ours says what every server takes."""
    node = config.new_client_from_config(f"{os.path.dirname(os.environ['KUBECONFIG'])}/kubelet.conf")

    def labelled(key):
        body = {"metadata": {"labels": {key: "x"}}}
        return client.CoreV1Api(node).patch_node_status("node-1", body).metadata.labels

    with pytest.raises(client.ApiException) as refused:
        labelled("topology.example.k8s.io/node")
    assert "is not allowed to modify labels: topology.example.k8s.io/node" in refused.value.body
    labelled("topology.example.com/node")
    assert kubectl.json("get", "csinode", "node-1")["spec"]["drivers"][0]["topologyKeys"] == ["topology.hostpath.csi/node"]
