# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Workloads follow their metrics: a server of metrics behind the cluster's API says what the test wants it to."""
import datetime
import json
import urllib.parse

import pytest

from api import API
from conftest import eventually, pod
from extension_server import Handler, Server

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class MetricsHandler(Handler):
    def serve(self):
        address = urllib.parse.urlsplit(self.path)
        self.body()
        words = address.path.strip("/").split("/")
        served = self.server.owner
        group, version = words[1:3] if len(words) > 2 else (None, None)
        if address.path in ("/apis", "/apis/metrics.k8s.io"):
            # The aggregator asks the server as a whole, and no more of it is needed.
            return self.answer(404, b"404 page not found\n", "text/plain")
        if len(words) == 3:
            names = {"metrics.k8s.io": "pods", "custom.metrics.k8s.io": "pods/depth", "external.metrics.k8s.io": "depth"}
            return self.answer(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": [
                {"name": names[group], "singularName": "", "namespaced": True, "kind": "Metric", "verbs": ["get", "list"]}]})
        query = dict(urllib.parse.parse_qsl(address.query))
        served.asked.append((address.path, query))
        if group == "metrics.k8s.io":
            items = [{"metadata": {"name": name, "namespace": words[4]}, "timestamp": now(), "window": "100ms", "containers": [
                {"name": "main", "usage": {"cpu": served.usage, "memory": "32Mi"}}]} for name in served.pods()]
        elif group == "custom.metrics.k8s.io":
            names = served.pods() if words[-2] == "*" else [words[-2]]
            items = [{"describedObject": {"name": name}, "timestamp": now(), "value": served.depth} for name in names]
        else:
            items = [{"metricName": "depth", "timestamp": now(), "value": served.depth}]
        return self.answer(200, {"kind": "List", "apiVersion": f"{group}/{version}", "metadata": {}, "items": items})

    do_GET = serve


class MetricsServer(Server):
    """What every pod is said to use, and how long a queue is said to be."""

    def __init__(self, folder, kubectl):
        self.usage, self.depth, self.asked = "250m", "30", []
        self.kubectl, self.api = kubectl, API()
        super().__init__(MetricsHandler, folder, f"metrics.{kubectl.namespace}.svc")
        self.groups = []

    def pods(self):
        return [p["metadata"]["name"] for p in self.kubectl.json("get", "pods", "-l", "app=web")["items"]
                if p["status"]["phase"] == "Running"]

    def register(self, group, version):
        name = f"{version}.{group}"
        self.groups.append(name)
        assert self.api("POST", SERVICES, json.dumps({"metadata": {"name": name}, "spec": {
            "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100, "caBundle": self.bundle,
            "service": {"namespace": self.kubectl.namespace, "name": "metrics"}}}))[0] == 201

        def available():
            conditions = self.api("GET", f"{SERVICES}/{name}")[1].get("status", {}).get("conditions") or [{}]
            return conditions[0].get("status") == "True"
        eventually(available, what=name)

    def close(self):
        for name in self.groups:
            self.api("DELETE", f"{SERVICES}/{name}")
        super().close()


@pytest.fixture
def metrics(kubectl, tmp_path):
    server = MetricsServer(str(tmp_path), kubectl)
    kubectl.apply(server.service("metrics"), server.slice("metrics"))
    yield server
    server.close()


@pytest.fixture
def web(kubectl):
    """A Deployment of one pod that requests a tenth of a processor."""
    template = pod("web", "sleep", "100000", container={"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}})
    kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]}}})
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")


def conditions(kubectl, name="web"):
    status = kubectl.json("get", "hpa", name).get("status", {})
    return {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions", [])}


def replicas(kubectl):
    return kubectl.json("get", "deployment", "web")["spec"]["replicas"]


def events(kubectl):
    return {(e["reason"], e["message"]) for e in kubectl.json("get", "events")["items"] if e["involvedObject"]["kind"] == "HorizontalPodAutoscaler"}


def test_a_deployment_follows_its_processor_time(kubectl, metrics, web):
    kubectl("autoscale", "deployment", "web", "--cpu=50%", "--min=1", "--max=5")
    # Nobody serves metrics yet.
    eventually(lambda: conditions(kubectl).get("ScalingActive") == ("False", "FailedGetResourceMetric"), what=lambda: conditions(kubectl))
    assert conditions(kubectl)["AbleToScale"] == ("True", "SucceededGetScale")
    eventually(lambda: ("FailedGetResourceMetric",
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: "
        "the server could not find the requested resource (get pods.metrics.k8s.io)") in events(kubectl))
    metrics.register("metrics.k8s.io", "v1beta1")
    # Five times the target, but not more than four pods at once.
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"maxReplicas":6}}')
    eventually(lambda: replicas(kubectl) == 4, what="four pods")
    path, query = metrics.asked[-1]
    assert path.endswith(f"/namespaces/{kubectl.namespace}/pods") and query == {"labelSelector": "app=web"}
    eventually(lambda: conditions(kubectl) == {
        "AbleToScale": ("True", "SucceededRescale"), "ScalingActive": ("True", "ValidMetricFound"), "ScalingLimited": ("True", "ScaleUpLimit")})
    eventually(lambda: ("SuccessfulRescale", "New size: 4; reason: cpu resource utilization (percentage of request) above target") in events(kubectl))
    assert kubectl.json("get", "hpa", "web")["status"]["currentMetrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 250, "averageValue": "250m"}}}]
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"maxReplicas":5}}')
    eventually(lambda: replicas(kubectl) == 5, what="as many as there may be")
    assert "250%/50%" in kubectl("get", "hpa", "web") and "cpu resource utilization" in kubectl("describe", "hpa", "web")
    # Less load takes none away for five minutes, unless the rules say otherwise.
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    metrics.usage = "10m"
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"minReplicas":2}}')
    eventually(lambda: conditions(kubectl).get("AbleToScale") == ("True", "ScaleDownStabilized"))
    assert replicas(kubectl) == 5
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":0,"policies":[{"type":"Pods","value":2,"periodSeconds":60}]}}}}')
    eventually(lambda: replicas(kubectl) == 3, what="two at a time")
    assert conditions(kubectl)["ScalingLimited"] == ("True", "ScaleDownLimit")
    eventually(lambda: ("SuccessfulRescale", "New size: 3; reason: All metrics below target") in events(kubectl))
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"maxReplicas":2}}')
    eventually(lambda: replicas(kubectl) == 2)
    eventually(lambda: ("SuccessfulRescale", "New size: 2; reason: Current number of replicas above Spec.MaxReplicas") in events(kubectl))
    kubectl("scale", "deployment", "web", "--replicas=0")
    kubectl("patch", "hpa", "web", "-p", '{"spec":{"maxReplicas":3}}')
    eventually(lambda: conditions(kubectl).get("ScalingActive") == ("False", "ScalingDisabled"))
    assert replicas(kubectl) == 0


def test_other_metrics_and_what_cannot_be_scaled(kubectl, metrics, web):
    metrics.register("custom.metrics.k8s.io", "v1beta2")
    metrics.register("external.metrics.k8s.io", "v1beta1")

    def autoscaler(*sources, name="web", target="web"):
        return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "minReplicas": 1, "maxReplicas": 4,
            "metrics": list(sources)}}
    share = {"type": "External", "external": {
        "metric": {"name": "depth", "selector": {"matchLabels": {"queue": "mail"}}}, "target": {"type": "AverageValue", "averageValue": "10"}}}
    kubectl.apply(autoscaler(share))
    eventually(lambda: replicas(kubectl) == 3, what="a pod for ten in the queue")
    assert ({"labelSelector": "queue=mail"}) in [query for _, query in metrics.asked]
    eventually(lambda: ("SuccessfulRescale", "New size: 3; reason: external metric depth(&LabelSelector{MatchLabels:map[string]string{queue: mail,},"
                        "MatchExpressions:[]LabelSelectorRequirement{},}) above target") in events(kubectl))
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    each = {"type": "Pods", "pods": {"metric": {"name": "depth"}, "target": {"type": "AverageValue", "averageValue": "20"}}}
    whole = {"type": "Object", "object": {"metric": {"name": "depth"}, "target": {"type": "Value", "value": "40"},
             "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "metrics"}}}
    kubectl.apply(autoscaler(whole, each))
    eventually(lambda: replicas(kubectl) == 4, what="the metric that calls for most decides")
    paths = [path for path, _ in metrics.asked]
    base = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{kubectl.namespace}"
    assert f"{base}/services/metrics/depth" in paths and f"{base}/pods/*/depth" in paths
    kubectl.apply(autoscaler(each, name="lost", target="nothing"))
    eventually(lambda: conditions(kubectl, "lost") == {"AbleToScale": ("False", "FailedGetScale")})
    eventually(lambda: ("FailedGetScale", 'deployments.apps "nothing" not found') in events(kubectl))
    kubectl.apply(autoscaler(each, name="rival"))
    eventually(lambda: conditions(kubectl, "rival").get("ScalingActive") == ("False", "AmbiguousSelector"))
