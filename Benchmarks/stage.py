# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Where a benchmark plays: its folder, the programs it starts, and what it must give back. Inside namespaces only."""
import os
import subprocess
import sys
import time

import kube
from figures import say

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
NODE_IP = "10.240.0.1"
REGISTRY = "127.0.0.1:5000"


class Stage:
    """The folder and the processes of one benchmark; `with` gives all of it back."""

    def __init__(self, folder, smoke):
        self.folder, self.smoke = folder, smoke
        self.apus = os.environ.get("APUS", os.path.join(TOP, ".build/release/apus"))
        self.peers = os.environ.get("PEERS_BIN", "")
        self.started, self.leave = [], []

    def __enter__(self):
        if not os.environ.get("APUS_ISOLATED"):
            raise SystemExit("only inside Tools/isolate.sh")
        os.makedirs(self.folder, exist_ok=True)
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            self.stop(process)
        for act in reversed(self.leave):
            act()

    def count(self, whole, short):
        """How often: as a rule, or in a short run that only shows that all works."""
        return short if self.smoke else whole

    def path(self, *words):
        return os.path.join(self.folder, *words)

    def start(self, name, *words, **options):
        """Starts a program, with its output in <folder>/<name>.log."""
        with open(self.path(f"{name}.log"), "ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)
        process.log = log.name
        self.started.append(process)
        return process

    def stop(self, process):
        if process in self.started:
            self.started.remove(process)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def address(self):
        """Gives the namespace the node's address, on a link pair that leads nowhere."""
        for words in ("link add node0 type veth peer name node1", f"address add {NODE_IP}/24 dev node0",
                      "link set node0 up", "link set node1 up", "route add default via 10.240.0.254 dev node0"):
            subprocess.run(["ip", *words.split()], check=True)

    def images(self, *names):
        """Serves images built from Debian packages."""
        folder = self.path("registry")
        subprocess.run([f"{TOP}/Tools/registry.sh", "start", folder, REGISTRY], check=True)
        self.leave.append(lambda: subprocess.run([f"{TOP}/Tools/registry.sh", "stop", folder, REGISTRY], check=True))
        with open(self.path("images.log"), "w") as log:
            subprocess.run([f"{TOP}/Tools/images/build.py", "--push", REGISTRY, *names], check=True, stdout=log)

    def node(self):
        """The words that name this benchmark's node to `apus`."""
        return [f"--root={self.path('node')}", f"--node-ip={NODE_IP}", "--node-name=node-1"]

    def cluster(self):
        """Boots a one-node cluster, which goes with the stage."""
        self.address()
        self.leave.append(lambda: self.run(self.apus, "down", "--purge", *self.node()))
        self.run(self.apus, "up", *self.node())
        return kube.Cluster(kubeconfig=self.path("node/etc/kubernetes/admin.conf"))

    def run(self, *words):
        """Runs a command to its end; what it says is shown when it fails."""
        answer = subprocess.run(words, capture_output=True, text=True)
        if answer.returncode:
            raise SystemExit(f"{' '.join(words)}: {answer.returncode}\n{answer.stdout[-2000:]}{answer.stderr[-2000:]}")
        return answer.stdout

    def signing_key(self):
        path = self.path("sa.key")
        if not os.path.exists(path):
            self.run("openssl", "genrsa", "-out", path, "2048")
        return path

    def api_server(self, flavour="apus"):
        """Starts an API server by itself, with a token for an administrator; returns (client, token, kubeconfig, processes)."""
        token, port = "benchmark", 6443
        with open(self.path("tokens.csv"), "w") as file:
            file.write(f'{token},admin,admin,"system:masters"\n')
        key = self.signing_key()
        shared = [
            f"--secure-port={port}", "--bind-address=127.0.0.1", f"--cert-dir={self.path('certificates')}",
            f"--token-auth-file={self.path('tokens.csv')}", "--authorization-mode=Node,RBAC",
            "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}"]
        if flavour == "apus":
            processes = [self.start("apiserver", self.apus, "apiserver", f"--data-dir={self.path('store')}", *shared)]
        else:
            processes = [
                self.start("etcd", "etcd", "--data-dir", self.path("etcd"), "--listen-client-urls", "http://127.0.0.1:2379",
                           "--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380"),
                self.start("kube-apiserver", os.path.join(self.peers, "kube-apiserver"), "--etcd-servers=http://127.0.0.1:2379", *shared)]
        server = f"https://127.0.0.1:{port}"
        client = kube.Cluster(server=server, token=token)

        def answers():
            for process in processes:
                if process.poll() is not None:
                    raise SystemExit(f"it ended: {open(process.log).read()[-2000:]}")
            try:
                return client.get("/readyz")
            except kube.Refused:
                return False
        kube.eventually(answers, "the API server")
        kubeconfig = self.path("admin.conf")
        with open(kubeconfig, "w") as file:
            file.write(KUBECONFIG.format(server=server, token=token))
        return client, token, kubeconfig, processes


KUBECONFIG = """apiVersion: v1
kind: Config
current-context: bench
clusters: [{{name: bench, cluster: {{server: "{server}", insecure-skip-tls-verify: true}}}}]
users: [{{name: admin, user: {{token: "{token}"}}}}]
contexts: [{{name: bench, context: {{cluster: bench, user: admin}}}}]
"""


def pss(pid):
    """(PSS, of which anonymous) of a process in MiB."""
    found = {}
    for line in open(f"/proc/{pid}/smaps_rollup"):
        words = line.split()
        found[words[0]] = int(words[1]) if len(words) == 3 and words[1].isdigit() else 0
    return found["Pss:"] / 1024, found.get("Pss_Anon:", 0) / 1024


def processor(pid):
    """Processor seconds of a process, and of the children that it has waited for."""
    words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return (int(words[11]) + int(words[12])) / tick, (int(words[13]) + int(words[14])) / tick


def rest(seconds, why):
    say(f"  {seconds} s {why}")
    time.sleep(seconds)


if __name__ == "__main__":
    sys.exit("stage.py is not a program; run Tools/bench.sh")
