# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""A small API server behind the cluster's, and webhooks: HTTPS servers on the node's address, reached by Services."""
import base64
import http.server
import json
import os
import queue
import socketserver
import ssl
import subprocess
import threading
import urllib.parse

NODE_ADDRESS = os.environ.get("APUS_NODE_ADDRESS", "10.240.0.1")


def issue(folder, name):
    """A certificate for a host name, and its authority's certificate: files of PEM."""
    def run(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    authority, leaf = f"{folder}/authority", f"{folder}/leaf"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    if not os.path.exists(f"{authority}.pem"):
        run("req", "-x509", *key, "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-days", "2", "-subj", "/CN=authority")
    run("req", "-new", *key, "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
    run("x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
        "-days", "2", "-copy_extensions", "copy", "-out", f"{leaf}.pem")
    return f"{leaf}.pem", f"{leaf}.key", f"{authority}.pem"


class QuickServer(http.server.ThreadingHTTPServer):
    """Asks nobody for its own name, as there is no such server here."""

    daemon_threads = True

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


class Server:
    """An HTTPS server of a handler class, or HTTP without a folder for certificates; behind a Service on request."""

    def __init__(self, handler, folder=None, name="", clients=None):
        self.http = QuickServer((NODE_ADDRESS, 0), handler)
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.bundle = None
        if folder:
            certificate, key, authority = issue(folder, name)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cadata=clients)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
            with open(authority, "rb") as file:
                self.bundle = base64.b64encode(file.read()).decode()
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def service(self, name, port=443):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"ports": [{"name": "https", "port": port, "targetPort": self.port}]}}

    def slice(self, name, ready=True):
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": ready}}],
                "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}]}


class Handler(http.server.BaseHTTPRequestHandler):
    """What both kinds of servers need."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, value, content_type="application/json", **headers):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, content in {"Content-Type": content_type, **headers}.items():
            self.send_header(name.replace("_", "-"), content)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


class FishServer(Server):
    """Serves `fish` in a group of its own, from memory."""

    def __init__(self, folder, group, service, namespace, clients, aggregated=True):
        self.group, self.aggregated, self.broken = group, aggregated, False
        self.fish, self.version, self.watchers, self.lock = {}, 1, [], threading.Lock()
        super().__init__(FishHandler, folder, f"{service}.{namespace}.svc", clients)

    def change(self, kind, fish):
        with self.lock:
            self.version += 1
            fish["metadata"]["resourceVersion"] = str(self.version)
            for watcher in self.watchers:
                watcher.put({"type": kind, "object": json.loads(json.dumps(fish))})


class FishHandler(Handler):
    @property
    def fish_server(self):
        return self.server.owner

    def documents(self, path):
        group, gv = self.fish_server.group, f"{self.fish_server.group}/v1"
        verbs = ["create", "delete", "deletecollection", "get", "list", "watch"]
        kind = {"group": group, "version": "v1", "kind": "Fish"}
        resource = {"resource": "fish", "responseKind": kind, "scope": "Namespaced", "singularResource": "fish", "verbs": verbs}
        if path == "/apis" and self.fish_server.aggregated and "APIGroupDiscoveryList" in self.headers.get("Accept", ""):
            return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": [
                {"metadata": {"name": group}, "versions": [{"version": "v1", "freshness": "Current", "resources": [resource]}]}]}
        version = {"groupVersion": gv, "version": "v1"}
        if path == "/apis":
            one = {"name": group, "versions": [version], "preferredVersion": version}
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [one]}
        schema = {"type": "object", "x-kubernetes-group-version-kind": [kind], "properties": {"spec": {"type": "object"}}}
        where = f"/apis/{gv}/namespaces/{{namespace}}/fish"
        return {
            f"/apis/{gv}": {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": [
                {"name": "fish", "singularName": "fish", "namespaced": True, "kind": "Fish", "verbs": verbs},
                {"name": "fish/shell", "singularName": "", "namespaced": True, "kind": "Fish", "verbs": ["get"]}]},
            "/openapi/v2": {"swagger": "2.0", "info": {"title": "fish", "version": "v1"}, "definitions": {"pond.Fish": schema}, "paths": {
                where: {"get": {"responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/pond.Fish"}}}}}}},
            "/openapi/v3": {"paths": {f"apis/{gv}": {"serverRelativeURL": f"/openapi/v3/apis/{gv}?hash=1"}}},
            f"/openapi/v3/apis/{gv}": {"openapi": "3.0.0", "info": {"title": "fish", "version": "v1"}, "paths": {where: {}}},
        }.get(path)

    def serve(self):
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        body = self.body()
        if self.fish_server.broken:
            return self.answer(500, b"broken", "text/plain")
        if self.command == "GET" and (document := self.documents(address.path)):
            form = document["kind"] if document.get("apiVersion") == "apidiscovery.k8s.io/v2" else None
            more = f";g=apidiscovery.k8s.io;v=v2;as={form}" if form else ""
            return self.answer(200, document, "application/json" + more)
        words = address.path.removeprefix(f"/apis/{self.fish_server.group}/v1").strip("/").split("/")
        if words == ["whoami"]:
            return self.answer(200, {"headers": list(self.headers.items()), "method": self.command, "query": query})
        if words == ["elsewhere"]:
            return self.answer(302, b"", Location="http://elsewhere.example.com/")
        if words[0] == "namespaces" and len(words) > 2:
            return self.collection(words[1], words[3:], query, body)
        if words == ["fish"]:
            return self.collection(None, [], query, body)
        return self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"})

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = serve

    def collection(self, namespace, rest, query, body):
        server, gv = self.fish_server, f"{self.fish_server.group}/v1"
        if rest[1:] == ["shell"]:
            return self.shell()
        if self.command == "POST":
            fish = {"kind": "Fish", "apiVersion": gv, **json.loads(body)}
            name = fish["metadata"]["name"]
            fish["metadata"].update(namespace=namespace, uid=f"{namespace}-{name}", creationTimestamp="2026-01-01T00:00:00Z")
            server.fish[(namespace, name)] = fish
            server.change("ADDED", fish)
            return self.answer(201, fish)
        mine = {key: fish for key, fish in server.fish.items() if namespace in (None, key[0]) and (not rest or key[1] == rest[0])}
        if self.command == "DELETE":
            for key in mine:
                server.change("DELETED", server.fish.pop(key))
            return self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
        if query.get("watch") in ("1", "true"):
            return self.watch(namespace, mine)
        if not rest:
            return self.answer(200, {
                "kind": "FishList", "apiVersion": gv, "metadata": {"resourceVersion": str(server.version)}, "items": list(mine.values())})
        if not mine:
            return self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"})
        return self.answer(200, list(mine.values())[0])

    def watch(self, namespace, present):
        watcher = queue.Queue()
        self.fish_server.watchers.append(watcher)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for fish in present.values():
            watcher.put({"type": "ADDED", "object": fish})
        try:
            while True:
                event = watcher.get()
                if namespace not in (None, event["object"]["metadata"]["namespace"]):
                    continue
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
        except OSError:
            self.fish_server.watchers.remove(watcher)
            self.close_connection = True

    def shell(self):
        """After the upgrade whatever comes is sent back in capitals."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "shout")
        self.end_headers()
        self.close_connection = True
        while said := self.rfile.readline():
            self.wfile.write(said.upper())
            self.wfile.flush()
