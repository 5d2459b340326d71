// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import HTTPServing
import JSON

/// Finds where a Service's connections go: one of its ready endpoints, as this server need not be on the Service
/// network.
struct ServiceResolver: Sendable {
  let registry: ResourceRegistry

  /// - Throws: What is missing, in words for whoever asked.
  func address(_ wanted: APIServiceEntry.Service) async throws -> HTTPAddress {
    guard
      let service: JSONValue = try await registry.storage("", "services")?.object(
        namespace: wanted.namespace, name: wanted.name)
    else { throw HTTPServingError(.connectFailed, "service \(wanted.name.goQuoted) not found") }
    if service["spec"]["type"].string == "ExternalName" {
      return .tcp(host: service["spec"]["externalName"].string ?? "", port: wanted.port)
    }
    guard let port: JSONValue = service["spec"]["ports"].items.first(where: { $0["port"].int == Int64(wanted.port) }) else {
      throw HTTPServingError(
        .connectFailed, "no service port \(wanted.port) found for service \(wanted.name.goQuoted)")
    }
    let name: String = port["name"].string ?? ""
    for slice: JSONValue in try await slices(wanted).shuffled() {
      let target: Int64? = slice["ports"].items.first { ($0["name"].string ?? "") == name }?["port"].int
      let ready: [String] = Self.ready(slice).flatMap { $0["addresses"].stringItems }
      if let target, let address: String = ready.randomElement() { return .tcp(host: address, port: Int(target)) }
    }
    throw HTTPServingError(.connectFailed, "no endpoints available for service \(wanted.name.goQuoted)")
  }

  /// The EndpointSlices of a Service.
  func slices(_ service: APIServiceEntry.Service) async throws -> [JSONValue] {
    guard let storage: ObjectStorage = registry.storage("discovery.k8s.io", "endpointslices") else { return [] }
    return try await storage.list(ListRequest(namespace: service.namespace)).objects
      .filter { $0.labels["kubernetes.io/service-name"] == service.name }.map { try ObjectStorage.tree($0) }
  }

  /// The endpoints of a slice that take connections.
  static func ready(_ slice: JSONValue) -> [JSONValue] {
    slice["endpoints"].items.filter { $0["conditions"]["ready"].bool != false }
  }
}
