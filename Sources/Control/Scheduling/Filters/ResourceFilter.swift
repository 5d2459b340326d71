// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// NodeResourcesFit: whether what the pod asks for is free on the node.
enum ResourceFilter {
  static func reject(_ pod: PodInfo, _ node: NodeInfo) -> Rejection? {
    var reasons: [String] = []
    // More than the whole node has cannot be made free by removing pods.
    var isResolvable: Bool = true
    func check(_ name: String, _ asked: Int64, _ used: Int64, _ whole: Int64) {
      guard asked > 0, asked > whole - used else { return }
      reasons.append("Insufficient \(name)")
      if asked > whole { isResolvable = false }
    }
    if node.pods.count + 1 > node.podsMax { reasons.append("Too many pods") }
    let asked: Resources = pod.requests
    check("cpu", asked.milliCPU, node.requested.milliCPU, node.allocatable.milliCPU)
    check("memory", asked.memory, node.requested.memory, node.allocatable.memory)
    check(
      "ephemeral-storage", asked.ephemeralStorage, node.requested.ephemeralStorage, node.allocatable.ephemeralStorage)
    if !asked.scalars.isEmpty {
      for (name, amount) in asked.scalars.sorted(by: { $0.key < $1.key }) {
        check(name, amount, node.requested.scalars[name] ?? 0, node.allocatable.scalars[name] ?? 0)
      }
    }
    return reasons.isEmpty ? nil : Rejection(reasons, isResolvable: isResolvable)
  }
}
