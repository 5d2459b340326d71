// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import JSON
import Kernel
import SwiftProtobuf

extension RuntimeServer {
  func podSandboxStatus(
    request: CRIPodSandboxStatusRequest, context: ServerContext
  ) async throws -> CRIPodSandboxStatusResponse {
    let record: SandboxRecord = try core.sandbox(request.podSandboxID)
    var response: CRIPodSandboxStatusResponse = CRIPodSandboxStatusResponse()
    response.status = record.status
    response.timestamp = SystemClock.now
    response.containersStatuses = core.records.containers(in: record.id).map { $0.status(core) }
    if request.verbose {
      let info: JSONValue = [
        "pid": JSONValue(record.pausePID), "processStatus": record.isReady ? "running" : "stopped",
        "shimPid": JSONValue(record.shimPID), "netNamespaceClosed": .bool(record.isNetworkDown),
        "runtimeHandler": .string(record.runtimeHandler), "cgroup": .string(record.cgroupPath),
        "cniResult": record.network["result"], "config": try JSONValue(parsing: record.config.jsonUTF8Bytes() as [UInt8]),
        "runtimeSpec": ["linux": ["cgroupsPath": .string(record.cgroupPath)]],
      ]
      response.info = ["info": info.text]
    }
    return response
  }

  func listPodSandbox(
    request: CRIListPodSandboxRequest, context: ServerContext
  ) async throws -> CRIListPodSandboxResponse {
    var response: CRIListPodSandboxResponse = CRIListPodSandboxResponse()
    response.items = core.listSandboxes(request.filter)
    return response
  }

  func streamPodSandboxes(
    request: CRIStreamPodSandboxesRequest, response: RPCWriter<CRIStreamPodSandboxesResponse>, context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIPodSandbox> in core.listSandboxes(request.filter).chunks() {
      var message: CRIStreamPodSandboxesResponse = CRIStreamPodSandboxesResponse()
      message.podSandboxes = Array(chunk)
      try await response.write(message)
    }
  }
}

extension RuntimeCore {
  func listSandboxes(_ filter: CRIPodSandboxFilter) -> [CRIPodSandbox] {
    let wantedID: String? = filter.id.isEmpty ? nil : records.sandbox(filter.id)?.id ?? filter.id
    return records.sandboxes.filter { record in
      if let wantedID, record.id != wantedID { return false }
      if filter.hasState, (filter.state.state == .sandboxReady) != record.isReady { return false }
      return filter.labelSelector.allSatisfy { record.config.labels[$0.key] == $0.value }
    }.sorted { $0.createdAt > $1.createdAt }.map(\.summary)
  }
}

extension SandboxRecord {
  /// As a list shows it.
  var summary: CRIPodSandbox {
    var sandbox: CRIPodSandbox = CRIPodSandbox()
    sandbox.id = id
    sandbox.metadata = config.metadata
    sandbox.state = isReady ? .sandboxReady : .sandboxNotready
    sandbox.createdAt = createdAt
    sandbox.labels = config.labels
    sandbox.annotations = config.annotations
    sandbox.runtimeHandler = runtimeHandler
    return sandbox
  }

  /// As its status shows it.
  var status: CRIPodSandboxStatus {
    var status: CRIPodSandboxStatus = CRIPodSandboxStatus()
    status.id = id
    status.metadata = config.metadata
    status.state = isReady ? .sandboxReady : .sandboxNotready
    status.createdAt = createdAt
    status.labels = config.labels
    status.annotations = config.annotations
    status.runtimeHandler = runtimeHandler
    status.network = CRIPodSandboxNetworkStatus()
    if isReady, let first: String = addresses.first {
      status.network.ip = first
      status.network.additionalIps = addresses.dropFirst().map { address in
        var other: CRIPodIP = CRIPodIP()
        other.ip = address
        return other
      }
    }
    status.linux.namespaces.options = config.linux.securityContext.namespaceOptions
    return status
  }
}

extension RandomAccessCollection where Index == Int {
  /// The elements in pieces that fit a message.
  func chunks(of size: Int = 256) -> [SubSequence] {
    stride(from: startIndex, to: endIndex, by: size).map { self[$0..<Swift.min($0 + size, endIndex)] }
  }
}
