// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import KubeValues

/// The fields of a pod that its containers can be told: by variables and by downward API volumes.
struct DownwardFields: Sendable {
  let pod: Pod
  let nodeName: String
  let podIPs: [String]
  let hostIPs: [String]
  /// What the node has for pods: the limit of a container that has none.
  let allocatable: ResourceAmounts

  /// The text of a field; labels and annotations as a whole only in volumes.
  func value(_ path: String, allowsMaps: Bool = false) throws -> String {
    switch path {
    case "metadata.name": return pod.metadata.name
    case "metadata.namespace": return pod.metadata.namespace
    case "metadata.uid": return pod.metadata.uid
    case "spec.nodeName": return nodeName
    case "spec.serviceAccountName": return pod.spec.serviceAccountName
    case "status.hostIP": return hostIPs.first ?? ""
    case "status.hostIPs": return hostIPs.joined(separator: ",")
    case "status.podIP": return podIPs.first ?? ""
    case "status.podIPs": return podIPs.joined(separator: ",")
    case "metadata.labels" where allowsMaps: return Self.lines(pod.metadata.labels)
    case "metadata.annotations" where allowsMaps: return Self.lines(pod.metadata.annotations)
    default: break
    }
    if let key: String = Self.key(path, "metadata.labels") { return pod.metadata.labels[key] ?? "" }
    if let key: String = Self.key(path, "metadata.annotations") { return pod.metadata.annotations[key] ?? "" }
    throw KubeletError(.configuration, "unsupported fieldPath: \(path)")
  }

  /// The text of a container's request or limit, divided and rounded up.
  func resource(_ selector: ResourceFieldSelector, container: Container?) throws -> String {
    let named: Container? =
      selector.containerName.isEmpty ? container : pod.role(named: selector.containerName)?.container
    guard let target: Container = named else {
      throw KubeletError(.configuration, "container \(selector.containerName) not found")
    }
    let parts: [Substring] = selector.resource.split(separator: ".", maxSplits: 1)
    guard parts.count == 2 else {
      throw KubeletError(.configuration, "unsupported container resource: \(selector.resource)")
    }
    let name: String = String(parts[1])
    let amount: ResourceQuantity
    switch parts[0] {
    case "limits":
      let limit: ResourceQuantity = target.resources.limits[name]?.amount ?? .zero
      amount = limit.isZero ? allocatable[name] ?? .zero : limit
    case "requests": amount = target.resources.requests[name]?.amount ?? .zero
    default: throw KubeletError(.configuration, "unsupported container resource: \(selector.resource)")
    }
    let isCPU: Bool = name == "cpu"
    let divisor: ResourceQuantity = selector.hasDivisor ? selector.divisor.amount : .zero
    let unit: Int64 = isCPU ? (divisor.isZero ? 1000 : divisor.milliValue) : (divisor.isZero ? 1 : divisor.value)
    let value: Int64 = isCPU ? amount.milliValue : amount.value
    return String((value + max(unit, 1) - 1) / max(unit, 1))
  }

  private static func key(_ path: String, _ prefix: String) -> String? {
    guard path.hasPrefix("\(prefix)['"), path.hasSuffix("']") else { return nil }
    return String(path.dropFirst(prefix.count + 2).dropLast(2))
  }

  /// `key="value"` lines, sorted by key, with Go's quoting.
  private static func lines(_ map: [String: String]) -> String {
    map.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted($0.value))" }.joined(separator: "\n")
  }

  static func quoted(_ text: String) -> String {
    var result: String = "\""
    for scalar: Unicode.Scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
