# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Bindings a second: nodes that are objects only, pods that wait, and then the scheduler is started."""
import os
import threading
import time

import kube
import stage as stages
from figures import say

TITLE = "the scheduler"
BASE = "/api/v1/namespaces/bench/pods"
SIZE = {"cpu": "4", "memory": "32Gi", "pods": "110"}


def run(stage, figures):
    measure(stage, figures, "apus", "scheduler")
    if stage.peers and os.path.exists(os.path.join(stage.peers, "kube-scheduler")):
        say("  kube-scheduler, kube-apiserver on etcd")
        measure(stage, figures, "peer", "scheduler-peer")


def measure(stage, figures, flavour, name):
    client, _, kubeconfig, processes = stage.api_server(flavour)
    nodes, pods = stage.count(1000, 50), stage.count(3000, 100)
    client.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
    kube.at_once(range(nodes), lambda i: make_node(client, i))
    kube.at_once(range(pods), lambda i: client.post(BASE, pod(i)))
    say(f"  {nodes} nodes and {pods} pods are made")
    bound, done = {}, threading.Event()

    def event(moment, kind, thing):
        # Bound pods alone pass the selector; a pod appears when it is bound.
        if kind == "ADDED":
            bound[thing["metadata"]["name"]] = moment
            if len(bound) == pods:
                done.set()
    version = client.get(f"{BASE}?limit=1")["metadata"]["resourceVersion"]
    # The names are enough, and cost the least.
    end = client.watch(BASE, event, version, fieldSelector="spec.nodeName!=",
                       accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    words = [stage.apus, "scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false"]
    if flavour == "peer":
        words = [os.path.join(stage.peers, "kube-scheduler"), f"--kubeconfig={kubeconfig}", "--leader-elect=false",
                 f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}",
                 "--kube-api-qps=5000", "--kube-api-burst=5000"]
    begin = time.perf_counter()
    scheduler = stage.start(f"{name}-process", *words)
    if not done.wait(180):
        raise SystemExit(f"only {len(bound)} of {pods} pods are bound; {open(scheduler.log).read()[-1000:]}")
    moments = sorted(bound.values())
    figures.value(f"{name}.bindings", f"bindings of {pods} pods to {nodes} nodes", "a second", (pods - 1) / (moments[-1] - moments[0]),
                  first_s=round(moments[0] - begin, 3), last_s=round(moments[-1] - begin, 3))
    figures.value(f"{name}.pss", "PSS of the scheduler after that", "MiB", stages.pss(scheduler.pid)[0])
    end()
    for process in [scheduler, *reversed(processes)]:
        stage.stop(process)


def make_node(client, i):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    status = {"capacity": SIZE, "allocatable": SIZE, "conditions": [
        {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now, "lastTransitionTime": now}]}
    name = f"hollow-{i}"
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{i % 10}"}
    made = client.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status})
    if not kube.is_ready(made):
        client.patch(f"/api/v1/nodes/{name}/status", {"status": status})
    if made["spec"].get("taints"):
        # Admission marks a new node as not ready; nobody is there to take that back.
        client.patch(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})


def pod(i):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{i}", "labels": {"app": "bench"}}, "spec": {"containers": [
        {"name": "main", "image": "none.invalid/none", "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}]}}
