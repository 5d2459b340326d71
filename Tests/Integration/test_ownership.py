# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Who a pod belongs to: controllers let go of pods that they no longer select, and take up those that nobody owns."""
import json

import pytest
from conftest import eventually, pod


def workload(kind, **spec):
    group = "batch/v1" if kind == "Job" else "apps/v1"
    template = pod("", "sleep", "1000", labels={"app": "owned"})
    template = {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        spec |= {"manualSelector": True}
    return {
        "apiVersion": group, "kind": kind, "metadata": {"name": "owner"},
        "spec": {"selector": {"matchLabels": {"app": "owned"}}, "template": template, **spec},
    }


WORKLOADS = [
    workload("ReplicaSet", replicas=2), workload("DaemonSet"), workload("StatefulSet", replicas=2, serviceName="none"),
    workload("Job", parallelism=2),
]


def pods(kubectl, owner=True):
    """The pods of the owner, or those of nobody, by their UIDs."""
    def is_wanted(found):
        return any(one.get("controller") for one in found["metadata"].get("ownerReferences", [])) == owner
    items = [item for item in kubectl.json("get", "pods")["items"] if not item["metadata"].get("deletionTimestamp")]
    return {item["metadata"]["uid"]: item["metadata"]["name"] for item in items if is_wanted(item)}


def complete(kubectl, made):
    """Waits until the owner has as many pods as it wants, and returns them."""
    wanted = made["spec"].get("replicas", made["spec"].get("parallelism", 1))
    return eventually(lambda: [found for found in [pods(kubectl)] if len(found) == wanted], what=f"{wanted} pods")[0]


@pytest.mark.parametrize("made", WORKLOADS, ids=[made["kind"] for made in WORKLOADS])
def test_what_an_owner_leaves_behind_is_taken_up_by_the_next(kubectl, made):
    kubectl.apply(made)
    before = complete(kubectl, made)
    kubectl("delete", made["kind"].lower(), "owner", "--cascade=orphan")
    eventually(lambda: pods(kubectl, owner=False) == before, what="pods without an owner")
    kubectl.apply(made)
    eventually(lambda: pods(kubectl) == before, what="the same pods with the new owner")


@pytest.mark.parametrize("made", [made for made in WORKLOADS if made["kind"] != "StatefulSet"], ids=lambda made: made["kind"])
def test_a_pod_with_other_labels_is_let_go_and_replaced_and_taken_back(kubectl, made):
    kubectl.apply(made)
    before = complete(kubectl, made)
    uid, name = next(iter(before.items()))
    kubectl("label", "--overwrite", "pod", name, "app=other")
    eventually(lambda: pods(kubectl, owner=False) == {uid: name}, what="the pod without an owner")
    assert uid not in complete(kubectl, made), "another in its place"
    if made["kind"] == "ReplicaSet":
        # Taken back, it is one too many.
        kubectl("label", "--overwrite", "pod", name, "app=owned")
        eventually(lambda: not pods(kubectl, owner=False), what="none without an owner")
        complete(kubectl, made)
    else:
        kubectl("delete", "pod", name, "--now")


def test_a_pod_of_nobody_is_taken_up_without_another_being_made(kubectl):
    orphan = pod("orphan", "sleep", "1000", labels={"app": "owned"})
    kubectl.apply(orphan)
    before = pods(kubectl, owner=False)
    kubectl.apply(workload("ReplicaSet", replicas=1))
    eventually(lambda: pods(kubectl) == before, what="the orphan with an owner")
    reference = json.loads(kubectl("get", "pod", "orphan", "-o", "json"))["metadata"]["ownerReferences"]
    assert [(one["kind"], one["name"], one["controller"]) for one in reference] == [("ReplicaSet", "owner", True)]


def test_a_job_goes_in_the_foreground_with_its_pods(kubectl):
    made = next(made for made in WORKLOADS if made["kind"] == "Job")
    kubectl.apply(made)
    complete(kubectl, made)
    kubectl("delete", "job", "owner", "--cascade=foreground", timeout=30)
    assert kubectl("get", "pods", "-o", "name") == ""
