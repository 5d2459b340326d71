// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging
import SwiftProtobuf
import Synchronization

/// Keeps the node's object, its status and its lease.
final class NodeKeeper: Sendable {
  /// How often the runtime is asked while the node is not ready.
  private static let unreadyInterval: Duration = .milliseconds(200)
  /// A runtime that is silent for less is being started again, and the node stays ready; as upstream.
  private static let runtimePatience: Duration = .seconds(30)
  private static let leaseNamespace: String = "kube-node-lease"

  private struct State {
    var pressure: NodeStatusBuilder.Pressure = .init()
    var runtime: NodeStatusBuilder.RuntimeState?
    /// When the runtime last answered.
    var lastAnswer: ContinuousClock.Instant?
    var isReady: Bool = false
    var volumesInUse: [String] = []
    var podCIDR: String = ""
  }

  private let client: KubeClient
  private let runtime: any RuntimeService
  private let builder: NodeStatusBuilder
  private let logger: Logger
  private let state: Mutex<State> = Mutex(State())
  private let wake: WakeSignal = WakeSignal()
  /// Called with the object when the node is registered.
  private let registered: @Sendable (Node) async -> Void
  private let events: EventRecorder

  init(
    client: KubeClient, runtime: any RuntimeService, builder: NodeStatusBuilder, events: EventRecorder, logger: Logger,
    registered: @Sendable @escaping (Node) async -> Void
  ) {
    self.client = client
    self.runtime = runtime
    self.builder = builder
    self.events = events
    self.logger = logger
    self.registered = registered
  }

  /// Tells what the machine lacks.
  func set(pressure: NodeStatusBuilder.Pressure) {
    let isNews: Bool = state.withLock { state in
      defer { state.pressure = pressure }
      return state.pressure != pressure
    }
    if isNews { wake.raise() }
  }

  /// Something of the status has changed.
  func refresh() { wake.raise() }

  /// Registers the node and keeps status and lease until cancelled.
  func run() async throws {
    let node: Node = try await register()
    await registered(node)
    events.record(reference(node), .normal, reason: "Starting", message: "Starting kubelet.")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.keepLease(owner: node) }
      group.addTask { try await self.keepStatus(node) }
      try await group.next()
      group.cancelAll()
    }
  }

  /// As upstream refers to the node in events: by its name where the UID belongs.
  private func reference(_ node: Node) -> ObjectReference {
    .with {
      $0.kind = "Node"
      $0.name = node.metadata.name
      $0.uid = node.metadata.name
    }
  }

  // MARK: Registration

  private func register() async throws -> Node {
    var wait: Duration = .milliseconds(50)
    while true {
      do {
        return try await registerOnce()
      } catch {
        try Task.checkCancellation()
        logger.info("cannot register the node yet", metadata: ["error": "\(error)"])
      }
      try await Task.sleep(for: wait)
      wait = min(wait * 2, .seconds(2))
    }
  }

  private func registerOnce() async throws -> Node {
    let fresh: Node = builder.node(status: await currentStatus(of: NodeStatus()))
    if builder.configuration.registerNode {
      do {
        let node: Node = try await client.create(fresh)
        logger.info("node registered", metadata: ["node": "\(node.metadata.name)"])
        return node
      } catch {
        guard error.isAlreadyExists else { throw error }
        // It was here before: only what is this kubelet's is renewed.
      }
    }
    return try await client.modify(Node.self, name: builder.configuration.nodeName) { node in
      var changed: Bool = false
      for (name, value) in builder.labels where node.metadata.labels[name] != value {
        node.metadata.labels[name] = value
        changed = true
      }
      let annotation: String = "volumes.kubernetes.io/controller-managed-attach-detach"
      if node.metadata.annotations[annotation] == nil {
        node.metadata.annotations[annotation] = "true"
        changed = true
      }
      return changed
    }
  }

  // MARK: Status

  private func currentStatus(of old: NodeStatus) async -> NodeStatus {
    var runtimeState: NodeStatusBuilder.RuntimeState? = await askRuntime()
    state.withLock { state in
      if runtimeState != nil {
        state.lastAnswer = .now
      } else if let last: ContinuousClock.Instant = state.lastAnswer, .now - last < Self.runtimePatience {
        runtimeState = state.runtime
      }
    }
    let images: [CRIImage] = (try? await runtime.images()) ?? []
    let (pressure, volumes): (NodeStatusBuilder.Pressure, [String]) = state.withLock { ($0.pressure, $0.volumesInUse) }
    let status: NodeStatus = builder.status(
      from: old, runtime: runtimeState, images: images, pressure: pressure, volumesInUse: volumes, now: .now)
    state.withLock { state in
      state.runtime = runtimeState
      state.isReady = NodeStatusBuilder.problem(runtimeState) == nil
    }
    return status
  }

  private func askRuntime() async -> NodeStatusBuilder.RuntimeState? {
    do {
      let version: CRIVersionResponse = try await runtime.version()
      let status: CRIStatusResponse = try await runtime.status()
      return .init(
        name: version.runtimeName, version: version.runtimeVersion, conditions: status.status.conditions,
        handlers: status.runtimeHandlers, features: status.features)
    } catch {
      logger.debug("the container runtime does not answer", metadata: ["error": "\(error)"])
      return nil
    }
  }

  private func keepStatus(_ registered: Node) async throws {
    var node: Node = registered
    var lastWrite: ContinuousClock.Instant = .now
    var lastReady: String = node.condition("Ready")?.status ?? ""
    while true {
      let status: NodeStatus = await currentStatus(of: node.status)
      let age: Duration = .now - lastWrite
      if Self.differs(status, node.status) || age >= builder.configuration.nodeStatusReportFrequency {
        do {
          node = try await write(status, node)
          lastWrite = .now
          let ready: String = node.condition("Ready")?.status ?? ""
          if ready != lastReady {
            lastReady = ready
            let name: String = ready == "True" ? "NodeReady" : "NodeNotReady"
            events.record(
              reference(node), .normal, reason: name, message: "Node \(node.metadata.name) status is now: \(name)")
          }
        } catch {
          try Task.checkCancellation()
          logger.warning("cannot write the node's status", metadata: ["error": "\(error)"])
        }
      }
      try await passOnPodCIDR(&node)
      let isReady: Bool = state.withLock { $0.isReady }
      await wake.wait(until: .now + (isReady ? builder.configuration.nodeStatusUpdateFrequency : Self.unreadyInterval))
      try Task.checkCancellation()
      // Others write to it, too: resources of theirs can be given to pods once they are in the allocatable ones.
      if let present: Node = try? await client.get(Node.self, name: node.metadata.name) { node = present }
    }
  }

  /// Tells the runtime the node's pod network, once it is known: somebody allocates it after the registration.
  private func passOnPodCIDR(_ node: inout Node) async throws {
    guard state.withLock({ $0.podCIDR }).isEmpty else { return }
    do {
      if node.spec.podCidr.isEmpty { node = try await client.get(Node.self, name: node.metadata.name) }
      let cidr: String = node.spec.podCidrs.isEmpty ? node.spec.podCidr : node.spec.podCidrs.joined(separator: ",")
      guard !cidr.isEmpty else { return }
      try await runtime.setPodCIDR(cidr)
      state.withLock { $0.podCIDR = cidr }
      logger.info("pod network", metadata: ["cidr": "\(cidr)"])
    } catch {
      try Task.checkCancellation()
      logger.debug("cannot pass the pod network on", metadata: ["error": "\(error)"])
    }
  }

  private func write(_ status: NodeStatus, _ node: Node) async throws -> Node {
    var status: NodeStatus = status
    return try await client.modify(Node.self, name: node.metadata.name, subresource: "status") { object in
      // The attach controller writes what is attached; others write conditions of their own, and resources.
      builder.setResources(&status, keeping: object.status)
      status.volumesAttached = object.status.volumesAttached
      let ours: Set<String> = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]
      status.conditions =
        object.status.conditions.filter { !ours.contains($0.type) } + status.conditions.filter { ours.contains($0.type) }
      object.status = status
      return true
    }
  }

  /// Whether a status says more than that time has passed.
  private static func differs(_ left: NodeStatus, _ right: NodeStatus) -> Bool {
    func timeless(_ status: NodeStatus) -> NodeStatus {
      var status: NodeStatus = status
      status.volumesAttached = []
      status.conditions = status.conditions.map { condition in
        var condition: NodeCondition = condition
        condition.clearLastHeartbeatTime()
        return condition
      }.sorted { $0.type < $1.type }
      return status
    }
    return timeless(left) != timeless(right)
  }

  // MARK: Lease

  private func keepLease(owner: Node) async throws {
    let seconds: Int32 = builder.configuration.nodeLeaseDurationSeconds
    let interval: Duration = .seconds(Int64(seconds)) / 4
    var lease: Lease?
    while true {
      do {
        lease = try await renew(lease, owner, seconds)
      } catch {
        try Task.checkCancellation()
        logger.warning("cannot renew the node's lease", metadata: ["error": "\(error)"])
        lease = nil
        try await Task.sleep(for: .milliseconds(500))
        continue
      }
      try await Task.sleep(for: interval)
    }
  }

  private func renew(_ known: Lease?, _ owner: Node, _ seconds: Int32) async throws -> Lease {
    var lease: Lease
    if let known {
      lease = known
    } else {
      do {
        lease = try await client.get(Lease.self, namespace: Self.leaseNamespace, name: owner.metadata.name)
      } catch {
        guard error.isNotFound else { throw error }
        var fresh: Lease = Lease()
        fresh.metadata.name = owner.metadata.name
        fresh.metadata.namespace = Self.leaseNamespace
        fresh.metadata.ownerReferences = [
          .with {
            $0.apiVersion = "v1"
            $0.kind = "Node"
            $0.name = owner.metadata.name
            $0.uid = owner.metadata.uid
          }
        ]
        fresh.spec.holderIdentity = owner.metadata.name
        fresh.spec.leaseDurationSeconds = seconds
        fresh.spec.renewTime = MetaMicroTime(Timestamp.now)
        return try await client.create(fresh)
      }
    }
    lease.spec.holderIdentity = owner.metadata.name
    lease.spec.leaseDurationSeconds = seconds
    lease.spec.renewTime = MetaMicroTime(Timestamp.now)
    return try await client.update(lease)
  }
}
