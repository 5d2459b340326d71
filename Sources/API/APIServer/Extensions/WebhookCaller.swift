// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import Foundation
import HTTPServing
import JSON
import NIOCore
import NIOHTTP1

/// Calls webhooks: by URL, or by a Service and its endpoints.
struct WebhookCaller: Sendable {
  private static let answerLimit: Int = 3 * 1024 * 1024

  let registry: ResourceRegistry

  /// Posts a review and returns the answer.
  ///
  /// - Throws: An error whose description says why there was no answer.
  func call(_ client: JSONValue, _ review: JSONValue, timeout: Duration, what: String) async throws -> JSONValue {
    let (address, path, name): (HTTPAddress, String, String) = try await target(client)
    let authority: [UInt8]? = client["caBundle"].string.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
    let tls: HTTPClientTLS = try HTTPClientTLS(
      trustRootsPEM: authority?.isEmpty == false ? authority : nil, serverName: name, verifiesHostname: true)
    let body: [UInt8] = review.bytes
    let request: HTTPClientRequest = HTTPClientRequest(
      method: "POST", target: path,
      headers: [
        "host": name, "content-type": "application/json", "accept": "application/json",
        "content-length": String(body.count), "user-agent": "kube-apiserver-admission",
      ], body: HTTPBody(ByteBuffer(bytes: body)))
    return try await withThrowingTaskGroup(of: JSONValue.self) { group in
      group.addTask {
        let answer: HTTPClientResponse = try await UpgradeClient.connect(
          to: address, tls: tls, request: request, connectTimeout: timeout)
        let bytes: [UInt8] = Array(buffer: try await answer.body.collect(upTo: Self.answerLimit))
        guard answer.status == .ok else {
          throw HTTPServingError(.protocolViolation, "the server rejected our request with status \(answer.status.code)")
        }
        return try JSONValue(parsing: bytes)
      }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw HTTPServingError(.timeout, "context deadline exceeded")
      }
      defer { group.cancelAll() }
      guard let answer: JSONValue = try await group.next() else { throw CancellationError() }
      return answer
    }
  }

  private func target(_ client: JSONValue) async throws -> (HTTPAddress, String, String) {
    if let text: String = client["url"].string {
      guard let url: URLComponents = URLComponents(string: text), let host: String = url.host else {
        throw HTTPServingError(.invalidConfiguration, "invalid webhook URL \(text)")
      }
      var path: String = url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath
      if let query: String = url.percentEncodedQuery { path += "?\(query)" }
      return (.tcp(host: host, port: url.port ?? 443), path, host)
    }
    let service: JSONValue = client["service"]
    let namespace: String = service["namespace"].string ?? ""
    let name: String = service["name"].string ?? ""
    let port: Int64 = service["port"].int ?? 443
    let path: String = service["path"].string ?? "/"
    guard let object: JSONValue = try await registry.storage("", "services")?.object(namespace: namespace, name: name) else {
      throw HTTPServingError(.connectFailed, "service \(name.goQuoted) not found")
    }
    let address: HTTPAddress = try await endpoint(object, port)
    return (address, path.hasPrefix("/") ? path : "/" + path, "\(name).\(namespace).svc")
  }

  /// A ready endpoint of a Service: the server may not be on the Service network.
  private func endpoint(_ service: JSONValue, _ port: Int64) async throws -> HTTPAddress {
    let name: String = service.objectName
    guard let wanted: JSONValue = service["spec"]["ports"].items.first(where: { $0["port"].int == port }) else {
      throw HTTPServingError(.connectFailed, "no service port \(port) found for service \(name.goQuoted)")
    }
    guard let slices: ObjectStorage = registry.storage("discovery.k8s.io", "endpointslices") else {
      throw HTTPServingError(.connectFailed, "no endpoints available for service \(name.goQuoted)")
    }
    for object: CachedObject in try await slices.list(ListRequest(namespace: service.objectNamespace)).objects
    where object.labels["kubernetes.io/service-name"] == name {
      let slice: JSONValue = try ObjectStorage.tree(object)
      let target: Int64? = slice["ports"].items.first { ($0["name"].string ?? "") == (wanted["name"].string ?? "") }?["port"].int
      let ready: [String] = slice["endpoints"].items.filter { $0["conditions"]["ready"].bool != false }.flatMap {
        $0["addresses"].stringItems
      }
      if let target, let address: String = ready.randomElement() { return .tcp(host: address, port: Int(target)) }
    }
    throw HTTPServingError(.connectFailed, "no endpoints available for service \(name.goQuoted)")
  }
}
