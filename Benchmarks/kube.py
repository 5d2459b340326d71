# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""A small client of the Kubernetes API on the standard library: what is measured is the server, not a client library."""
import base64
import http.client
import json
import os
import socket
import ssl
import tempfile
import threading
import time
import urllib.parse

import yaml


class Refused(Exception):
    """The server said no."""

    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status} {text[:300]}")
        self.status = status


class Cluster:
    """One API server; every thread has a connection of its own."""

    def __init__(self, kubeconfig=None, server=None, token=None):
        self.own = threading.local()
        self.headers = {"Accept": "application/json"}
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        if kubeconfig:
            server = self.read(kubeconfig)
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        where = urllib.parse.urlsplit(server)
        self.host, self.port = where.hostname, where.port

    def read(self, path):
        """Takes the current context of a kubeconfig file, and returns the server's address."""
        text = yaml.safe_load(open(path))
        context = next(c["context"] for c in text["contexts"] if c["name"] == text["current-context"])
        cluster = next(c["cluster"] for c in text["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in text["users"] if u["name"] == context["user"])
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile(suffix=".pem") as pem:
                pem.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
                pem.flush()
                self.tls.load_cert_chain(pem.name)
        elif "client-certificate" in user:
            at = os.path.dirname(path)
            self.tls.load_cert_chain(os.path.join(at, user["client-certificate"]), os.path.join(at, user["client-key"]))
        return cluster["server"]

    def connect(self, timeout=60):
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)
        connection.connect()
        # Head and body are two writes; the second must not wait for the first to be acknowledged.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, body=None, kind="application/json"):
        data = None if body is None else json.dumps(body)
        headers = dict(self.headers)
        if data is not None:
            headers["Content-Type"] = kind
        for last in (False, True):
            try:
                if getattr(self.own, "connection", None) is None:
                    self.own.connection = self.connect()
                self.own.connection.request(method, path, data, headers)
                answer = self.own.connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self.own.connection = None
                if last:
                    raise
        if answer.status == 429:
            # The server protects itself; to wait is part of what it costs.
            time.sleep(0.1)
            return self.request(method, path, body, kind)
        if answer.status >= 300:
            raise Refused(method, path, answer.status, text.decode(errors="replace"))
        if answer.getheader("Content-Type", "").startswith("application/json"):
            return json.loads(text)
        return text.decode(errors="replace")

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body):
        return self.request("POST", path, body)

    def patch(self, path, body):
        return self.request("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, grace=None):
        options = None if grace is None else {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace}
        return self.request("DELETE", path, options)

    def ensure(self, path, body):
        """Makes an object unless it is there."""
        try:
            self.post(path, body)
        except Refused as refused:
            if refused.status != 409:
                raise

    def namespace(self, name):
        """Makes a namespace, and waits until pods can be created in it."""
        self.ensure("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for wanted in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            eventually(lambda: self.exists(f"/api/v1/namespaces/{name}/{wanted}"), f"{wanted} in {name}")

    def exists(self, path):
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    def watch(self, path, event, version, **query):
        """Calls event(moment, type, object) for everything that happens from now on; returns what ends it."""
        query = {"watch": "1", "resourceVersion": version, **query}
        accept = query.pop("accept", None)
        connection = self.connect(timeout=None)
        connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}", headers={**self.headers, **({"Accept": accept} if accept else {})})
        # Reading the answer takes the socket away from the connection when the server closes it.
        line = connection.sock
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused("WATCH", path, answer.status, answer.read().decode())
        ended = threading.Event()

        def read():
            try:
                for text in answer:
                    moment = time.perf_counter()
                    news = json.loads(text)
                    event(moment, news["type"], news["object"])
            except (OSError, ValueError, AttributeError, http.client.HTTPException):
                if not ended.is_set():
                    raise

        threading.Thread(target=read, daemon=True).start()

        def end():
            ended.set()
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        return end


def is_ready(thing):
    """Whether a pod or a node says that it is ready."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in thing.get("status", {}).get("conditions") or [])


def eventually(ask, what, seconds=60, every=0.01):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer:
                return answer
        except OSError:
            pass
        time.sleep(every)
    raise SystemExit(f"{what}: not within {seconds} s")


def at_once(items, act, clients=8):
    """Does something to every item, by several clients; the first failure is raised."""
    left, failures = list(items)[::-1], []

    def work():
        while not failures:
            try:
                item = left.pop()
            except IndexError:
                return
            try:
                act(item)
            except Exception as error:  # carried over to the caller's thread
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
