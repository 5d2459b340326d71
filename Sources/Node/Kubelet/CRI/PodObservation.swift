// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI

/// A container as the runtime has it.
struct ObservedContainer: Sendable, Equatable {
  var status: CRIContainerStatus
  var sandboxID: String

  var id: String { status.id }
  var name: String { status.metadata.name }
  var isRunning: Bool { status.state == .containerRunning }
  var isExited: Bool { status.state == .containerExited || status.state == .containerUnknown }
  /// How often the container had been started anew when this one was made.
  var restartCount: Int32 {
    status.annotations[RuntimeLabel.restartCount].flatMap { Int32($0) } ?? Int32(clamping: status.metadata.attempt)
  }
}

/// What the runtime has of one pod, newest first.
struct PodObservation: Sendable, Equatable {
  var sandboxes: [CRIPodSandboxStatus] = []
  var containers: [ObservedContainer] = []

  /// The sandbox in which containers can be started.
  var readySandbox: CRIPodSandboxStatus? {
    sandboxes.first.flatMap { $0.state == .sandboxReady ? $0 : nil }
  }
  var running: [ObservedContainer] { containers.filter { $0.isRunning || $0.status.state == .containerCreated } }
  var isEmpty: Bool { sandboxes.isEmpty && containers.isEmpty }

  /// The newest container of this name.
  func latest(_ name: String) -> ObservedContainer? { containers.first { $0.name == name } }
  /// The newest container of this name in one sandbox.
  func latest(_ name: String, in sandbox: String) -> ObservedContainer? {
    containers.first { $0.name == name && $0.sandboxID == sandbox }
  }
  /// The newest container of this name that has ended, other than the newest of all.
  func previous(_ name: String) -> ObservedContainer? {
    containers.filter { $0.name == name }.dropFirst().first { $0.isExited }
  }

  /// The addresses of the newest sandbox.
  var podIPs: [String] {
    guard let network: CRIPodSandboxNetworkStatus = readySandbox?.network, !network.ip.isEmpty else { return [] }
    return [network.ip] + network.additionalIps.map(\.ip)
  }
}

/// Reads what the runtime has of one pod, asking only for what can have changed.
struct PodObserver: Sendable {
  let uid: PodUID
  private var sandboxes: [String: CRIPodSandboxStatus] = [:]
  private var containers: [String: ObservedContainer] = [:]

  init(uid: PodUID) { self.uid = uid }

  /// What the runtime has now.
  ///
  /// A sandbox's addresses and a running or exited container's times never change, so that only what is new or
  /// has another state is asked for.
  mutating func observe(_ runtime: any RuntimeService) async throws -> PodObservation {
    async let sandboxList: [CRIPodSandbox] = runtime.podSandboxes(of: uid)
    async let containerList: [CRIContainer] = runtime.containers(of: uid)
    let (listedSandboxes, listedContainers): ([CRIPodSandbox], [CRIContainer]) = try await (sandboxList, containerList)
    var freshSandboxes: [String: CRIPodSandboxStatus] = [:]
    for sandbox: CRIPodSandbox in listedSandboxes {
      if let known: CRIPodSandboxStatus = sandboxes[sandbox.id], known.state == sandbox.state {
        freshSandboxes[sandbox.id] = known
      } else if let status = try await Self.unlessGone({ try await runtime.podSandboxStatus(sandbox.id) }) {
        freshSandboxes[sandbox.id] = status
      }
    }
    var freshContainers: [String: ObservedContainer] = [:]
    for container: CRIContainer in listedContainers {
      if let known: ObservedContainer = containers[container.id], known.status.state == container.state {
        freshContainers[container.id] = known
      } else if var status = try await Self.unlessGone({ try await runtime.containerStatus(container.id) }) {
        if status.state == .containerExited { status.message = TerminationMessage.read(status) }
        freshContainers[container.id] = ObservedContainer(status: status, sandboxID: container.podSandboxID)
      }
    }
    sandboxes = freshSandboxes
    containers = freshContainers
    return PodObservation(
      sandboxes: sandboxes.values.sorted { $0.createdAt > $1.createdAt },
      containers: containers.values.sorted { $0.status.createdAt > $1.status.createdAt })
  }

  private static func unlessGone<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value? {
    do {
      return try await body()
    } catch let error as KubeletError {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }
}
