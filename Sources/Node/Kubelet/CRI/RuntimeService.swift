// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI

/// What the kubelet asks of a container runtime: CRI v1, a call a method.
///
/// Errors are `KubeletError`s with the code `runtime` or `notFound` and upstream's wording of an RPC error.
protocol RuntimeService: Sendable {
  func version() async throws -> CRIVersionResponse
  func status() async throws -> CRIStatusResponse
  func cgroupDriver() async throws -> CRICgroupDriver
  func setPodCIDR(_ cidr: String) async throws

  func runPodSandbox(_ config: CRIPodSandboxConfig, handler: String) async throws -> String
  func stopPodSandbox(_ id: String) async throws
  func removePodSandbox(_ id: String) async throws
  func podSandboxStatus(_ id: String) async throws -> CRIPodSandboxStatus
  /// The sandboxes of one pod, or all.
  func podSandboxes(of pod: PodUID?) async throws -> [CRIPodSandbox]

  func createContainer(
    in sandbox: String, config: CRIContainerConfig, sandboxConfig: CRIPodSandboxConfig
  ) async throws -> String
  func startContainer(_ id: String) async throws
  /// Asks a container to stop and kills it after the grace period.
  func stopContainer(_ id: String, grace: Duration) async throws
  func removeContainer(_ id: String) async throws
  func containerStatus(_ id: String) async throws -> CRIContainerStatus
  /// The containers of one pod, or all.
  func containers(of pod: PodUID?) async throws -> [CRIContainer]
  func updateContainer(_ id: String, resources: CRILinuxContainerResources) async throws
  func reopenContainerLog(_ id: String) async throws

  func execSync(_ id: String, command: [String], timeout: Duration) async throws -> CRIExecSyncResponse
  func exec(_ request: CRIExecRequest) async throws -> String
  func attach(_ request: CRIAttachRequest) async throws -> String
  func portForward(_ request: CRIPortForwardRequest) async throws -> String

  func containerStats() async throws -> [CRIContainerStats]
  func podSandboxStats() async throws -> [CRIPodSandboxStats]
  /// Calls `handle` for every event until the stream ends.
  func events(_ handle: @Sendable @escaping (CRIContainerEventResponse) async -> Void) async throws

  func imageStatus(_ image: CRIImageSpec) async throws -> CRIImage?
  func pullImage(_ image: CRIImageSpec, auth: CRIAuthConfig?, sandbox: CRIPodSandboxConfig) async throws -> String
  func images() async throws -> [CRIImage]
  func removeImage(_ image: CRIImageSpec) async throws
  func imageFileSystems() async throws -> CRIImageFsInfoResponse
}

/// Labels and annotations that upstream's kubelet puts on sandboxes and containers; with the same ones, either
/// kubelet adopts what the other has started.
enum RuntimeLabel {
  static let podName: String = "io.kubernetes.pod.name"
  static let podNamespace: String = "io.kubernetes.pod.namespace"
  static let podUID: String = "io.kubernetes.pod.uid"
  static let containerName: String = "io.kubernetes.container.name"
  static let hash: String = "io.kubernetes.container.hash"
  static let restartCount: String = "io.kubernetes.container.restartCount"
  static let terminationMessagePath: String = "io.kubernetes.container.terminationMessagePath"
  static let terminationMessagePolicy: String = "io.kubernetes.container.terminationMessagePolicy"
  static let podGracePeriod: String = "io.kubernetes.pod.terminationGracePeriod"
  static let podDeletionGracePeriod: String = "io.kubernetes.pod.deletionGracePeriod"
}
