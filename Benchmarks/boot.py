# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""`apus up`, everything built: until the node is Ready, and until a first pod can be created, asked from outside."""
import os
import subprocess
import time

import kube

TITLE = "start of a cluster"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first"},
       "spec": {"containers": [{"name": "main", "image": "none.invalid/none"}]}}


def run(stage, figures):
    stage.address()
    ready, creatable = [], []
    config = stage.path("node/etc/kubernetes/admin.conf")
    stage.leave.append(lambda: stage.run(stage.apus, "down", "--purge", *stage.node()))
    for _ in range(stage.count(5, 2)):
        begin = time.perf_counter()
        up = subprocess.Popen([stage.apus, "up", *stage.node()], stdout=subprocess.DEVNULL)
        kube.eventually(lambda: os.path.exists(config), "the kubeconfig", every=0.002)
        cluster = kube.eventually(lambda: connect(config), "the kubeconfig's content", every=0.002)
        kube.eventually(lambda: asked(lambda: kube.is_ready(cluster.get("/api/v1/nodes/node-1"))), "the node Ready", every=0.005)
        ready.append(time.perf_counter() - begin)
        # A dry run passes everything that a real creation does, but for the write.
        kube.eventually(lambda: asked(lambda: cluster.post("/api/v1/namespaces/default/pods?dryRun=All", POD)), "a pod", every=0.005)
        creatable.append(time.perf_counter() - begin)
        if up.wait(60):
            raise SystemExit("apus up failed")
        stage.run(stage.apus, "down", "--purge", *stage.node())
    figures.series("boot.ready", "`apus up` until the node is Ready", "s", ready)
    figures.series("boot.creatable", "`apus up` until the first pod can be created", "s", creatable)


def connect(config):
    try:
        return kube.Cluster(kubeconfig=config)
    except (ValueError, KeyError, TypeError, OSError):
        return None


def asked(ask):
    try:
        return ask()
    except (kube.Refused, OSError):
        return None
