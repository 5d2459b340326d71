# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The API over plain HTTPS, and the daemons as processes that can be killed: what the tests of survival need."""
import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import time

import yaml

from machine import Machine, Process


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, code, body):
        super().__init__(f"{code}: {body[:300]}")
        self.code = code


class API:
    """Requests as admin; one that finds nobody who answers is tried again for a while where that is safe."""

    def __init__(self, kubeconfig, patience=30):
        with open(kubeconfig) as file:
            config = yaml.safe_load(file)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.host = cluster["server"].removeprefix("https://")
        self.patience = patience
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile("w") as both:
            for part in ("client-certificate-data", "client-key-data"):
                both.write(base64.b64decode(user[part]).decode())
            both.flush()
            self.context.load_cert_chain(both.name)
        self.connection = None

    def once(self, method, path, body=None):
        """One request on a kept connection; OSError or HTTPException where no answer came."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=20)
        try:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            self.connection.request(
                method, path, None if body is None else json.dumps(body), {"Content-Type": kind})
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        if answer.status >= 300:
            raise Refused(answer.status, text)
        return json.loads(text) if text else None

    def ask(self, method, path, body=None, fine=()):
        """Until there is an answer. A code in `fine` is one, too: an earlier try may have been done unheard."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return self.once(method, path, body)
            except Refused as refused:
                if refused.code in fine:
                    return None
                if refused.code not in (429, 500, 503, 504) or time.monotonic() > deadline:
                    raise
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def get(self, path):
        return self.ask("GET", path)

    def list(self, path):
        return self.get(path)["items"]


class Cluster:
    """The cluster of this run: its API, its machine, and its end."""

    def __init__(self, root):
        self.root = root
        self.api = API(f"{root}/node/etc/kubernetes/admin.conf")
        self.machine = Machine(root)
        # What the last wait waited for at its end.
        self.awaited = []
        # What the machine has without any pod: links and addresses of the test's own.
        self.base = {line for line in self.machine.network() if "cni0" not in line and "veth" not in line}

    def create(self, namespace, thing):
        group = thing["apiVersion"]
        base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        return self.api.ask("POST", f"{base}/namespaces/{namespace}/{thing['kind'].lower()}s", thing, fine=(409,))

    def delete(self, namespace, plural, name, base="/api/v1"):
        self.api.ask("DELETE", f"{base}/namespaces/{namespace}/{plural}/{name}", fine=(404,))

    def scale(self, namespace, name, count):
        self.api.ask(
            "PATCH", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", {"spec": {"replicas": count}})

    # Processes

    def daemons(self):
        return {p.role: p.pid for p in Process.all() if p.role}

    def kill(self, *pids):
        """SIGKILL; says whether all of them were there."""
        hits = 0
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                hits += 1
            except ProcessLookupError:
                pass
        return hits == len(pids)

    def identities(self, pods):
        """Of every container that runs: its process, when that began, and how often it was restarted."""
        records = self.machine.containers()
        found = {}
        for pod in pods:
            for container in pod["status"].get("containerStatuses", []):
                identity = container["containerID"].partition("//")[2]
                pid = records[identity]["pid"]
                key = (pod["metadata"]["name"], container["name"])
                found[key] = (pod["metadata"]["uid"], pid, Process(pid).start_time, container["restartCount"])
        return found

    def up(self):
        """`apus up` again, as run.sh did it."""
        subprocess.run(
            [os.environ["APUS"], "up", f"--root={self.root}/node", "--node-ip=10.240.0.1", "--node-name=node-1"],
            check=True, timeout=120)

    # What is declared

    def unmet(self):
        """What is declared and is not so yet."""
        lines = []
        # Before the pods: what a controller counts it has seen on these, so that they cannot be older than the count.
        for thing in self.api.list("/apis/apps/v1/deployments"):
            wanted, status = thing["spec"]["replicas"], thing.get("status", {})
            for count in ("replicas", "readyReplicas", "updatedReplicas"):
                if status.get(count, 0) != wanted:
                    lines.append(f"deployment {thing['metadata']['name']}: {count} {status.get(count, 0)} of {wanted}")
        for pod in self.api.list("/api/v1/pods"):
            meta, status = pod["metadata"], pod["status"]
            is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
            if meta.get("deletionTimestamp"):
                lines.append(f"pod {meta['name']} is being deleted")
            elif not is_ready and status["phase"] != "Succeeded":
                lines.append(f"pod {meta['name']} is not ready: {json.dumps(status.get('containerStatuses', status))[:400]}")
        for node in self.api.list("/api/v1/nodes"):
            if not any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"]):
                lines.append("the node is not ready")
        return lines

    def differences(self):
        return self.unmet() + self.machine.differences(self.api, self.base)

    def wait_until_whole(self, seconds, what):
        """Waits until all is as declared and the machine has nothing else; returns how long that took."""
        start = time.monotonic()
        while True:
            try:
                found = self.differences()
            except (OSError, Refused, http.client.HTTPException, KeyError) as error:
                # Objects and records go while one looks.
                found = [f"{type(error).__name__}: {error}"]
            waited = time.monotonic() - start
            if not found:
                return waited
            self.awaited = found
            assert waited < seconds, f"{what}: after {seconds} s\n" + "\n".join(found)
            time.sleep(0.1)
