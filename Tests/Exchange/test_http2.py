# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""HTTP/2 as Go's clients use it: one connection for everything, on which requests come and are cancelled by hundreds."""
import base64
import os
import socket
import ssl
import tempfile
import urllib.parse

import h2.config
import h2.connection
import h2.events
import yaml


def connect():
    """A TLS connection to the API server as its administrator, with HTTP/2."""
    with open(os.environ["KUBECONFIG"]) as file:
        config = yaml.safe_load(file)
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    context.set_alpn_protocols(["h2"])
    with tempfile.NamedTemporaryFile() as both:
        both.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        both.flush()
        context.load_cert_chain(both.name)
    address = urllib.parse.urlsplit(server["server"])
    plain = socket.create_connection((address.hostname, address.port), timeout=20)
    return context.wrap_socket(plain, server_hostname=address.hostname), address.netloc


def test_a_thousand_cancelled_watches_leave_the_connection():
    """Each is followed by a ping, as Go's client tests a connection on which it cancelled something."""
    wire, authority = connect()
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    wire.sendall(connection.data_to_send())

    def request(path, end=True):
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, [
            (":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path)], end_stream=end)
        return stream

    def await_event(wanted):
        while True:
            data = wire.recv(65536)
            assert data, "the server closed the connection"
            for event in connection.receive_data(data):
                assert not isinstance(event, h2.events.ConnectionTerminated), event
                if wanted(event):
                    wire.sendall(connection.data_to_send())
                    return event
            wire.sendall(connection.data_to_send())

    for number in range(1000):
        stream = request(f"/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name%3Dc{number}")
        wire.sendall(connection.data_to_send())
        await_event(lambda event: isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream)
        connection.reset_stream(stream, 8)
        connection.ping(number.to_bytes(8, "big"))
        wire.sendall(connection.data_to_send())
    stream = request("/api/v1/namespaces/default")
    wire.sendall(connection.data_to_send())
    answer = await_event(lambda event: isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream)
    assert dict(answer.headers)[":status"] == "200"
    wire.close()
