// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Warnings about the ports of a pod's containers, which share an address.
enum PortWarnings {
  private struct Known {
    let path: FieldPath
    let hostPort: Int64
    let hostAddress: String
  }

  static func warnings(_ containers: [(JSONValue, FieldPath)]) -> [String] {
    var warnings: [String] = []
    var known: [String: [Known]] = [:]
    var names: [String: FieldPath] = [:]
    var nameWarnings: [String] = []
    for (container, path) in containers where container["ports"].isThere {
      for (place, port) in container["ports"].items.enumerated() {
        let own: Known = Known(
          path: path.child("ports").index(place), hostPort: port["hostPort"].int ?? 0, hostAddress: port["hostIP"].plain)
        if !own.hostAddress.isEmpty, own.hostPort == 0 {
          warnings.append("\(own.path): hostIP set without hostPort: \(shown(port))")
        }
        let key: String = "\(port["containerPort"].int ?? 0)/\(port["protocol"].plain)"
        for other: Known in known[key] ?? [] {
          if let relation: String = relation(own, other) {
            warnings.append("\(own.path): \(relation) port definition with \(other.path)")
          }
        }
        known[key, default: []].append(own)
        let name: String = port["name"].plain
        guard !name.isEmpty else { continue }
        if let other: FieldPath = names[name] {
          nameWarnings.append(
            "\(own.path): duplicate port name \(name.goQuoted) with \(other), services and probes that select ports by "
              + "name will use \(other)")
        } else {
          names[name] = own.path
        }
      }
    }
    return warnings + nameWarnings
  }

  private static func relation(_ own: Known, _ other: Known) -> String? {
    if own.hostAddress == other.hostAddress, own.hostPort == other.hostPort { return "duplicate" }
    if own.hostPort == 0 || other.hostPort == 0 { return "overlapping" }
    return own.hostPort == other.hostPort && own.hostAddress.isEmpty != other.hostAddress.isEmpty
      ? "dangerously ambiguous" : nil
  }

  /// A port as Go prints its structure.
  private static func shown(_ port: JSONValue) -> String {
    "{Name:\(port["name"].plain) HostPort:\(port["hostPort"].int ?? 0) ContainerPort:\(port["containerPort"].int ?? 0) "
      + "Protocol:\(port["protocol"].plain) HostIP:\(port["hostIP"].plain)}"
  }
}
