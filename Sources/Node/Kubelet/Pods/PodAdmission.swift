// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeValues

/// Whether the node has room for a pod. The scheduler has looked already, but pods also come past it, with
/// `spec.nodeName` set by whoever made them. Pure.
struct PodAdmission: Sendable {
  /// Why a pod may not run here: `reason` heads the event and the status.
  struct Refusal: Sendable, Equatable {
    var reason: String
    var message: String
  }

  /// What the node has to give.
  var allocatable: ResourceAmounts
  /// The pods that run here already.
  var others: [Pod]

  func refusal(of pod: Pod) -> Refusal? {
    // What the node itself needs always runs.
    if pod.isCritical { return nil }
    return shortage(pod) ?? takenPort(pod)
  }

  private func shortage(_ pod: Pod) -> Refusal? {
    if let most: Int64 = allocatable["pods"]?.value, Int64(others.count) + 1 > most {
      return Self.outOf("pods", requested: 1, used: Int64(others.count), capacity: most)
    }
    for (name, request) in pod.totalRequests.sorted(by: { $0.key < $1.key }) where !request.isZero {
      let used: ResourceQuantity = others.reduce(.zero) { $0 + ($1.totalRequests[name] ?? .zero) }
      // A resource that the node does not know is somebody else's to give.
      guard let capacity: ResourceQuantity = allocatable[name], capacity < used + request else { continue }
      let isCPU: Bool = name == "cpu"
      func figure(_ amount: ResourceQuantity) -> Int64 { isCPU ? amount.milliValue : amount.value }
      return Self.outOf(name, requested: figure(request), used: figure(used), capacity: figure(capacity))
    }
    return nil
  }

  private static func outOf(_ name: String, requested: Int64, used: Int64, capacity: Int64) -> Refusal {
    Refusal(
      reason: "OutOf\(name)",
      message: "Node didn't have enough resource: \(name), requested: \(requested), used: \(used), capacity: \(capacity)")
  }

  private func takenPort(_ pod: Pod) -> Refusal? {
    let taken: [ContainerPort] = others.flatMap(Self.hostPorts)
    let isTaken: Bool = Self.hostPorts(pod).contains { wanted in taken.contains { Self.collide(wanted, $0) } }
    guard isTaken else { return nil }
    return Refusal(
      reason: "NodePorts", message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports")
  }

  private static func hostPorts(_ pod: Pod) -> [ContainerPort] {
    let lasting: [Container] = pod.spec.containers + pod.spec.initContainers.filter(\.isSidecar)
    return lasting.flatMap(\.ports).filter { $0.hostPort > 0 }
  }

  private static func collide(_ left: ContainerPort, _ right: ContainerPort) -> Bool {
    func netProtocol(_ port: ContainerPort) -> String { port.protocol.isEmpty ? "TCP" : port.protocol }
    func isAny(_ port: ContainerPort) -> Bool { ["", "0.0.0.0", "::"].contains(port.hostIp) }
    guard left.hostPort == right.hostPort, netProtocol(left) == netProtocol(right) else { return false }
    return isAny(left) || isAny(right) || left.hostIp == right.hostIp
  }
}
