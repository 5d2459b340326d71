// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import KubeValues

/// The classes of service.
enum QOSClass: String, Sendable {
  case guaranteed = "Guaranteed"
  case burstable = "Burstable"
  case bestEffort = "BestEffort"
}

extension Quantity {
  /// The amount; what cannot be read is nothing (the API server has refused it).
  var amount: ResourceQuantity { ResourceQuantity(string) ?? .zero }
}

/// Amounts by the name of the resource.
typealias ResourceAmounts = [String: ResourceQuantity]

extension ResourceRequirements {
  var requestAmounts: ResourceAmounts { requests.mapValues(\.amount) }
  var limitAmounts: ResourceAmounts { limits.mapValues(\.amount) }
}

extension Pod {
  /// The class of service (pods without any requests or limits for CPU and memory are BestEffort).
  var qosClass: QOSClass {
    if let known: QOSClass = QOSClass(rawValue: status.qosClass) { return known }
    var requests: ResourceAmounts = [:]
    var limits: ResourceAmounts = [:]
    var isGuaranteed: Bool = true
    let names: [String] = ["cpu", "memory"]
    for container: Container in spec.initContainers + spec.containers {
      for name: String in names {
        let request: ResourceQuantity? = container.resources.requests[name]?.amount
        let limit: ResourceQuantity? = container.resources.limits[name]?.amount
        if let request, !request.isZero { requests[name] = (requests[name] ?? .zero) + request }
        if let limit, !limit.isZero { limits[name] = (limits[name] ?? .zero) + limit } else { isGuaranteed = false }
      }
    }
    if requests.isEmpty && limits.isEmpty { return .bestEffort }
    if isGuaranteed && names.allSatisfy({ (requests[$0] ?? limits[$0]) == limits[$0] && limits[$0] != nil }) {
      return .guaranteed
    }
    return .burstable
  }

  /// What the pod as a whole asks for: the larger of what its ordinary containers and sidecars need together
  /// and what each init container needs with the sidecars before it; and the overhead.
  func totals(_ amounts: (Container) -> ResourceAmounts) -> ResourceAmounts {
    var running: ResourceAmounts = [:]
    for container: Container in spec.containers { running.add(amounts(container)) }
    var sidecars: ResourceAmounts = [:]
    var peak: ResourceAmounts = [:]
    for container: Container in spec.initContainers {
      var now: ResourceAmounts = sidecars
      now.add(amounts(container))
      if container.isSidecar { sidecars = now }
      peak.raise(to: now)
    }
    running.add(sidecars)
    running.raise(to: peak)
    running.add(spec.overhead.mapValues(\.amount))
    return running
  }

  var totalRequests: ResourceAmounts { totals { $0.resources.requestAmounts } }
  var totalLimits: ResourceAmounts { totals { $0.resources.limitAmounts } }
}

extension ResourceAmounts {
  mutating func add(_ other: ResourceAmounts) {
    for (name, amount) in other { self[name] = (self[name] ?? .zero) + amount }
  }
  mutating func raise(to other: ResourceAmounts) {
    for (name, amount) in other where (self[name] ?? .zero) < amount { self[name] = amount }
  }
}

/// How CPU and memory become settings of a control group.
enum CgroupShare {
  /// 100 ms, the period of CPU limits.
  static let period: Int64 = 100_000
  private static let quotaMin: Int64 = 1000
  private static let sharesMin: Int64 = 2
  private static let sharesMax: Int64 = 262_144

  /// The CPU weight of a request, in the shares of cgroup v1.
  static func shares(milliCPU: Int64) -> Int64 {
    milliCPU == 0 ? sharesMin : Swift.min(Swift.max(milliCPU * 1024 / 1000, sharesMin), sharesMax)
  }

  /// The run time in microseconds that a CPU limit gives in each period; 0 for no limit.
  static func quota(milliCPU: Int64) -> Int64 {
    milliCPU == 0 ? 0 : Swift.max(milliCPU * period / 1000, quotaMin)
  }

  /// How readily the kernel kills a container when memory is short.
  static func oomScoreAdjust(pod: Pod, container: Container, memoryCapacity: Int64) -> Int64 {
    if pod.isStatic || pod.spec.priority >= 2_000_000_000 { return -997 }
    switch pod.qosClass {
    case .guaranteed: return -997
    case .bestEffort: return 1000
    case .burstable: break
    }
    let request: Int64 = container.resources.requests["memory"]?.amount.value ?? 0
    let score: Int64 = 1000 - (1000 * request) / Swift.max(memoryCapacity, 1)
    // Burstable is between guaranteed and best effort, whatever its request.
    return Swift.min(Swift.max(score, 3), 999)
  }
}
