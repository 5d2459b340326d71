// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON

/// What an APIService's condition `Available` says.
struct AvailabilityCondition: Sendable, Equatable {
  var status: String
  var reason: String
  var message: String

  static let local: AvailabilityCondition = AvailabilityCondition(
    status: "True", reason: "Local", message: "Local APIServices are always available")
  static let passed: AvailabilityCondition = AvailabilityCondition(
    status: "True", reason: "Passed", message: "all checks passed")

  static func missing(_ reason: String, _ message: String) -> AvailabilityCondition {
    AvailabilityCondition(status: "False", reason: reason, message: message)
  }

  /// What the Service and its endpoints say; nil where nothing speaks against asking the server itself.
  static func ofObjects(
    _ wanted: APIServiceEntry.Service, service: JSONValue?, slices: [JSONValue]
  ) -> AvailabilityCondition? {
    let shown: String = "service/\(wanted.name) in \(wanted.namespace.goQuoted)"
    guard let service else { return .missing("ServiceNotFound", "\(shown) is not present") }
    // Of other types it is not known where their connections go.
    guard service["spec"]["type"].string ?? "ClusterIP" == "ClusterIP" else { return nil }
    guard let port: JSONValue = service["spec"]["ports"].items.first(where: { $0["port"].int == Int64(wanted.port) }) else {
      return .missing("ServicePortError", "\(shown) is not listening on port \(wanted.port)")
    }
    if slices.isEmpty { return .missing("EndpointsNotFound", "cannot find endpointslices for \(shown)") }
    let name: String = port["name"].string ?? ""
    let isReady: Bool = slices.contains { slice in
      !ServiceResolver.ready(slice).isEmpty
        && slice["ports"].items.contains { ($0["name"].string ?? "") == name && !$0["port"].isNull }
    }
    guard isReady else {
      return .missing("MissingEndpoints", "endpointslices for \(shown) have no addresses with port name \(name.goQuoted)")
    }
    return nil
  }

  /// The conditions of an APIService with this one among them; nil where it is there already.
  func merged(into conditions: [JSONValue], now: String) -> [JSONValue]? {
    var wanted: JSONValue = [
      "type": "Available", "status": .string(status), "lastTransitionTime": .string(now), "reason": .string(reason),
      "message": .string(message),
    ]
    guard let place: Int = conditions.firstIndex(where: { $0["type"].string == "Available" }) else {
      return conditions + [wanted]
    }
    let present: JSONValue = conditions[place]
    if present["status"] == wanted["status"] { wanted["lastTransitionTime"] = present["lastTransitionTime"] }
    if wanted == present { return nil }
    var result: [JSONValue] = conditions
    result[place] = wanted
    return result
  }
}
