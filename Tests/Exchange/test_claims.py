# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Two API servers on one etcd never give one address or node port to two Services, and lose none."""
import base64
import concurrent.futures
import functools
import json
import os
import re
import ssl
import subprocess
import urllib.request

import pytest

from api import API
from conftest import eventually

ROOT = "/claims"
PORTS = range(31000, 31120)  # 120 node ports
ADDRESSES = 253  # of 10.97.0.0/24, without that of the Service kubernetes
SERVICES = "/api/v1/namespaces/default/services"
MANAGED = "ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io"


class Server:
    """One API server with small ranges and keys of its own in the cluster's etcd."""

    def __init__(self, words, port, certificate):
        own = {
            "--secure-port": port, "--etcd-prefix": ROOT, "--service-cluster-ip-range": "10.97.0.0/24,fd97::/108",
            "--service-node-port-range": f"{PORTS[0]}-{PORTS[-1]}",
        }
        self.words = [word for word in words if word.split("=")[0] not in own] + [f"{key}={value}" for key, value in own.items()]
        self.port = port
        self.certificate = certificate
        self.start()

    def start(self):
        with open(f"{os.environ['APUS_TEST_ROOT']}/claims-{self.port}.log", "a") as log:
            self.process = subprocess.Popen(self.words, stderr=log)
        eventually(self.is_ready, 30, f"the server at {self.port} is ready")

    def is_ready(self):
        try:
            return self.api()("GET", SERVICES + "/kubernetes")[0] == 200
        except OSError:
            assert self.process.poll() is None
            return False

    def api(self):
        """One connection as a member of system:masters: the cluster's own roles are below other keys."""
        api = API()
        api.server = f"https://10.240.0.1:{self.port}"
        return functools.partial(api, certificate=self.certificate)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def servers():
    found = subprocess.run(["pgrep", "--full", "--", " apiserver --etcd-servers"], capture_output=True, text=True, check=True)
    with open(f"/proc/{found.stdout.split()[0]}/cmdline") as file:
        words = file.read().split("\0")[:-1]
    certificate = API().issue(os.environ["APUS_TEST_ROOT"], 1)
    pair = [Server(words, 6451, certificate), Server(words, 6452, certificate)]
    yield pair
    for server in pair:
        server.process.terminate()
    for server in pair:
        server.process.wait(20)
    etcd("deleterange", key=f"{ROOT}/", range_end=f"{ROOT}0")


def etcd(call, **fields):
    """Calls etcd's JSON gateway; keys and values are texts."""
    root = f"{os.environ['APUS_TEST_ROOT']}/etcd"
    context = ssl.create_default_context(cafile=f"{root}/ca.crt")
    context.load_cert_chain(f"{root}/client.crt", f"{root}/client.key")
    coded = {name: base64.b64encode(value.encode()).decode() if isinstance(value, str) else value for name, value in fields.items()}
    request = urllib.request.Request(f"https://127.0.0.1:2379/v3/kv/{call}", json.dumps(coded).encode())
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)


def keys(prefix):
    """The last parts of the keys below a prefix."""
    found = etcd("range", key=f"{ROOT}/{prefix}/", range_end=f"{ROOT}/{prefix}0", keys_only=True).get("kvs", [])
    return {base64.b64decode(pair["key"]).decode().rsplit("/", 1)[1] for pair in found}


def service(name, **spec):
    return json.dumps({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}})


def make(server, names, **spec):
    """Creates Services through a server, eight at a time; the answers, or errors, by name."""
    def part(own):
        api, answers = server.api(), {}
        for name in own:
            try:
                answers[name] = api("POST", SERVICES, service(name, **spec))
            except (OSError, ValueError) as error:
                answers[name] = (0, str(error))
        return answers

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return {name: answer for answers in pool.map(part, [names[n::8] for n in range(8)]) for name, answer in answers.items()}


def make_through_both(servers, count, **spec):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(make, server, [f"s{which}-{number}" for number in range(count // 2)], **spec)
            for which, server in enumerate(servers)]
        return {name: answer for job in jobs for name, answer in job.result().items()}


def held(server):
    """The addresses and node ports of all Services, each as often as it is held."""
    status, answer = server.api()("GET", SERVICES)
    assert status == 200
    own = [item["spec"] for item in answer["items"] if item["metadata"]["name"] != "kubernetes"]
    addresses = [address for spec in own for address in spec.get("clusterIPs", []) if address != "None"]
    ports = [str(port["nodePort"]) for spec in own for port in spec["ports"] if "nodePort" in port]
    return addresses, ports


def agree(server):
    """Nothing is held twice, and what is held is what is claimed."""
    addresses, ports = held(server)
    assert len(addresses) == len(set(addresses)) and len(ports) == len(set(ports))
    assert keys("ipaddresses") - {"10.97.0.1"} == set(addresses)
    assert keys("ranges/servicenodeports") == set(ports)
    return addresses, ports


def delete_all(server):
    status, _ = server.api()("DELETE", SERVICES + "?labelSelector=component!=apiserver")
    assert status == 200
    eventually(lambda: held(server) == ([], []) and keys("ranges/servicenodeports") == set(), what="everything is free")
    assert keys("ipaddresses") == {"10.97.0.1"}  # the server's own


def test_node_ports_are_handed_out_once_until_none_is_left(servers):
    answers = make_through_both(servers, 200, type="NodePort")
    made = [name for name, (status, _) in answers.items() if status == 201]
    failed = [answer for status, answer in answers.values() if status != 201]
    assert len(made) == len(PORTS)
    for answer in failed:
        assert answer["code"] == 500
        assert answer["message"] == "Internal error occurred: failed to allocate a nodePort: range is full"
    addresses, ports = agree(servers[0])
    assert len(addresses) == len(ports) == len(PORTS)
    # One that is given back here is free there, and one that is taken is so everywhere.
    status, _ = servers[0].api()("DELETE", f"{SERVICES}/{made[0]}")
    freed = answers[made[0]][1]["spec"]["ports"][0]["nodePort"]
    asked = service("asked", type="NodePort", ports=[{"port": 80, "nodePort": freed}])
    assert servers[1].api()("POST", SERVICES + "?dryRun=All", asked)[0] == 201
    assert servers[1].api()("POST", SERVICES, asked)[0] == 201
    status, answer = servers[0].api()("POST", SERVICES, asked.replace("asked", "late"))
    assert (status, answer["details"]["causes"][0]["message"]) == (422, f"Invalid value: {freed}: provided port is already allocated")
    # A change of type gives the port back.
    status, answer = servers[0].api()(
        "PATCH", f"{SERVICES}/asked", json.dumps({"spec": {"type": "ClusterIP"}}), {"Content-Type": "application/merge-patch+json"})
    assert status == 200 and "nodePort" not in answer["spec"]["ports"][0]
    assert str(freed) not in keys("ranges/servicenodeports")
    agree(servers[1])
    delete_all(servers[1])


def test_addresses_are_handed_out_once_until_none_is_left(servers):
    answers = make_through_both(servers, 300, ipFamilyPolicy="RequireDualStack")
    made = [name for name, (status, _) in answers.items() if status == 201]
    addresses, _ = agree(servers[1])
    assert len(addresses) == 2 * len(made)
    assert len(made) == ADDRESSES
    for name, (status, answer) in answers.items():
        if status != 201:
            assert answer["message"] == f'Internal error occurred: failed to allocate a serviceIP for Service "{name}": range is full'
    # Users see who has an address.
    address = answers[made[0]][1]["spec"]["clusterIP"]
    status, claim = servers[0].api()("GET", f"/apis/networking.k8s.io/v1/ipaddresses/{address}")
    assert status == 200
    assert claim["spec"]["parentRef"] == {"resource": "services", "namespace": "default", "name": made[0]}
    assert claim["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}
    # One that is deleted though its Service is there comes back at once.
    assert servers[0].api()("DELETE", f"/apis/networking.k8s.io/v1/ipaddresses/{address}")[0] == 200
    agree(servers[0])
    status, answer = servers[1].api()("POST", SERVICES, service("taken", clusterIP=address))
    assert (status, answer["message"]) == (
        422, f'Service "taken" is invalid: spec.clusterIPs: Invalid value: ["{address}"]: failed to allocate IP {address}: '
        "provided IP is already allocated")
    delete_all(servers[0])


def test_killed_servers_leave_no_claim_without_a_service(servers):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(make_through_both, servers, 100, type="NodePort")
        eventually(lambda: len(keys("ranges/servicenodeports")) >= 20, what="creation is under way")
        servers[0].kill()
        answers = job.result()
    assert any(status == 201 for status, _ in answers.values())
    agree(servers[1])
    # What was acknowledged is there.
    have = {item["metadata"]["name"] for item in servers[1].api()("GET", SERVICES)[1]["items"]}
    assert {name for name, (status, _) in answers.items() if status == 201} <= have
    # What other servers left behind is mended at the next start: claims of Services that never came to be, and
    # Services without claims.
    servers[1].kill()
    owner = {"parentRef": {"resource": "services", "namespace": "default", "name": "never"}}
    claim = {
        "kind": "IPAddress", "apiVersion": "networking.k8s.io/v1", "spec": owner,
        "metadata": {"name": "10.97.0.250", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": dict([MANAGED.split("=")])}}
    taken = keys("ipaddresses") | keys("ranges/servicenodeports")
    free = next(str(port) for port in PORTS if str(port) not in taken)
    etcd("put", key=f"{ROOT}/ipaddresses/10.97.0.250", value=json.dumps(claim))
    etcd("put", key=f"{ROOT}/ranges/servicenodeports/{free}", value=json.dumps({"metadata": {"name": free}, "spec": owner}))
    lost = next(port for port in taken if re.fullmatch("[0-9]+", port))
    etcd("deleterange", key=f"{ROOT}/ranges/servicenodeports/{lost}")
    for server in servers:
        server.start()
    # A server answers before it has looked through all that is there.
    eventually(lambda: agree(servers[0]), what="claims and Services agree")
    delete_all(servers[1])
