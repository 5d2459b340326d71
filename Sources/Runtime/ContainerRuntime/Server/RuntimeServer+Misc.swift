// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import JSON
import Kernel
import ShimProtocol

extension RuntimeServer {
  /// The release of the runtime as CRI tells it.
  static let version: String = "0.1.0"

  func version(request: CRIVersionRequest, context: ServerContext) async throws -> CRIVersionResponse {
    var response: CRIVersionResponse = CRIVersionResponse()
    response.version = "0.1.0"
    response.runtimeName = "apus"
    response.runtimeVersion = Self.version
    response.runtimeApiVersion = "v1"
    return response
  }

  func status(request: CRIStatusRequest, context: ServerContext) async throws -> CRIStatusResponse {
    var response: CRIStatusResponse = CRIStatusResponse()
    var ready: CRIRuntimeCondition = CRIRuntimeCondition()
    ready.type = "RuntimeReady"
    ready.status = true
    var network: CRIRuntimeCondition = CRIRuntimeCondition()
    network.type = "NetworkReady"
    network.status = true
    do { _ = try core.network.configuration() } catch {
      network.status = false
      network.reason = "NetworkPluginNotReady"
      network.message = "Network plugin returns error: cni plugin not initialized: \(error)"
    }
    response.status.conditions = [ready, network]
    response.runtimeHandlers = ([""] + RuntimeCore.handlers).map { name in
      var handler: CRIRuntimeHandler = CRIRuntimeHandler()
      handler.name = name
      handler.features.recursiveReadOnlyMounts = true
      handler.features.userNamespaces = UserMapping.isSupported
      return handler
    }
    response.features.supplementalGroupsPolicy = true
    if request.verbose {
      let configuration: ContainerRuntimeConfiguration = core.configuration
      let config: JSONValue = [
        "root": .string(configuration.root), "state": .string(configuration.state),
        "cniConfDir": .string(configuration.cniConfigurationDirectory),
        "cniBinDirs": JSONValue(configuration.cniBinaryDirectories),
        "sandboxImage": .string(configuration.sandboxImage),
        "cgroups": .string(core.hierarchy.isUnified ? "v2" : "v1"),
      ]
      response.info = ["config": config.text, "lastCNILoadStatus": network.status ? "OK" : network.message]
    }
    return response
  }

  func runtimeConfig(request: CRIRuntimeConfigRequest, context: ServerContext) async throws -> CRIRuntimeConfigResponse {
    var response: CRIRuntimeConfigResponse = CRIRuntimeConfigResponse()
    response.linux.cgroupDriver = .cgroupfs
    return response
  }

  func updateRuntimeConfig(
    request: CRIUpdateRuntimeConfigRequest, context: ServerContext
  ) async throws -> CRIUpdateRuntimeConfigResponse {
    // The pod's network range is the CNI configuration's matter.
    CRIUpdateRuntimeConfigResponse()
  }

  func reopenContainerLog(
    request: CRIReopenContainerLogRequest, context: ServerContext
  ) async throws -> CRIReopenContainerLogResponse {
    let record: ContainerRecord = try core.runningContainer(request.containerID)
    try await core.shim(record.sandboxID).request(ShimMethod.reopenLog, ["id": .string(record.id)])
    return CRIReopenContainerLogResponse()
  }

  func updateContainerResources(
    request: CRIUpdateContainerResourcesRequest, context: ServerContext
  ) async throws -> CRIUpdateContainerResourcesResponse {
    let id: String = try core.container(request.containerID).id
    try await core.locks.with(id) {
      let record: ContainerRecord = try core.container(id)
      guard record.state == .running || record.state == .created else {
        throw RuntimeError(.wrongState, "container \"\(id)\" is in state \(record.state.rawValue)")
      }
      if record.state == .running {
        do throws(SystemError) {
          try core.hierarchy.group(record.cgroupPath).apply(CgroupLimits(request.linux))
        } catch {
          throw RuntimeError(.failed, "failed to update resources of container \"\(id)\": \(error)")
        }
      }
      try core.records.updateContainer(id) {
        $0.config.linux.resources = $0.config.linux.resources.updated(with: request.linux)
      }
    }
    return CRIUpdateContainerResourcesResponse()
  }

  func updatePodSandboxResources(
    request: CRIUpdatePodSandboxResourcesRequest, context: ServerContext
  ) async throws -> CRIUpdatePodSandboxResourcesResponse {
    // The pod's group is the kubelet's to size; what it tells is kept for the status.
    let id: String = try core.sandbox(request.podSandboxID).id
    try core.records.updateSandbox(id) {
      $0.config.linux.overhead = request.overhead
      $0.config.linux.resources = request.resources
    }
    return CRIUpdatePodSandboxResourcesResponse()
  }

  func checkpointContainer(
    request: CRICheckpointContainerRequest, context: ServerContext
  ) async throws -> CRICheckpointContainerResponse {
    _ = try core.container(request.containerID)
    throw RuntimeError(.unsupported, "checkpoints need CRIU, which this runtime does not use")
  }

  func getContainerEvents(
    request: CRIGetEventsRequest, response: RPCWriter<CRIContainerEventResponse>, context: ServerContext
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for await event: CRIContainerEventResponse in core.events.listen() { try await response.write(event) }
      }
      // Events never end; the client's leaving and the server's end do.
      group.addTask { try await context.cancellation.cancelled }
      defer { group.cancelAll() }
      try await group.next()
    }
  }
}
