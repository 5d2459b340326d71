// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The address families of a Service: what follows from what the user said.
enum ServiceFamilies {
  /// Keeps clusterIP and clusterIPs in step.
  static func normalize(_ service: inout JSONValue, old: JSONValue?) {
    let address: String = service["spec"]["clusterIP"].plain
    let addresses: JSONValue = service["spec"]["clusterIPs"]
    guard let old else {
      if !address.isEmpty, addresses.isVoid { service["spec"]["clusterIPs"] = [.string(address)] }
      return
    }
    let oldAddress: String = old["spec"]["clusterIP"].plain
    // The user changed only the old-fashioned field.
    if address != oldAddress, addresses == old["spec"]["clusterIPs"] {
      service["spec"]["clusterIPs"] = address.isEmpty ? .null : [.string(address)]
    } else if address == oldAddress, addresses != old["spec"]["clusterIPs"], addresses.isVoid {
      service["spec"]["clusterIP"] = .null
    }
  }

  /// Sets ipFamilyPolicy and ipFamilies where the user did not.
  static func setDefaults(
    _ service: inout JSONValue, old: JSONValue?, families: [IPFamily]
  ) throws(ServiceAllocationError) {
    guard service["spec"]["type"].plain != "ExternalName" else { return }
    var old: JSONValue? = old
    if old?["spec"]["type"].plain == "ExternalName" { old = nil }
    if let old { trim(&service, old: old) }
    let errors: [FieldError] = ServiceValidation.clusterIPErrors(service)
    if !errors.isEmpty { throw .invalid(errors) }
    let addresses: [String] = service["spec"]["clusterIPs"].strings
    var known: [String] = service["spec"]["ipFamilies"].strings
    if addresses.first != "None" {
      for (place, text) in addresses.enumerated() where place >= known.count {
        if let family: IPFamily = IPAddress(text)?.family { known.append(family.description) }
      }
    }
    var policy: String = service["spec"]["ipFamilyPolicy"].plain
    let isHeadlessWithoutSelector: Bool = addresses.first == "None" && service["spec"]["selector"].isVoid
    if policy.isEmpty { policy = isHeadlessWithoutSelector ? "RequireDualStack" : "SingleStack" }
    if known.isEmpty, let first: IPFamily = families.first { known = [first.description] }
    let isDual: Bool = Set(families).count == 2
    if policy == "RequireDualStack", !isDual, !isHeadlessWithoutSelector {
      throw .invalid([
        .invalid(
          FieldPath("spec", "ipFamilyPolicy"), .string(policy),
          "this cluster is not configured for dual-stack services")
      ])
    }
    if !isHeadlessWithoutSelector {
      let missing: [FieldError] = known.enumerated().filter { item in
        !families.contains { $0.description == item.element }
      }.map { place, family in
        .invalid(
          FieldPath("spec", "ipFamilies").index(place), .string(family), "not configured on this cluster")
      }
      if !missing.isEmpty { throw .invalid(missing) }
    }
    if policy != "SingleStack", known.count == 1, isDual || isHeadlessWithoutSelector {
      known.append(known[0] == "IPv4" ? "IPv6" : "IPv4")
    }
    service["spec"]["ipFamilyPolicy"] = .string(policy)
    service["spec"]["ipFamilies"] = JSONValue(known)
  }

  /// A change to a single family lets go of the second address, unless the user changed those too.
  private static func trim(_ service: inout JSONValue, old: JSONValue) {
    guard service["spec"]["ipFamilyPolicy"].plain == "SingleStack",
      ["PreferDualStack", "RequireDualStack"].contains(old["spec"]["ipFamilyPolicy"].plain)
    else { return }
    for key: String in ["clusterIPs", "ipFamilies"]
    where service["spec"][key] == old["spec"][key] && service["spec"][key].items.count == 2 {
      service["spec"][key] = [service["spec"][key][0]]
    }
  }
}
