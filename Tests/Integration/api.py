# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The API over plain HTTPS: for requests that no well-behaved client makes."""
import base64
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse

import yaml

ADMIN = object()


class API:
    """One connection as the administrator, or as somebody else."""

    def __init__(self, kubeconfig=None):
        with open(kubeconfig or os.environ["KUBECONFIG"], encoding="utf-8") as file:
            config = yaml.safe_load(file)
        self.server = config["clusters"][0]["cluster"]["server"]
        self.authority = config["clusters"][0]["cluster"]["certificate-authority-data"]
        user = config["users"][0]["user"]
        self.pair = tempfile.NamedTemporaryFile(suffix=".pem")
        for part in ("client-certificate-data", "client-key-data"):
            self.pair.write(base64.b64decode(user[part]))
        self.pair.flush()
        self.pki = os.path.join(os.path.dirname(kubeconfig or os.environ["KUBECONFIG"]), "pki")
        self.connections = {}

    def __call__(self, method, path, body=None, headers=None, certificate=ADMIN):
        """The status code and the answer, read from JSON."""
        file = self.pair.name if certificate is ADMIN else certificate
        for attempt in range(2):
            connection = self.connections.get(file) or self.connect(file)
            try:
                connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
                answer = connection.getresponse()
                content = answer.read()
                break
            except (ConnectionError, http.client.HTTPException, ssl.SSLError):
                # A connection that was kept may have been closed meanwhile; and one that sends too much is closed.
                del self.connections[file]
                if attempt == 1:
                    raise
        if answer.status >= 400:
            connection.close()
            self.connections.pop(file, None)
        return answer.status, json.loads(content)

    def connect(self, file):
        context = ssl.create_default_context(cadata=base64.b64decode(self.authority).decode())
        if file:
            context.load_cert_chain(file)
        address = urllib.parse.urlsplit(self.server)
        self.connections[file] = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=120)
        return self.connections[file]

    def issue(self, folder, days):
        """An administrator's certificate by the cluster's authority that is good for so many days."""
        file, request = f"{folder}/{days}.pem", f"{folder}/{days}.csr"
        subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file, "-out", request,
             "-subj", "/O=system:masters/CN=late"], check=True, capture_output=True)
        certificate = subprocess.run(
            ["openssl", "x509", "-req", "-in", request, "-CA", f"{self.pki}/ca.crt", "-CAkey", f"{self.pki}/ca.key", "-CAcreateserial",
             "-CAserial", f"{folder}/serial", "-days", str(days)], check=True, capture_output=True).stdout
        with open(file, "ab") as pem:
            pem.write(certificate)
        return file
