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

  private let deadlines: CallDeadlines

  init(runtime: UnixGRPCClient, images: UnixGRPCClient, deadlines: CallDeadlines) {
    self.deadlines = deadlines
    self.runtime = CRIRuntimeService.Client(wrapping: runtime.client)
    self.imageService = CRIImageService.Client(wrapping: images.client)
  }

  /// Gives a call its time (nil: as long as it takes), and translates an RPC's error, once.
  private func call<Result: Sendable>(
    _ limit: Duration? = Self.callTimeout, _ body: @Sendable @escaping () async throws -> Result
  ) async throws -> Result {
    do {
      guard let limit else { return try await body() }
      return try await deadlines.run(within: limit, body)
    } catch let error as RPCError {
      let code: KubeletError.Code =
        switch error.code {
        case .notFound: .notFound
        case .deadlineExceeded: .timedOut
        default: .runtime
        }
      throw KubeletError(
        code, "rpc error: code = \(error.code.goName) desc = \(error.message)",
        detail: error.message)
    }
  }

  func version() async throws -> CRIVersionResponse {
    try await call(.seconds(5)) { try await runtime.version(.with { $0.version = "v1" }) }
  }

  func status() async throws -> CRIStatusResponse {
    try await call(.seconds(10)) { try await runtime.status(CRIStatusRequest()) }
  }

  func cgroupDriver() async throws -> CRICgroupDriver {
    let answer: CRIRuntimeConfigResponse = try await call(.seconds(10)) {
      try await runtime.runtimeConfig(CRIRuntimeConfigRequest())
    }
    return answer.linux.cgroupDriver
  }

  func setPodCIDR(_ cidr: String) async throws {
    _ = try await call {
      try await runtime.updateRuntimeConfig(
        .with { $0.runtimeConfig.networkConfig.podCidr = cidr })
    }
  }

  func runPodSandbox(_ config: CRIPodSandboxConfig, handler: String) async throws -> String {
    try await call(.seconds(240)) {
      try await runtime.runPodSandbox(
        .with {
          $0.config = config
          $0.runtimeHandler = handler
        })
    }.podSandboxID
  }

  func stopPodSandbox(_ id: String) async throws {
    _ = try await call { try await runtime.stopPodSandbox(.with { $0.podSandboxID = id }) }
  }

  func removePodSandbox(_ id: String) async throws {
    _ = try await call { try await runtime.removePodSandbox(.with { $0.podSandboxID = id }) }
  }

  func podSandboxStatus(_ id: String) async throws -> CRIPodSandboxStatus {
    try await call {
      try await runtime.podSandboxStatus(.with { $0.podSandboxID = id })
    }.status
  }

  func podSandboxes(of pod: PodUID?) async throws -> [CRIPodSandbox] {
    try await call {
      try await runtime.listPodSandbox(
        .with { if let pod { $0.filter.labelSelector = [RuntimeLabel.podUID: pod.text] } })
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
        })
    }.containerID
  }

  func startContainer(_ id: String) async throws {
    _ = try await call { try await runtime.startContainer(.with { $0.containerID = id }) }
  }

  func stopContainer(_ id: String, grace: Duration) async throws {
    let seconds: Int64 = grace.components.seconds + (grace.components.attoseconds > 0 ? 1 : 0)
    _ = try await call(grace + Self.callTimeout) {
      try await runtime.stopContainer(
        .with {
          $0.containerID = id
          $0.timeout = max(seconds, 0)
        })
    }
  }

  func removeContainer(_ id: String) async throws {
    _ = try await call { try await runtime.removeContainer(.with { $0.containerID = id }) }
  }

  func containerStatus(_ id: String) async throws -> CRIContainerStatus {
    try await call {
      try await runtime.containerStatus(.with { $0.containerID = id })
    }.status
  }

  func containers(of pod: PodUID?) async throws -> [CRIContainer] {
    try await call {
      try await runtime.listContainers(
        .with { if let pod { $0.filter.labelSelector = [RuntimeLabel.podUID: pod.text] } })
    }.containers
  }

  func updateContainer(_ id: String, resources: CRILinuxContainerResources) async throws {
    _ = try await call {
      try await runtime.updateContainerResources(
        .with {
          $0.containerID = id
          $0.linux = resources
        })
    }
  }

  func reopenContainerLog(_ id: String) async throws {
    _ = try await call { try await runtime.reopenContainerLog(.with { $0.containerID = id }) }
  }
}

extension GRPCRuntimeService {
  func execSync(_ id: String, command: [String], timeout: Duration) async throws -> CRIExecSyncResponse {
    try await call(timeout == .zero ? Self.pullTimeout : timeout + .seconds(5)) {
      try await runtime.execSync(
        .with {
          $0.containerID = id
          $0.cmd = command
          $0.timeout = timeout.components.seconds
        })
    }
  }

  func exec(_ request: CRIExecRequest) async throws -> String {
    try await call { try await runtime.exec(request) }.url
  }

  func attach(_ request: CRIAttachRequest) async throws -> String {
    try await call { try await runtime.attach(request) }.url
  }

  func portForward(_ request: CRIPortForwardRequest) async throws -> String {
    try await call { try await runtime.portForward(request) }.url
  }

  func containerStats() async throws -> [CRIContainerStats] {
    try await call { try await runtime.listContainerStats(CRIListContainerStatsRequest()) }.stats
  }

  func podSandboxStats() async throws -> [CRIPodSandboxStats] {
    try await call { try await runtime.listPodSandboxStats(CRIListPodSandboxStatsRequest()) }.stats
  }

  func events(_ handle: @Sendable @escaping (CRIContainerEventResponse) async -> Void) async throws {
    try await call(nil) {
      try await runtime.getContainerEvents(CRIGetEventsRequest()) { response in
        for try await event in response.messages { await handle(event) }
      }
    }
  }

  func imageStatus(_ image: CRIImageSpec) async throws -> CRIImage? {
    let answer: CRIImageStatusResponse = try await call {
      try await imageService.imageStatus(.with { $0.image = image })
    }
    return answer.hasImage && !answer.image.id.isEmpty ? answer.image : nil
  }

  func pullImage(_ image: CRIImageSpec, auth: CRIAuthConfig?, sandbox: CRIPodSandboxConfig) async throws -> String {
    try await call(Self.pullTimeout) {
      try await imageService.pullImage(
        .with {
          $0.image = image
          if let auth { $0.auth = auth }
          $0.sandboxConfig = sandbox
        })
    }.imageRef
  }

  func images() async throws -> [CRIImage] {
    try await call { try await imageService.listImages(CRIListImagesRequest()) }.images
  }

  func removeImage(_ image: CRIImageSpec) async throws {
    _ = try await call { try await imageService.removeImage(.with { $0.image = image }) }
  }

  func imageFileSystems() async throws -> CRIImageFsInfoResponse {
    try await call { try await imageService.imageFsInfo(CRIImageFsInfoRequest()) }
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
