# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""gRPC calls on a Unix socket, with messages made from Protos/ at run time: another stack than the one that answers."""
import os
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import stage as stages


class Service:
    """The services of one proto file on one socket. `call` keeps how long each method took, in milliseconds."""

    def __init__(self, stage, proto, socket):
        compiled = stage.path(os.path.basename(proto) + ".descriptors")
        stage.run("protoc", f"--proto_path={stages.TOP}/Protos", "--include_imports", f"--descriptor_set_out={compiled}", proto)
        files = descriptor_pb2.FileDescriptorSet()
        with open(compiled, "rb") as file:
            files.ParseFromString(file.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        self.channel = grpc.insecure_channel(f"unix://{socket}")
        self.methods, self.times = {}, {}
        for service in pool.FindFileByName(proto).services_by_name.values():
            for method in service.methods:
                self.methods[method.name] = (
                    message_factory.GetMessageClass(method.input_type),
                    self.channel.unary_unary(
                        f"/{service.full_name}/{method.name}", request_serializer=lambda message: message.SerializeToString(),
                        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString))

    def wait(self):
        grpc.channel_ready_future(self.channel).result(timeout=20)

    def call(self, name, /, **fields):
        request, send = self.methods[name]
        message = request(**fields)
        begin = time.perf_counter()
        answer = send(message, timeout=60)
        self.times.setdefault(name, []).append((time.perf_counter() - begin) * 1000)
        return answer


