// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import JSON
import Kernel
import SwiftProtobuf

extension RuntimeServer {
  func containerStatus(
    request: CRIContainerStatusRequest, context: ServerContext
  ) async throws -> CRIContainerStatusResponse {
    let record: ContainerRecord = try core.container(request.containerID)
    var response: CRIContainerStatusResponse = CRIContainerStatusResponse()
    response.status = record.status(core)
    if request.verbose {
      let spec: JSONValue =
        (try? Files.read(core.bundle(record.id) + "/config.json")).flatMap { try? JSONValue(parsing: $0) } ?? .null
      let info: JSONValue = [
        "sandboxID": .string(record.sandboxID), "pid": JSONValue(record.pid), "removing": false,
        "snapshotter": "overlayfs", "cgroup": .string(record.cgroupPath), "runtimeSpec": spec,
        "config": try JSONValue(parsing: record.config.jsonUTF8Bytes() as [UInt8]),
      ]
      response.info = ["info": info.text]
    }
    return response
  }

  func listContainers(
    request: CRIListContainersRequest, context: ServerContext
  ) async throws -> CRIListContainersResponse {
    var response: CRIListContainersResponse = CRIListContainersResponse()
    response.containers = core.listContainers(request.filter)
    return response
  }

  func streamContainers(
    request: CRIStreamContainersRequest, response: RPCWriter<CRIStreamContainersResponse>, context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIContainer> in core.listContainers(request.filter).chunks() {
      var message: CRIStreamContainersResponse = CRIStreamContainersResponse()
      message.containers = Array(chunk)
      try await response.write(message)
    }
  }
}

extension RuntimeCore {
  func listContainers(_ filter: CRIContainerFilter) -> [CRIContainer] {
    let wantedID: String? = filter.id.isEmpty ? nil : records.container(filter.id)?.id ?? filter.id
    let wantedSandbox: String? =
      filter.podSandboxID.isEmpty ? nil : records.sandbox(filter.podSandboxID)?.id ?? filter.podSandboxID
    return records.containers.filter { record in
      if let wantedID, record.id != wantedID { return false }
      if let wantedSandbox, record.sandboxID != wantedSandbox { return false }
      if filter.hasState, filter.state.state != record.criState { return false }
      return filter.labelSelector.allSatisfy { record.config.labels[$0.key] == $0.value }
    }.sorted { $0.createdAt > $1.createdAt }.map(\.summary)
  }
}

extension ContainerRecord {
  var criState: CRIContainerState {
    switch state {
    case .created: .containerCreated
    case .running: .containerRunning
    case .exited: .containerExited
    case .unknown: .containerUnknown
    }
  }

  /// As a list shows it.
  var summary: CRIContainer {
    var container: CRIContainer = CRIContainer()
    container.id = id
    container.podSandboxID = sandboxID
    container.metadata = config.metadata
    container.image = config.image
    container.imageRef = imageReference
    container.imageID = imageID
    container.state = criState
    container.createdAt = createdAt
    container.labels = config.labels
    container.annotations = config.annotations
    return container
  }

  /// As its status shows it.
  func status(_ core: RuntimeCore) -> CRIContainerStatus {
    var status: CRIContainerStatus = CRIContainerStatus()
    status.id = id
    status.metadata = config.metadata
    status.state = criState
    status.createdAt = createdAt
    status.startedAt = startedAt
    status.finishedAt = finishedAt
    status.exitCode = exitCode
    status.image = config.image
    if !config.image.userSpecifiedImage.isEmpty { status.image.image = config.image.userSpecifiedImage }
    status.imageRef = imageReference
    status.imageID = imageID
    status.reason = reason
    status.message = message
    status.labels = config.labels
    status.annotations = config.annotations
    status.mounts = config.mounts
    status.logPath = logPath
    status.resources.linux = config.linux.resources
    status.user.linux.uid = Int64(uid)
    status.user.linux.gid = Int64(gid)
    status.user.linux.supplementalGroups = groups.map(Int64.init)
    status.stopSignal = CRISignal(named: stopSignal)
    return status
  }
}
