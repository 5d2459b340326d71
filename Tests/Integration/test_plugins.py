# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The network plugins as executables, in a chain that no pod of this cluster has: a plugin that dies in the middle of ADD
leaves nothing that DEL does not find, without being told what ADD said."""
import json
import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(os.environ["APUS"]), "apus-cni")
INSTALLED = os.path.join(os.environ["APUS_TEST_ROOT"], "node/opt/cni/bin")
# Where a process dies that is given the chance, in the order in which a chain comes by.
POINTS = (
    "host-local.ADD.reserved", "ptp.ADD.link", "tuning.ADD.settings", "tuning.ADD.backup", "bandwidth.ADD.ingress",
    "bandwidth.ADD.device", "firewall.ADD.rules", "portmap.ADD.opened",
)


class Chain:
    """A list of plugins, and two network namespaces: a host and a container."""

    def __init__(self, folder):
        self.folder = folder
        self.armed = folder / "failpoints"
        for made in (self.armed, folder / "networks", folder / "tuning"):
            made.mkdir()
        subprocess.run([PROGRAM, "install", folder / "bin"], check=True)
        self.holders = [subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE) for _ in range(2)]
        for holder in self.holders:
            holder.stdout.readline()
        self.host, self.container = (f"/proc/{holder.pid}/ns/net" for holder in self.holders)
        self.plugins = (
            ("ptp", {"ipMasq": True, "ipam": {
                "type": "host-local", "dataDir": f"{folder}/networks", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd00:88::/64"}]]}}),
            ("tuning", {"dataDir": f"{folder}/tuning", "mtu": 1400, "sysctl": {"net.core.somaxconn": "500"}}),
            ("bandwidth", {"runtimeConfig": {"bandwidth": {
                "ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000}}}),
            ("firewall", {}),
            ("portmap", {"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}),
        )

    def run(self, namespace, *command, **options):
        return subprocess.run(["nsenter", f"--net={namespace}", *command], capture_output=True, text=True, **options)

    def call(self, verb, name, configuration, result=None):
        config = {"cniVersion": "1.1.0", "name": "chain", "type": name, **configuration}
        if result:
            config["prevResult"] = result
        environment = os.environ | {
            "CNI_COMMAND": verb, "CNI_CONTAINERID": "one", "CNI_NETNS": self.container, "CNI_IFNAME": "eth0",
            "CNI_PATH": f"{self.folder}/bin", "APUS_FAILPOINTS": str(self.armed)}
        return self.run(self.host, f"{self.folder}/bin/{name}", input=json.dumps(config), env=environment)

    def add(self):
        """The result; of a plugin that died, its name."""
        result = None
        for name, configuration in self.plugins:
            answer = self.call("ADD", name, configuration, result)
            if answer.returncode < 0:
                return name
            assert answer.returncode == 0, answer.stdout + answer.stderr
            result = json.loads(answer.stdout)
        return result

    def every(self, verb, result=None):
        for name, configuration in reversed(self.plugins):
            answer = self.call(verb, name, configuration, result)
            assert answer.returncode == 0, f"{verb} of {name}: {answer.stdout}{answer.stderr}"

    def left(self):
        """Links, addresses, routes, queues, rules of the container, leases and files."""
        lines = []
        for namespace in (self.host, self.container):
            for command in ("ip -oneline link", "ip -oneline address show scope global", "ip route", "ip -6 route", "tc qdisc"):
                lines += self.run(namespace, *command.split(), check=True).stdout.splitlines()
        lines = [line for line in lines if " lo" not in line]
        lines += [line.strip() for line in self.run(self.host, "nft", "list", "ruleset").stdout.splitlines() if "one/eth0" in line]
        for folder in ("networks/chain", "tuning"):
            if os.path.isdir(self.folder / folder):
                lines += [name for name in os.listdir(self.folder / folder) if name != "lock" and not name.startswith("last_")]
        return lines

    def close(self):
        for holder in self.holders:
            holder.communicate()


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def test_every_plugin_is_installed_and_tells_its_versions(tmp_path):
    subprocess.run([PROGRAM, "install", tmp_path], check=True)
    names = sorted(os.listdir(tmp_path))
    assert sorted(os.listdir(INSTALLED)) == names
    for name in names:
        answer = subprocess.run([f"{INSTALLED}/{name}"], input='{"cniVersion": "1.1.0"}', text=True, capture_output=True,
                                env={"CNI_COMMAND": "VERSION"}, check=True)
        versions = json.loads(answer.stdout)["supportedVersions"]
        assert versions == ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def test_a_chain_leaves_nothing(chain):
    assert chain.left() == []
    result = chain.add()
    assert len([line for line in chain.left() if "one/eth0" in line]) >= 8, "masquerading, rules and ports of both families"
    chain.every("CHECK", result)
    for _ in range(2):
        chain.every("DEL", result)
    assert chain.left() == []


@pytest.mark.parametrize("point", POINTS)
def test_an_add_that_died_leaves_nothing_after_del(chain, point):
    (chain.armed / point).touch()
    died = chain.add()
    assert isinstance(died, str), f"nobody came by {point}"
    assert chain.left(), "the point is before anything is made"
    chain.every("DEL")
    assert chain.left() == []
    result = chain.add()
    chain.every("CHECK", result)
    chain.every("DEL", result)
    assert chain.left() == []
