// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The fields of a Service that follow from the cluster: families and policy of its addresses.
enum ServiceFields {
  /// Keeps what was allocated when an update leaves it out.
  static func carryOver(_ object: inout JSONValue, old: JSONValue) {
    func hasAddress(_ service: JSONValue) -> Bool { (service["spec"]["type"].string ?? "ClusterIP") != "ExternalName" }
    func hasPorts(_ service: JSONValue) -> Bool {
      ["NodePort", "LoadBalancer"].contains(service["spec"]["type"].string ?? "")
    }
    if hasAddress(object), hasAddress(old) {
      if (object["spec"]["clusterIP"].string ?? "").isEmpty { object["spec"]["clusterIP"] = old["spec"]["clusterIP"] }
      if object["spec"]["clusterIPs"].items.isEmpty, object["spec"]["clusterIP"] == old["spec"]["clusterIP"] {
        object["spec"]["clusterIPs"] = old["spec"]["clusterIPs"]
      }
      if object["spec"]["ipFamilies"].items.isEmpty { object["spec"]["ipFamilies"] = old["spec"]["ipFamilies"] }
      if object["spec"]["ipFamilyPolicy"].isNull { object["spec"]["ipFamilyPolicy"] = old["spec"]["ipFamilyPolicy"] }
    }
    if hasPorts(object), hasPorts(old) {
      for index: Int in object["spec"]["ports"].items.indices where (object["spec"]["ports"][index]["nodePort"].int ?? 0) == 0 {
        let port: JSONValue = object["spec"]["ports"][index]
        let twin: JSONValue? = old["spec"]["ports"].items.first {
          $0["port"] == port["port"] && $0["protocol"] == port["protocol"]
        }
        if let number: Int64 = twin?["nodePort"].int, number != 0 { object["spec"]["ports"][index]["nodePort"] = .int(number) }
      }
      if object["spec"]["healthCheckNodePort"].isNull, object["spec"]["externalTrafficPolicy"].string == "Local" {
        object["spec"]["healthCheckNodePort"] = old["spec"]["healthCheckNodePort"]
      }
    }
  }

  /// Fills in ipFamilies and ipFamilyPolicy; upstream's initIPFamilyFields.
  static func setFamilies(_ object: inout JSONValue, families: [IPFamily]) -> [FieldError] {
    guard (object["spec"]["type"].string ?? "ClusterIP") != "ExternalName" else { return [] }
    var addresses: [String] = object["spec"]["clusterIPs"].stringItems
    if addresses.isEmpty, let one: String = object["spec"]["clusterIP"].string, !one.isEmpty { addresses = [one] }
    var chosen: [String] = object["spec"]["ipFamilies"].stringItems
    var policy: String? = object["spec"]["ipFamilyPolicy"].string
    let own: [String] = families.map(\.description)
    var errors: [FieldError] = []
    if policy == "SingleStack" {
      if chosen.count > 1, addresses.count > 1 { chosen = [chosen[0]] }
      if addresses.count > 1 {
        addresses = [addresses[0]]
        object["spec"]["clusterIPs"] = JSONValue(addresses)
      }
      if chosen.count > 1 { chosen = [chosen[0]] }
    }
    for (index, text) in addresses.enumerated() {
      guard let address: IPAddress = IPAddress(text) else { break }
      let family: String = address.family.description
      if index >= chosen.count {
        chosen.append(family)
      } else if chosen[index] != family {
        errors.append(
          .invalid(
            FieldPath("spec", "ipFamilies").index(index), .string(chosen[index]),
            "expected \(family.goQuoted) to match `\(FieldPath("spec", "clusterIPs").index(index))`"))
      }
    }
    for (index, family) in chosen.enumerated() where !own.contains(family) {
      errors.append(
        .invalid(FieldPath("spec", "ipFamilies").index(index), .string(family), "not configured on this cluster"))
    }
    if !errors.isEmpty { return errors }
    let isSelectorless: Bool = (object["spec"]["selector"].object?.isEmpty ?? true) && addresses.first == "None"
    if isSelectorless {
      if policy == nil { policy = "RequireDualStack" }
      if policy != "SingleStack" {
        if chosen.isEmpty { chosen = [own.first ?? "IPv4"] }
        if chosen.count == 1 { chosen.append(chosen[0] == "IPv4" ? "IPv6" : "IPv4") }
      }
    } else {
      if policy == nil { policy = addresses.count == 2 || chosen.count == 2 ? "RequireDualStack" : "SingleStack" }
      if policy == "RequireDualStack", own.count < 2 {
        return [
          .invalid("spec.ipFamilyPolicy", JSONValue(policy), "this cluster is not configured for dual-stack services")
        ]
      }
    }
    if chosen.isEmpty { chosen = [own.first ?? "IPv4"] }
    if policy != "SingleStack", chosen.count == 1, let other: String = own.first(where: { $0 != chosen[0] }) {
      chosen.append(other)
    }
    object["spec"]["ipFamilies"] = JSONValue(chosen)
    object["spec"]["ipFamilyPolicy"] = JSONValue(policy)
    return []
  }
}
