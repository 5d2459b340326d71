# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Python stubs of our protocols, made from Protos/ when a test needs them, and gRPC channels to Unix sockets."""
import importlib
import os
import sys
import tempfile

import grpc
from grpc_tools import protoc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_made = tempfile.TemporaryDirectory(prefix="apus-stubs-")
sys.path.insert(0, _made.name)


def stubs(path, name):
    """The messages and the services of one file below Protos, under a module name of its own."""
    source = os.path.join(_made.name, f"{name}.proto")
    with open(os.path.join(ROOT, "Protos", path)) as original, open(source, "w") as copy:
        copy.write(original.read())
    wellknown = os.path.join(os.path.dirname(sys.modules["grpc_tools"].__file__), "_proto")
    status = protoc.main(["protoc", f"-I{_made.name}", f"-I{wellknown}", f"--python_out={_made.name}",
                          f"--grpc_python_out={_made.name}", source])
    assert status == 0, f"protoc failed for {path}"
    importlib.invalidate_caches()
    return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")


def channel(path):
    """A channel to a Unix socket, ready for calls."""
    opened = grpc.insecure_channel(f"unix://{path}")
    grpc.channel_ready_future(opened).result(timeout=20)
    return opened
