// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import Addresses
import HTTPServing
import JSON

/// How to reach the kubelets: address, port and certificate.
final class KubeletConnections: Sendable {
  private static let usualPort: Int = 10250

  private let nodes: ObjectStorage?
  private let tls: HTTPClientTLS
  private let addressTypes: [String]

  init(_ configuration: APIServerConfiguration, registry: ResourceRegistry) throws {
    nodes = registry.storage("", "nodes")
    addressTypes = configuration.kubeletAddressTypes
    tls = try HTTPClientTLS(
      trustRootsPEM: configuration.kubeletCA, certificateChainPEM: configuration.kubeletClientCertificate,
      privateKeyPEM: configuration.kubeletClientKey, verifiesServer: configuration.kubeletCA != nil)
  }

  /// The kubelet of a node.
  ///
  /// - Throws: 404 where the node is not there, 500 where it has told no address.
  func target(_ name: String) async throws -> ProxyTarget {
    guard let node: JSONValue = try await nodes?.object(namespace: "", name: name) else {
      throw StatusError.notFound(GroupResource("", "nodes"), name)
    }
    let addresses: [JSONValue] = node["status"]["addresses"].items
    for type: String in addressTypes {
      guard let address: String = addresses.first(where: { $0["type"].string == type })?["address"].string else { continue }
      // A host name that only the node knows is of no use here.
      if IPAddress(address) == nil, let plain: String = addresses.first(where: { $0["type"].string == "InternalIP" })?["address"].string {
        return ProxyTarget(address: .tcp(host: plain, port: port(node)), tls: tls, hostHeader: plain)
      }
      return ProxyTarget(address: .tcp(host: address, port: port(node)), tls: tls, hostHeader: address)
    }
    throw StatusError.internalError("no preferred addresses found; known addresses: []")
  }

  private func port(_ node: JSONValue) -> Int {
    let port: Int = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].int.map { Int($0) } ?? 0
    return port > 0 ? port : Self.usualPort
  }
}

/// Another server that a request is passed to.
struct ProxyTarget: Sendable {
  var address: HTTPAddress
  var tls: HTTPClientTLS?
  var hostHeader: String
}
