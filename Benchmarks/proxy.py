# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""One change of an EndpointSlice among many Services, until a new connection goes where the kernel's new rule says."""
import socket
import subprocess
import threading
import time

import kube
import stage as stages
from figures import say

TITLE = "the service proxy"
SERVICES = "/api/v1/namespaces/bench/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/bench/endpointslices"
LISTENERS = ("10.240.0.101", "10.240.0.102")
PORT = 8080


def run(stage, figures):
    stage.address()
    client, _, kubeconfig, _ = stage.api_server()
    services = stage.count(1000, 50)
    for address in LISTENERS:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "node0"], check=True)
        listen(address)
    client.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
    client.ensure("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "spec": {"podCIDR": "10.251.0.0/24"}})
    client.patch("/api/v1/nodes/node-1/status", {"status": {"addresses": [{"type": "InternalIP", "address": stages.NODE_IP}]}})
    kube.at_once(range(services), lambda i: make(client, i, services))
    chosen = services // 2
    cluster_ip = client.get(f"{SERVICES}/service-{chosen}")["spec"]["clusterIP"]
    say(f"  {services} Services are made")
    begin = time.perf_counter()
    proxy = stage.start("proxy", stage.apus, "proxy", f"--kubeconfig={kubeconfig}", "--hostname-override=node-1",
                        "--cluster-cidr=10.251.0.0/16", "--healthz-bind-address=", "--metrics-bind-address=")
    kube.eventually(lambda: ask(cluster_ip), "the first rules", every=0.002)
    figures.value("proxy.first", f"start until {services} Services are in the kernel", "s", time.perf_counter() - begin)
    took, place = [], 0
    for _ in range(stage.count(30, 5)):
        time.sleep(0.5)
        place = 1 - place
        begin = time.perf_counter()
        client.patch(f"{SLICES}/service-{chosen}", {"endpoints": endpoints([LISTENERS[place]])})
        while ask(cluster_ip) != LISTENERS[place]:
            if time.perf_counter() - begin > 30:
                raise SystemExit("the change does not arrive in the kernel")
        took.append((time.perf_counter() - begin) * 1000)
    figures.series("proxy.change", f"one EndpointSlice changed, until the kernel has the rule, {services} Services", "ms", took)
    figures.value("proxy.pss", "PSS of the proxy after that", "MiB", stages.pss(proxy.pid)[0])


def make(client, i, services):
    client.post(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"service-{i}"}, "spec": {
        "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}})
    addresses = [f"10.251.{100 + (3 * i + k) // 250}.{1 + (3 * i + k) % 250}" for k in range(3)]
    client.post(SLICES, {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": f"service-{i}", "labels": {"kubernetes.io/service-name": f"service-{i}"}},
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}],
        "endpoints": endpoints([LISTENERS[0]] if i == services // 2 else addresses)})


def endpoints(addresses):
    return [{"addresses": [address], "nodeName": "node-1", "conditions": {"ready": True, "serving": True, "terminating": False}}
            for address in addresses]


def listen(address):
    """Tells whoever connects which address it is."""
    server = socket.create_server((address, PORT), backlog=512)

    def serve():
        while True:
            connection, _ = server.accept()
            try:
                connection.sendall(address.encode())
            except OSError:
                pass
            connection.close()
    threading.Thread(target=serve, daemon=True).start()


def ask(cluster_ip):
    """The address of the listener that a new connection reaches; nothing where none is reached."""
    try:
        with socket.create_connection((cluster_ip, 80), timeout=0.05) as connection:
            return connection.recv(64).decode() or None
    except OSError:
        return None
