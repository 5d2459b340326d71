# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Compares what there is on the node's machine with what the pods and Services of the API give reason for.

Both sides are sets of short lines ("shim 4f…", "mount …", "lease 10.244.0.7 4f…"). What is found and has no reason is
left over; what has a reason and is not found is missing.
"""
import glob
import json
import os
import re
import subprocess

DAEMONS = ("apiserver", "controller-manager", "scheduler", "runtime", "kubelet", "proxy", "dns", "csi-hostpath")
HELPERS = ("apus-init", "bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp", "static", "tuning")
GROUPS = ("kubepods", "kubepods/burstable", "kubepods/besteffort")


def read(path, default=""):
    """A file's text; processes and records come and go while one looks."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return default


def names(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


class Process:
    """One process, as /proc tells of it."""

    def __init__(self, pid):
        self.pid = pid
        self.command = read(f"/proc/{pid}/cmdline").split("\0")
        fields = read(f"/proc/{pid}/stat").rpartition(")")
        self.name = fields[0].partition("(")[2]
        rest = fields[2].split()
        self.state = rest[0] if rest else "X"
        self.parent = int(rest[1]) if rest else 0
        self.start_time = rest[19] if rest else ""

    @staticmethod
    def all():
        return [p for p in (Process(int(n)) for n in os.listdir("/proc") if n.isdigit()) if p.state != "X"]

    @property
    def role(self):
        """The daemon that it is, if it is one."""
        if self.name != "apus" or len(self.command) < 3:
            return None
        if self.command[1] == "supervise":
            return self.command[2].removeprefix("--role=")
        return self.command[1]


class Machine:
    """A node's machine, seen from within its namespaces."""

    def __init__(self, root):
        self.root = f"{root}/node"
        self.run = f"{self.root}/run/apus"
        self.runtime = f"{self.root}/var/lib/apus/runtime"
        self.state = f"{self.run}/runtime"
        self.kubelet = f"{self.root}/var/lib/kubelet"
        self.logs = f"{self.root}/var/log"
        # The node's own control group, in every hierarchy that there is.
        name = "+".join(["apus", *self.root.strip("/").split("/")])
        self.controllers = [f"{d}/{name}" for d in glob.glob("/sys/fs/cgroup/*") + ["/sys/fs/cgroup"]
                            if os.path.isdir(f"{d}/{name}/kubepods")]

    # What is found

    def records(self, kind, name):
        found = {}
        for key in names(f"{self.runtime}/{kind}"):
            try:
                found[key] = json.loads(read(f"{self.runtime}/{kind}/{key}/{name}.json"))
            except ValueError:
                found[key] = {}
        return found

    def sandboxes(self):
        return self.records("pods", "sandbox")

    def containers(self):
        return self.records("containers", "container")

    def found(self):
        return set(self.processes()) | set(self.files()) | set(self.groups()) | set(self.network()) | set(self.rules())

    def processes(self):
        everything = Process.all()
        shims = {p.pid: p.command[1].split("/")[-2] for p in everything if p.name == "apus-shim" and len(p.command) > 1}
        running = {c.get("pid"): key for key, c in self.containers().items() if c.get("state") == "running"}
        seen = {}
        for process in everything:
            line = None
            if process.state == "Z":
                line = f"zombie {process.name}"
            elif process.role:
                line = f"daemon {process.role}"
            elif process.pid in shims:
                line = f"shim {shims[process.pid]}"
            elif process.name == "pause":
                line = f"pause {shims.get(process.parent, 'without a shim')}"
            elif process.name in HELPERS:
                line = f"helper {process.name}"
            elif process.pid in running:
                line = f"process {running[process.pid]}"
            else:
                group = re.search(r"kubepods\S*?/pod[-0-9a-f]{36}/([0-9a-f]{64})", read(f"/proc/{process.pid}/cgroup"))
                if group and group[1] not in running.values():
                    line = f"process {process.name} of {group[1]}"
            if line:
                seen[line] = seen.get(line, 0) + 1
                yield line if seen[line] == 1 else f"{line} #{seen[line]}"

    def files(self):
        for line in read("/proc/self/mountinfo").splitlines():
            target = line.split()[4]
            if target.startswith(self.root):
                yield f"mount {target}"
        for kind in ("pods", "containers"):
            for name in names(f"{self.runtime}/{kind}"):
                yield f"record {kind}/{name}"
            for name in names(f"{self.state}/{kind}"):
                yield f"state {kind}/{name}"
        for name in names(f"{self.runtime}/images/containers"):
            yield f"root {name}"
        for folder in ("images/ingest", "images/layers"):
            for name in names(f"{self.runtime}/{folder}"):
                if folder.endswith("ingest") or name.startswith("."):
                    yield f"unfinished {folder}/{name}"
        for name in names(f"{self.run}/networks/apus"):
            if name[0].isdigit():
                yield f"lease {name} {read(f'{self.run}/networks/apus/{name}').split()[:1]}"
        for name in names(f"{self.kubelet}/pods"):
            yield f"pod folder {name}"
        for name in names(f"{self.logs}/pods"):
            yield f"logs {name}"
        for name in names(f"{self.logs}/containers"):
            yield f"log link {name.rpartition('-')[2].removesuffix('.log')}"
        for name in names(f"{self.root}/var/lib/apus/csi-hostpath/volumes"):
            yield f"volume {name}"
        for name in names(self.run):
            if name.endswith(".new"):
                yield f"unfinished {name}"

    def groups(self):
        for top in self.controllers:
            for group in GROUPS:
                for name in names(f"{top}/{group}"):
                    if name.startswith("pod"):
                        yield f"group {top} {name}"
                        for child in names(f"{top}/{group}/{name}"):
                            if os.path.isdir(f"{top}/{group}/{name}/{child}"):
                                yield f"group {top} {name}/{child}"

    def network(self):
        links = json.loads(subprocess.run(["ip", "-json", "address"], capture_output=True, check=True).stdout or "[]")
        for link in links:
            yield f"link {link['ifname']}"
            for address in link["addr_info"]:
                if address["scope"] == "global":
                    yield f"address {link['ifname']} {address['local']}/{address['prefixlen']}"

    def rules(self):
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        for table in re.split(r"^table ", rules, flags=re.M)[1:]:
            title = " ".join(table.split()[:2])
            yield f"table {title}"
            if title == "ip kube-proxy":
                yield from self.proxy_rules(table)
            else:
                for sandbox in set(re.findall(r'comment "apus/([0-9a-f]{64})/', table)):
                    yield f"rules {title} {sandbox}"

    @staticmethod
    def proxy_rules(table):
        def elements(kind, name):
            found = re.search(rf"{kind} {name} {{.*?elements = {{(.*?)}}", table, re.S)
            return [" ".join(e.split()) for e in found[1].split(",")] if found else []

        for address in elements("set", "cluster-ips"):
            yield f"service {address}"
        for element in elements("map", "endpoints"):
            key, _, target = element.partition(" : ")
            address, protocol, port, _ = key.split(" . ")
            yield f"endpoint {address} {protocol} {port} -> {target.replace(' . ', ':')}"

    # What is expected

    def expected(self, api, base):
        """What the API's objects give reason for; and what may be there and need not. `base`: the bare machine."""
        lines = set(base) | {f"daemon {d}" for d in (*DAEMONS, "keeper", "supervisor")}
        lines |= {"table ip kube-proxy", "table ip6 kube-proxy"}
        # Made for the first pod, and there until the cluster goes.
        optional = {"link cni0", "address cni0 10.244.0.1/24", "table ip apus-masquerade", "table ip apus-hostports"}
        sandboxes = self.sandboxes()
        for pod in api.list("/api/v1/pods"):
            if pod["spec"].get("nodeName"):
                self.expect_pod(pod, sandboxes, lines, optional)
        for volume in api.list("/api/v1/persistentvolumes"):
            if "csi" in volume["spec"]:
                lines.add(f"volume {volume['spec']['csi']['volumeHandle']}")
        self.expect_services(api, lines)
        return lines, optional

    def expect_pod(self, pod, sandboxes, lines, optional):
        meta, status = pod["metadata"], pod["status"]
        uid = meta["uid"]
        is_over = status["phase"] in ("Succeeded", "Failed")
        lines.add(f"logs {meta['namespace']}_{meta['name']}_{uid}")
        mine = [k for k, s in sandboxes.items() if s.get("config", {}).get("metadata", {}).get("uid") == uid]
        mine.sort(key=lambda k: sandboxes[k]["createdAt"])
        sandbox = mine[-1] if mine else f"of {meta['name']}"
        lines |= {f"record pods/{sandbox}", f"state pods/{sandbox}"}
        running = []
        for container in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
            identity = container.get("containerID", "//of " + container["name"]).partition("//")[2]
            things = [f"record containers/{identity}", f"state containers/{identity}", f"root {identity}"]
            lines.update([*things, f"log link {identity}"])
            if "running" in container["state"]:
                running.append(identity)
            before = container.get("lastState", {}).get("terminated", {}).get("containerID", "").partition("//")[2]
            optional |= {f"record containers/{before}", f"state containers/{before}", f"root {before}", f"log link {before}"}
        if is_over:
            return
        lines |= {f"shim {sandbox}", f"pause {sandbox}", f"pod folder {uid}"} | {f"process {c}" for c in running}
        for top in self.controllers:
            lines |= {f"group {top} pod{uid}{child}" for child in ("", f"/{sandbox}", *(f"/{c}" for c in running))}
        state, is_host = f"{self.state}/pods/{sandbox}", pod["spec"].get("hostNetwork", False)
        lines |= {f"mount {state}/{name}" for name in (("ipc", "shm") if is_host else ("ipc", "shm", "net", "uts"))}
        self.expect_volumes(pod, lines)
        if not is_host:
            # Null until the plugins have answered.
            result = (sandboxes.get(sandbox, {}).get("network") or {}).get("result") or {}
            interfaces = result.get("interfaces", [])
            lines |= {f"link {i['name']}" for i in interfaces if i["name"].startswith("veth")} or {f"link of {sandbox}"}
            lines |= {f"lease {status.get('podIP')} {[sandbox]}", f"rules ip apus-masquerade {sandbox}"}
            ports = [p for c in pod["spec"]["containers"] for p in c.get("ports", []) if p.get("hostPort")]
            if ports:
                lines.add(f"rules ip apus-hostports {sandbox}")

    def expect_volumes(self, pod, lines):
        folder = f"{self.kubelet}/pods/{pod['metadata']['uid']}/volumes/kubernetes.io~"
        claims = {}
        for volume in pod["spec"].get("volumes", []):
            if volume.get("emptyDir", {}).get("medium") == "Memory":
                lines.add(f"mount {folder}empty-dir/{volume['name']}")
            elif "secret" in volume or "projected" in volume:
                lines.add(f"mount {folder}{'secret' if 'secret' in volume else 'projected'}/{volume['name']}")
            elif "persistentVolumeClaim" in volume:
                claims[volume["persistentVolumeClaim"]["claimName"]] = True
        for claim in claims:
            found = self.api.get(
                f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims/{claim}")
            lines.add(f"mount {folder}csi/{found['spec'].get('volumeName')}/mount")

    def expect_services(self, api, lines):
        addresses = {}
        for service in api.list("/api/v1/services"):
            address = service["spec"].get("clusterIP", "None")
            if address != "None":
                key = (service["metadata"]["namespace"], service["metadata"]["name"])
                addresses[key] = (address, service["spec"]["ports"])
                lines.add(f"service {address}")
        for piece in api.list("/apis/discovery.k8s.io/v1/endpointslices"):
            key = (piece["metadata"]["namespace"], piece["metadata"]["labels"].get("kubernetes.io/service-name"))
            if key not in addresses or piece["addressType"] != "IPv4":
                continue
            address, ports = addresses[key]
            for port in piece.get("ports") or []:
                outside = [p["port"] for p in ports if p.get("name", "") == port.get("name", "")]
                for endpoint in piece.get("endpoints") or []:
                    if outside and endpoint["conditions"].get("ready"):
                        target = f"{endpoint['addresses'][0]}:{port['port']}"
                        lines.add(f"endpoint {address} {port['protocol'].lower()} {outside[0]} -> {target}")

    def differences(self, api, base):
        """Lines about what is left over or missing; none where the machine is as the API says."""
        self.api = api
        expected, optional = self.expected(api, base)
        found = self.found()
        return sorted(
            [f"left over: {line}" for line in found - expected - optional]
            + [f"missing: {line}" for line in expected - found])
