# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Pods of one container whose image is on the node: one by one, and many at once; and their end.

Times are those of the events of one watch, from the moment before the request is sent.
"""
import threading
import time

import footprint
import kube
import stage as stages
from figures import say

TITLE = "pods"
NAMESPACE = "bench-pods"
BASE = f"/api/v1/namespaces/{NAMESPACE}/pods"


class Pods:
    """What was asked of pods and what a watch saw of them, each with its moment."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.moments = {}
        self.news = threading.Condition()
        self.end = cluster.watch(BASE, self.event, cluster.get(BASE)["metadata"]["resourceVersion"])

    def event(self, moment, kind, pod):
        seen = []
        if kind == "DELETED":
            seen.append("gone")
        elif pod.get("status", {}).get("phase") == "Running":
            seen.append("running")
            if kube.is_ready(pod):
                seen.append("ready")
        with self.news:
            for what in seen:
                self.moments.setdefault((pod["metadata"]["name"], what), moment)
            self.news.notify_all()

    def create(self, name):
        # As the first process of its container `sleep` does not hear SIGTERM: the grace period runs out.
        container = {"name": "main", "image": f"{stages.REGISTRY}/busybox:v1", "imagePullPolicy": "IfNotPresent",
                     "command": ["sleep", "100000"]}
        self.moments[name, "create"] = time.perf_counter()
        self.cluster.post(BASE, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}})

    def delete(self, name):
        self.moments[name, "delete"] = time.perf_counter()
        self.cluster.delete(f"{BASE}/{name}", grace=1)

    def wait(self, names, what, seconds=120):
        with self.news:
            if not self.news.wait_for(lambda: all((name, what) in self.moments for name in names), seconds):
                raise SystemExit(f"pods not {what} after {seconds} s: {[n for n in names if (n, what) not in self.moments][:5]}")

    def between(self, names, first, last, scale=1000):
        return [(self.moments[name, last] - self.moments[name, first]) * scale for name in names]


def run(stage, figures):
    stage.images("busybox")
    cluster = stage.cluster()
    cluster.namespace(NAMESPACE)
    measure(stage, Pods(cluster), figures)
    stages.rest(stage.count(40, 1), "for what the daemons give back")
    figures.value("pods.pss-after", "PSS of all processes of ours after that", "MiB",
                  sum(stages.pss(pid)[0] for pid in footprint.ours()))


def measure(stage, pods, figures):
    """The whole course, on any cluster that runs pods."""
    count = stage.count(50, 5)
    pods.create("first")
    pods.wait(["first"], "ready")
    pods.delete("first")
    pods.wait(["first"], "gone")

    names = [f"single-{i}" for i in range(count)]
    for name in names:
        pods.create(name)
        pods.wait([name], "ready")
    figures.series("pods.running", "create to Running, one by one", "ms", pods.between(names, "create", "running"))
    figures.series("pods.ready", "create to Ready, one by one", "ms", pods.between(names, "create", "ready"))
    alone = names[:stage.count(20, 3)]
    for name in alone:
        pods.delete(name)
        pods.wait([name], "gone")
    figures.series("pods.gone", "delete to gone, 1 s grace, one by one", "ms", pods.between(alone, "delete", "gone"))
    kube.at_once(names[len(alone):], pods.delete)
    pods.wait(names, "gone")
    say(f"  {count} at once")
    for turn in range(stage.count(3, 1)):
        burst(pods, [f"burst-{turn}-{i}" for i in range(count)])
    turns = stage.count(3, 1)
    figures.series("pods.burst", f"{count} at once until all are Ready", "s", [
        span(pods, turn, count, "create", "ready") for turn in range(turns)])
    figures.series("pods.burst-gone", f"{count} deleted at once, 1 s grace, until all are gone", "s", [
        span(pods, turn, count, "delete", "gone") for turn in range(turns)])
    pods.end()


def burst(pods, names):
    kube.at_once(names, pods.create)
    pods.wait(names, "ready")
    kube.at_once(names, pods.delete)
    pods.wait(names, "gone")


def span(pods, turn, count, first, last):
    names = [f"burst-{turn}-{i}" for i in range(count)]
    return max(pods.moments[n, last] for n in names) - min(pods.moments[n, first] for n in names)
