# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What Kubernetes' own tests of conformance ask for, and kubectl does not show."""
import json
import os
import threading

import pytest
from kubernetes import client, config

from conftest import BUSYBOX, eventually, pod

REGISTRY = BUSYBOX.partition("/")[0]


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


def test_custom_objects_read_as_their_definition_says_now(kubectl, api):
    """Defaults that a definition gets later are there when an older object is read, and fields that went are not."""
    group = f"{kubectl.namespace}.example.com"
    properties = {"a": {"type": "string"}, "b": {"type": "string"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}}}]}}
    kubectl.apply(definition)
    kubectl("wait", "--for=condition=Established", f"crd/things.{group}", "--timeout=10s")
    kubectl.apply({"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "old"}, "b": "kept"})

    def redefine(new):
        patch = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties", "value": new}]
        kubectl("patch", "crd", f"things.{group}", "--type=json", "--patch", json.dumps(patch))

    def shown():
        one = kubectl.json("get", f"things.{group}", "old")
        [listed] = kubectl.json("get", f"things.{group}")["items"]
        assert one == listed
        return {name: one.get(name) for name in ("a", "b")}

    redefine({"a": {"type": "string", "default": "A"}, "b": {"type": "string"}})
    eventually(lambda: shown() == {"a": "A", "b": "kept"}, what="the default on reading")
    redefine({"a": {"type": "string", "default": "B"}})
    eventually(lambda: shown() == {"a": "B", "b": None}, what="the next default, without the field that went")
    redefine(properties)
    eventually(lambda: shown() == {"a": None, "b": "kept"}, what="what is stored")
    kubectl("delete", "crd", f"things.{group}")


def test_a_job_starts_nothing_once_it_has_succeeded(kubectl):
    """By its policy the first index is enough; the second is stopped, and the third never starts meanwhile."""
    thing = pod("unused", "sh", "-c", "test $JOB_COMPLETION_INDEX != 1 || sleep 1000", restartPolicy="Never")["spec"]
    kubectl.apply({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "enough"},
        "spec": {"completionMode": "Indexed", "completions": 5, "parallelism": 2, "template": {"spec": thing},
                 "successPolicy": {"rules": [{"succeededIndexes": "0"}]}}})
    kubectl("wait", "--for=condition=Complete", "job/enough", "--timeout=30s")
    status = kubectl.json("get", "job", "enough")["status"]
    assert (status["succeeded"], status["completedIndexes"]) == (1, "0")
    pods = kubectl.json("get", "pods", "--selector=job-name=enough")["items"]
    assert {p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for p in pods} <= {"0", "1"}


def test_quotas_hold_while_many_ask(kubectl):
    """What admission has charged is not forgotten before it is seen."""
    kubectl("create", "quota", "few", "--hard=pods=2")
    eventually(lambda: kubectl.json("get", "quota", "few")["status"].get("used") == {"pods": "0"}, what="the first count")
    for place in range(5):
        labels = {"app": f"many-{place}"}
        spec = pod("unused", "true")["spec"]
        kubectl.apply({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": f"many-{place}"},
                       "spec": {"replicas": 6, "selector": labels,
                                "template": {"metadata": {"labels": labels}, "spec": {**spec, "nodeSelector": {"none": "x"}}}}})
        kubectl("wait", "--for=condition=ReplicaFailure", f"rc/many-{place}", "--timeout=10s")
        assert len(kubectl.json("get", "pods", f"--selector=app=many-{place}")["items"]) == 2
        kubectl("delete", "rc", f"many-{place}")
        kubectl("delete", "pods", f"--selector=app=many-{place}", "--force", "--grace-period=0")
        eventually(lambda: kubectl.json("get", "quota", "few")["status"]["used"] == {"pods": "0"}, what="what is free")


def test_classes_of_attributes_stay_while_claims_name_them(kubectl):
    name = f"class-{kubectl.namespace}"
    kubectl.apply(
        {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "metadata": {"name": name},
         "driverName": "example.com", "parameters": {"a": "b"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "wants"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "none", "volumeAttributesClassName": name,
            "resources": {"requests": {"storage": "1Mi"}}}})
    kubectl("delete", "vac", name, "--wait=false")
    # Another class, which nobody names, goes at once, and so would the first.
    kubectl.apply({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "metadata": {"name": f"{name}-2"},
                   "driverName": "example.com", "parameters": {"a": "b"}})
    kubectl("delete", "vac", f"{name}-2", "--timeout=20s")
    assert kubectl.json("get", "vac", name)["metadata"]["finalizers"] == ["kubernetes.io/vac-protection"]
    kubectl("delete", "pvc", "wants")
    kubectl("wait", "--for=delete", f"vac/{name}", "--timeout=20s")


def test_an_image_as_a_volume_is_pulled(kubectl):
    """With the policy Always and with the usual one, whether any container has run from the image or not."""
    image = f"{REGISTRY}/nginx:v1"
    thing = pod("reads", "sh", "-c", "ls /one/usr/sbin/nginx /two/nginx && ! touch /one/x", restartPolicy="Never")
    thing["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "one", "mountPath": "/one"}, {"name": "two", "mountPath": "/two", "subPath": "usr/sbin"}]
    thing["spec"]["volumes"] = [
        {"name": "one", "image": {"reference": image, "pullPolicy": "Always"}}, {"name": "two", "image": {"reference": image}}]
    kubectl.apply(thing)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/reads", "--timeout=30s")
    eventually(lambda: f'Successfully pulled image "{image}"' in kubectl("get", "events"), what="the pull's event")

    thing = pod("lacks", "true", restartPolicy="Never")
    thing["spec"]["containers"][0]["volumeMounts"] = [{"name": "none", "mountPath": "/none"}]
    thing["spec"]["volumes"] = [{"name": "none", "image": {"reference": f"{REGISTRY}/none:v1"}}]
    kubectl.apply(thing)
    kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/lacks",
            "--timeout=30s")


def test_resources_of_others_stay_with_the_node(kubectl):
    """What somebody else says that the node has can be given to pods, and stays when the kubelet writes the status."""
    patch = {"status": {"capacity": {"example.com/thing": "3"}}}
    kubectl("patch", "node", "node-1", "--subresource=status", "--patch", json.dumps(patch))
    # Only the kubelet's own write says that all of it can be given.
    eventually(lambda: kubectl.json("get", "node", "node-1")["status"]["allocatable"].get("example.com/thing") == "3")
    assert kubectl.json("get", "node", "node-1")["status"]["capacity"]["example.com/thing"] == "3"
    two = {"resources": {"requests": {"example.com/thing": "2"}, "limits": {"example.com/thing": "2"}}}
    kubectl.apply(pod("lesser", "sleep", "1000", container=two))
    kubectl("wait", "--for=condition=Ready", "pod/lesser", "--timeout=30s")
    kubectl.apply(pod("greater", "sleep", "1000", container=two, priorityClassName="system-cluster-critical"))
    kubectl("wait", "--for=condition=Ready", "pod/greater", "--timeout=30s")
    assert kubectl("get", "pod", "lesser", check=False).returncode != 0
    gone = '[{"op": "remove", "path": "/status/capacity/example.com~1thing"}]'
    kubectl("patch", "node", "node-1", "--subresource=status", "--type=json", "--patch", gone)


def test_contents_of_volumes_follow_objects_that_come_later(kubectl):
    thing = pod("follows", "sleep", "1000")
    thing["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "secret", "mountPath": "/secret"}, {"name": "map", "mountPath": "/map"}]
    thing["spec"]["volumes"] = [{"name": "secret", "secret": {"secretName": "late", "optional": True}},
                                {"name": "map", "configMap": {"name": "late", "optional": True}}]
    kubectl.apply(thing)
    kubectl("wait", "--for=condition=Ready", "pod/follows", "--timeout=30s")
    kubectl("create", "secret", "generic", "late", "--from-literal=a=one")
    kubectl("create", "configmap", "late", "--from-literal=a=two")

    def read():
        return kubectl("exec", "follows", "--", "sh", "-c", "cat /secret/a /map/a", check=False).stdout

    eventually(lambda: read() == "onetwo", seconds=10, what="the contents of objects that were made later")


def test_revisions_keep_templates_as_clients_write_them(kubectl):
    """With the members of all objects in order, so that clients can compare the texts."""
    spec = pod("unused", "sleep", "1000")["spec"]
    kubectl.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "kept"}, "spec": {
        "selector": {"matchLabels": {"app": "kept"}}, "template": {
            "metadata": {"labels": {"app": "kept"}}, "spec": {**spec, "nodeSelector": {"none": "x"}}}}})
    [found] = eventually(lambda: kubectl.json("get", "controllerrevisions")["items"])
    template = kubectl.json("get", "daemonset", "kept")["spec"]["template"]
    wanted = {"spec": {"template": {**template, "$patch": "replace"}}}
    assert json.dumps(found["data"]) == json.dumps(wanted, sort_keys=True)


def test_a_deletion_with_a_uid_outlasts_other_writes(kubectl, api):
    """It holds for the object with this identity, in whichever version it is when the deletion comes to it."""
    core = client.CoreV1Api(api)
    for round in range(20):
        name = f"busy-{round}"
        made = core.create_namespaced_config_map(kubectl.namespace, {"metadata": {"name": name, "finalizers": ["a.example.com/b"]}})
        ended = threading.Event()

        def write():
            number = 0
            while not ended.is_set():
                number += 1
                core.patch_namespaced_config_map(name, kubectl.namespace, {"data": {"number": str(number)}})

        writer = threading.Thread(target=write)
        writer.start()
        try:
            core.delete_namespaced_config_map(name, kubectl.namespace, body={"preconditions": {"uid": made.metadata.uid}})
        finally:
            ended.set()
            writer.join()
        with pytest.raises(client.ApiException) as refused:
            core.delete_namespaced_config_map(name, kubectl.namespace, body={"preconditions": {"uid": "other"}})
        assert refused.value.status == 409
        core.patch_namespaced_config_map(name, kubectl.namespace, {"metadata": {"finalizers": None}})


def test_a_bound_volume_goes_after_its_claim(kubectl):
    name = f"bound-{kubectl.namespace}"
    more = {"accessModes": ["ReadWriteOnce"], "storageClassName": name}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            **more, "capacity": {"storage": "1Mi"}, "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/none"}}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claims"}, "spec": {
            **more, "resources": {"requests": {"storage": "1Mi"}}}})
    kubectl("wait", "--for=jsonpath={.status.phase}=Bound", f"pv/{name}", "pvc/claims", "--timeout=20s")
    kubectl("delete", "pv", name, "--wait=false")
    assert kubectl.json("get", "pv", name)["status"]["phase"] == "Bound"
    kubectl("delete", "pvc", "claims", "--timeout=20s")
    kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=20s")
