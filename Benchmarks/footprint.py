# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Memory and processor time of all our processes while the guestbook runs and nobody asks anything of it."""
import os

import kube
import stage as stages
import yaml

TITLE = "an idle cluster with the guestbook"
COLLECTIONS = {"Service": "/api/v1/namespaces/default/services", "Deployment": "/apis/apps/v1/namespaces/default/deployments"}


def run(stage, figures):
    stage.images("redis", "guestbook")
    cluster = stage.cluster()
    # Pods cannot be made before their service account.
    cluster.namespace("default")
    wanted = 0
    with open(f"{stages.TOP}/deploy/guestbook/guestbook.yaml") as file:
        for thing in yaml.safe_load_all(file):
            cluster.post(COLLECTIONS[thing["kind"]], thing)
            wanted += thing["spec"].get("replicas", 1) if thing["kind"] == "Deployment" else 0
    kube.eventually(
        lambda: sum(map(kube.is_ready, cluster.get("/api/v1/namespaces/default/pods")["items"])) == wanted, "the guestbook")
    stages.rest(stage.count(60, 5), "to settle")
    window = stage.count(60, 5)
    before = {pid: stages.processor(pid) for pid in ours()}
    stages.rest(window, "of idling, looked at")
    rows, total = [], [0.0, 0.0, 0.0, 0.0]
    for pid in ours():
        memory, anonymous = stages.pss(pid)
        own, children = (after - first for after, first in zip(stages.processor(pid), before.get(pid, (0, 0))))
        row = [memory, anonymous, 100 * own / window, 100 * children / window]
        rows.append({"process": title(pid), "pss": round(row[0], 1), "anonymous": round(row[1], 1),
                     "cpu": round(row[2], 2), "cpu_of_children": round(row[3], 2)})
        total = [a + b for a, b in zip(total, row)]
    figures.value("footprint.pss", "PSS of all processes of ours", "MiB", total[0], anonymous=round(total[1], 1), processes=rows)
    figures.value("footprint.cpu", "processor time of our processes", "% of a core", total[2])
    figures.value("footprint.cpu-children", "the same with what they waited for (the probes' programs)", "% of a core", total[2] + total[3])


def ours():
    """The processes of Apus in this namespace: the daemons, the shims and pause, not the containers' programs."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            comm = open(f"/proc/{pid}/comm").read().strip()
        except OSError:
            continue
        if name in ("apus", "apus-shim", "apus-init", "pause") or comm == "pause":
            found.append(int(pid))
    return sorted(found)


def title(pid):
    words = open(f"/proc/{pid}/cmdline").read().split("\0")
    name = os.path.basename(words[0])
    return f"{name} {words[1]}" if name == "apus" else name
