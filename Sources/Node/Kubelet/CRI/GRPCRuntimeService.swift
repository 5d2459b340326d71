// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import GRPCSockets
import SwiftProtobuf

/// A container runtime behind its sockets.
struct GRPCRuntimeService: RuntimeService {
  /// Upstream's `runtimeRequestTimeout`.
  private static let callTimeout: Duration = .seconds(120)
  /// Pulls take as long as they take; a registry that says nothing is the runtime's to give up.
  private static let pullTimeout: Duration = .seconds(3600)

  private let runtime: CRIRuntimeService.Client<UnixGRPCClient.Transport>
  private let imageService: CRIImageService.Client<UnixGRPCClient.Transport>

  init(runtime: UnixGRPCClient, images: UnixGRPCClient) {
    self.runtime = CRIRuntimeService.Client(wrapping: runtime.client)
    self.imageService = CRIImageService.Client(wrapping: images.client)
  }

  private func options(_ timeout: Duration = Self.callTimeout) -> CallOptions {
    var options: CallOptions = .defaults
    options.timeout = timeout
    return options
  }

  /// Translates an RPC's error, once.
  private func call<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let error as RPCError {
      throw KubeletError(
        error.code == .notFound ? .notFound : .runtime, "rpc error: code = \(error.code.goName) desc = \(error.message)",
        detail: error.message)
    }
  }

  func version() async throws -> CRIVersionResponse {
    try await call { try await runtime.version(.with { $0.version = "v1" }, options: options(.seconds(5))) }
  }

  func status() async throws -> CRIStatusResponse {
    try await call { try await runtime.status(CRIStatusRequest(), options: options(.seconds(10))) }
  }

  func cgroupDriver() async throws -> CRICgroupDriver {
    let answer: CRIRuntimeConfigResponse = try await call {
      try await runtime.runtimeConfig(CRIRuntimeConfigRequest(), options: options(.seconds(10)))
    }
    return answer.linux.cgroupDriver
  }

  func setPodCIDR(_ cidr: String) async throws {
    _ = try await call {
      try await runtime.updateRuntimeConfig(
        .with { $0.runtimeConfig.networkConfig.podCidr = cidr }, options: options())
    }
  }

  func runPodSandbox(_ config: CRIPodSandboxConfig, handler: String) async throws -> String {
    try await call {
      try await runtime.runPodSandbox(
        .with {
          $0.config = config
          $0.runtimeHandler = handler
        }, options: options(.seconds(240)))
    }.podSandboxID
  }

  func stopPodSandbox(_ id: String) async throws {
    _ = try await call { try await runtime.stopPodSandbox(.with { $0.podSandboxID = id }, options: options()) }
  }

  func removePodSandbox(_ id: String) async throws {
    _ = try await call { try await runtime.removePodSandbox(.with { $0.podSandboxID = id }, options: options()) }
  }

  func podSandboxStatus(_ id: String) async throws -> CRIPodSandboxStatus {
    try await call {
      try await runtime.podSandboxStatus(.with { $0.podSandboxID = id }, options: options())
    }.status
  }

  func podSandboxes(of pod: PodUID?) async throws -> [CRIPodSandbox] {
    try await call {
      try await runtime.listPodSandbox(
        .with { if let pod { $0.filter.labelSelector = [RuntimeLabel.podUID: pod.text] } }, options: options())
    }.items
  }

  func createContainer(
    in sandbox: String, config: CRIContainerConfig, sandboxConfig: CRIPodSandboxConfig
  ) async throws -> String {
    try await call {
      try await runtime.createContainer(
        .with {
          $0.podSandboxID = sandbox
          $0.config = config
          $0.sandboxConfig = sandboxConfig
        }, options: options())
    }.containerID
  }

  func startContainer(_ id: String) async throws {
    _ = try await call { try await runtime.startContainer(.with { $0.containerID = id }, options: options()) }
  }

  func stopContainer(_ id: String, grace: Duration) async throws {
    let seconds: Int64 = grace.components.seconds + (grace.components.attoseconds > 0 ? 1 : 0)
    _ = try await call {
      try await runtime.stopContainer(
        .with {
          $0.containerID = id
          $0.timeout = max(seconds, 0)
        }, options: options(grace + Self.callTimeout))
    }
  }

  func removeContainer(_ id: String) async throws {
    _ = try await call { try await runtime.removeContainer(.with { $0.containerID = id }, options: options()) }
  }

  func containerStatus(_ id: String) async throws -> CRIContainerStatus {
    try await call {
      try await runtime.containerStatus(.with { $0.containerID = id }, options: options())
    }.status
  }

  func containers(of pod: PodUID?) async throws -> [CRIContainer] {
    try await call {
      try await runtime.listContainers(
        .with { if let pod { $0.filter.labelSelector = [RuntimeLabel.podUID: pod.text] } }, options: options())
    }.containers
  }

  func updateContainer(_ id: String, resources: CRILinuxContainerResources) async throws {
    _ = try await call {
      try await runtime.updateContainerResources(
        .with {
          $0.containerID = id
          $0.linux = resources
        }, options: options())
    }
  }

  func reopenContainerLog(_ id: String) async throws {
    _ = try await call { try await runtime.reopenContainerLog(.with { $0.containerID = id }, options: options()) }
  }
}

extension GRPCRuntimeService {
  func execSync(_ id: String, command: [String], timeout: Duration) async throws -> CRIExecSyncResponse {
    try await call {
      try await runtime.execSync(
        .with {
          $0.containerID = id
          $0.cmd = command
          $0.timeout = timeout.components.seconds
        }, options: options(timeout == .zero ? Self.pullTimeout : timeout + .seconds(5)))
    }
  }

  func exec(_ request: CRIExecRequest) async throws -> String {
    try await call { try await runtime.exec(request, options: options()) }.url
  }

  func attach(_ request: CRIAttachRequest) async throws -> String {
    try await call { try await runtime.attach(request, options: options()) }.url
  }

  func portForward(_ request: CRIPortForwardRequest) async throws -> String {
    try await call { try await runtime.portForward(request, options: options()) }.url
  }

  func containerStats() async throws -> [CRIContainerStats] {
    try await call { try await runtime.listContainerStats(CRIListContainerStatsRequest(), options: options()) }.stats
  }

  func podSandboxStats() async throws -> [CRIPodSandboxStats] {
    try await call { try await runtime.listPodSandboxStats(CRIListPodSandboxStatsRequest(), options: options()) }.stats
  }

  func events(_ handle: @Sendable @escaping (CRIContainerEventResponse) async -> Void) async throws {
    try await call {
      try await runtime.getContainerEvents(CRIGetEventsRequest()) { response in
        for try await event in response.messages { await handle(event) }
      }
    }
  }

  func imageStatus(_ image: CRIImageSpec) async throws -> CRIImage? {
    let answer: CRIImageStatusResponse = try await call {
      try await imageService.imageStatus(.with { $0.image = image }, options: options())
    }
    return answer.hasImage && !answer.image.id.isEmpty ? answer.image : nil
  }

  func pullImage(_ image: CRIImageSpec, auth: CRIAuthConfig?, sandbox: CRIPodSandboxConfig) async throws -> String {
    try await call {
      try await imageService.pullImage(
        .with {
          $0.image = image
          if let auth { $0.auth = auth }
          $0.sandboxConfig = sandbox
        }, options: options(Self.pullTimeout))
    }.imageRef
  }

  func images() async throws -> [CRIImage] {
    try await call { try await imageService.listImages(CRIListImagesRequest(), options: options()) }.images
  }

  func removeImage(_ image: CRIImageSpec) async throws {
    _ = try await call { try await imageService.removeImage(.with { $0.image = image }, options: options()) }
  }

  func imageFileSystems() async throws -> CRIImageFsInfoResponse {
    try await call { try await imageService.imageFsInfo(CRIImageFsInfoRequest(), options: options()) }
  }
}

extension RPCError.Code {
  /// The code as Go's libraries write it, which is how users know it.
  var goName: String {
    switch self {
    case .cancelled: "Canceled"
    case .unknown: "Unknown"
    case .invalidArgument: "InvalidArgument"
    case .deadlineExceeded: "DeadlineExceeded"
    case .notFound: "NotFound"
    case .alreadyExists: "AlreadyExists"
    case .permissionDenied: "PermissionDenied"
    case .resourceExhausted: "ResourceExhausted"
    case .failedPrecondition: "FailedPrecondition"
    case .aborted: "Aborted"
    case .outOfRange: "OutOfRange"
    case .unimplemented: "Unimplemented"
    case .internalError: "Internal"
    case .unavailable: "Unavailable"
    case .dataLoss: "DataLoss"
    case .unauthenticated: "Unauthenticated"
    default: "Unknown"
    }
  }
}
