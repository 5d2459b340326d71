# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The API server under load by wrk over TLS with kept connections: creates, gets and lists by 1, 16 and 128 clients."""
import os
import re
import subprocess

import stage as stages
from figures import say

TITLE = "the API server under load"
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
CLIENTS = (1, 16, 128)


def run(stage, figures):
    load(stage, figures, "apus", "api")
    if stage.peers and os.path.exists(os.path.join(stage.peers, "kube-apiserver")):
        say("  kube-apiserver on etcd")
        load(stage, figures, "peer", "api-peer")


def load(stage, figures, flavour, name):
    client, token, _, processes = stage.api_server(flavour)
    client.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
    client.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "listed"}})
    figures.value(f"{name}.pss", "PSS of the API server (and its store) after start", "MiB", memory(processes))
    seconds = stage.count(6, 1)
    server = f"https://127.0.0.1:{client.port}"
    for clients in CLIENTS:
        wrk(stage, figures, f"{name}.create.{clients}", "creates of pods", clients, seconds, token, server, create=True)
    for i in range(100):
        client.post("/api/v1/namespaces/listed/configmaps", {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"map-{i}"}, "data": {"key": "value" * 20}})
    pod = client.get("/api/v1/namespaces/bench/pods?limit=1")["items"][0]["metadata"]["name"]
    for clients in CLIENTS:
        wrk(stage, figures, f"{name}.get.{clients}", "gets of a pod", clients, seconds, token, f"{server}/api/v1/namespaces/bench/pods/{pod}")
    for clients in CLIENTS:
        wrk(stage, figures, f"{name}.list.{clients}", "lists of 100 objects", clients, seconds, token,
            f"{server}/api/v1/namespaces/listed/configmaps")
    figures.value(f"{name}.pss-after", "PSS of the API server (and its store) with these pods", "MiB", memory(processes),
                  pods=count(client))
    for process in reversed(processes):
        stage.stop(process)


def count(client):
    answer = client.get("/api/v1/namespaces/bench/pods?limit=1")
    return len(answer["items"]) + answer["metadata"].get("remainingItemCount", 0)


def memory(processes):
    return sum(stages.pss(process.pid)[0] for process in processes)


def wrk(stage, figures, name, what, clients, seconds, token, target, create=False):
    words = ["wrk", f"-t{min(2, clients)}", f"-c{clients}", f"-d{seconds}s", "--latency"]
    words += ["-s", os.path.join(stages.HERE, "create.lua")] if create else ["-H", f"Authorization: Bearer {token}"]
    run_name = name.replace(".", "-")
    text = subprocess.run([*words, target], capture_output=True, text=True, check=True, env={**os.environ, "TOKEN": token, "RUN": run_name}).stdout
    if (refused := re.search(r"refused: (\d+)|Non-2xx or 3xx responses: (\d+)", text)) and int(refused[1] or refused[2]):
        raise SystemExit(f"{name}: {refused[0]}\n{text}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    latency = {p: float(value) * UNITS[unit] for p, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)\b", text)}
    figures.value(name, f"{what}, {clients} client{'s' if clients > 1 else ''}", "a second", rate,
                  p50_ms=round(latency["50"], 3), p99_ms=round(latency["99"], 3))
