# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What the API server says of custom resource definitions once it serves them."""
import json
import uuid

import pytest

from api import API
from conftest import eventually

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.mark.parametrize("domain, approval, wanted", [
    ("k8s.io", "https://example.com/1", ("True", "ApprovedAnnotation", "approved in https://example.com/1")),
    ("kubernetes.io", "unapproved, a test", ("False", "UnapprovedAnnotation", 'not approved: "unapproved, a test"')),
    ("example.com", "", None),
])
def test_definitions_of_community_groups_say_who_approved_them(domain, approval, wanted):
    api, group = API(), f"t{uuid.uuid4().hex[:8]}.{domain}"
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": group, "scope": "Cluster", "names": {"plural": "things", "kind": "Thing"}, "versions": [version]}
    metadata = {"name": f"things.{group}", "annotations": {"api-approved.kubernetes.io": approval} if approval else {}}
    status, answer = api("POST", PATH, json.dumps({"metadata": metadata, "spec": spec}))
    assert status == 201, answer

    def conditions():
        present = api("GET", f"{PATH}/things.{group}")[1].get("status", {}).get("conditions") or []
        return {item["type"]: (item["status"], item["reason"], item["message"]) for item in present}

    try:
        eventually(lambda: conditions().get("Established", "")[:1] == ("True",), what="the definition is established")
        assert conditions().get("KubernetesAPIApprovalPolicyConformant") == wanted
    finally:
        api("DELETE", f"{PATH}/things.{group}")
