# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""ServiceCIDRs say that they can be used, and stay for as long as Services have addresses of theirs."""
import json

from api import API
from conftest import eventually

PATH = "/apis/networking.k8s.io/v1/servicecidrs"


def test_ranges_stay_while_their_addresses_are_in_use(kubectl):
    api, name = API(), f"range-{kubectl.namespace}"

    def ready(which):
        found = api("GET", f"{PATH}/{which}")[1].get("status", {}).get("conditions") or []
        return [(c["status"], c["reason"]) for c in found if c["type"] == "Ready"]

    def finalizers(which):
        return api("GET", f"{PATH}/{which}")[1]["metadata"].get("finalizers")

    eventually(lambda: finalizers("kubernetes") == ["networking.k8s.io/service-cidr-finalizer"])
    body = {"metadata": {"name": name}, "spec": {"cidrs": ["10.111.0.0/28"]}}
    assert api("POST", PATH, json.dumps(body))[0] == 201
    eventually(lambda: ready(name) == [("True", "")] and finalizers(name), what="the range is ready")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
               "spec": {"clusterIP": "10.111.0.5", "ports": [{"port": 80}]}}
    kubectl.apply(service)
    api("DELETE", f"{PATH}/{name}")
    eventually(lambda: ready(name) == [("False", "Terminating")], what="the range waits for the Service")
    kubectl("delete", "service", "s")
    eventually(lambda: api("GET", f"{PATH}/{name}")[0] == 404, what="the range goes")
