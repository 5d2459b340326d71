# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""What nodes, pods and containers use, as those who watch over a cluster read it from the kubelet."""
import datetime
import json
import re

from conftest import eventually, pod


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_figures_of_a_pod_that_works(kubectl):
    kubectl.apply(pod("busy", "sh", "-c", "wget -q -O /dev/null http://10.240.0.1:1/; while :; do :; done",
                      container={"resources": {"limits": {"memory": "64Mi"}}}))
    kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=30s")
    status = kubectl.json("get", "pod", "busy")["status"]
    started = status["containerStatuses"][0]["state"]["running"]["startedAt"]

    def summary():
        whole = json.loads(kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/stats/summary"))
        return whole["node"], next(p for p in whole["pods"] if p["podRef"]["namespace"] == kubectl.namespace)

    # A rate is there from the second reading on.
    eventually(lambda: summary()[1]["containers"][0]["cpu"]["usageNanoCores"] > 100_000_000, what="a share of a processor")
    node, busy = summary()
    assert (busy["startTime"], busy["containers"][0]["startTime"]) == (status["startTime"], started)
    assert 0 < busy["containers"][0]["memory"]["availableBytes"] < 64 << 20
    assert busy["cpu"]["usageCoreNanoSeconds"] >= busy["containers"][0]["cpu"]["usageCoreNanoSeconds"] > 0
    assert busy["network"]["name"] == "eth0" and busy["network"]["txBytes"] > 0
    assert {i["name"] for i in busy["network"]["interfaces"]} == {"eth0"}
    assert busy["process_stats"]["process_count"] >= 1 and busy["ephemeral-storage"]["capacityBytes"] == node["fs"]["capacityBytes"]
    assert node["cpu"]["usageNanoCores"] > 100_000_000 and seconds(node["startTime"]) < seconds(started)
    assert node["memory"]["workingSetBytes"] + node["memory"]["availableBytes"] >= node["memory"]["usageBytes"]

    text = kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/metrics/resource")
    labels = f'{{container="main",namespace="{kubectl.namespace}",pod="busy"}}'
    values = dict(re.findall(r"^(\w+)" + re.escape(labels) + r" (\S+) \d{13}$", text, re.MULTILINE))
    assert float(values["container_start_time_seconds"]) == seconds(started)
    assert float(values["container_cpu_usage_seconds_total"]) > 0 and float(values["container_memory_working_set_bytes"]) > 0
    assert re.search(r"^node_cpu_usage_seconds_total \S+ \d{13}$", text, re.MULTILINE)
