// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Foundation
import HTTPServing
import JSON

/// An APIService as the server works with it: who serves a group-version, and where it stands among the others.
struct APIServiceEntry: Sendable {
  /// The Service behind which the other server is.
  struct Service: Sendable, Hashable {
    var namespace: String
    var name: String
    var port: Int

    /// The name that the other server's certificate must have.
    var serverName: String { "\(name).\(namespace).svc" }
  }

  let name: String
  let groupVersion: GroupVersion
  let groupPriority: Int64
  let versionPriority: Int64
  /// nil where this server serves the group-version itself.
  let service: Service?
  let isAvailable: Bool
  /// How to call the other server; its failure is told to whoever calls.
  let tls: Result<HTTPClientTLS, HTTPServingError>?

  /// - Parameter identity: What this server shows to others, certificate and key in PEM.
  init(_ object: JSONValue, identity: (certificate: [UInt8], key: [UInt8])?) {
    let spec: JSONValue = object["spec"]
    name = object.objectName
    groupVersion = GroupVersion(spec["group"].string ?? "", spec["version"].string ?? "")
    groupPriority = spec["groupPriorityMinimum"].int ?? 0
    versionPriority = spec["versionPriority"].int ?? 0
    isAvailable = object["status"]["conditions"].items.contains {
      $0["type"].string == "Available" && $0["status"].string == "True"
    }
    guard spec["service"].object != nil else {
      service = nil
      tls = nil
      return
    }
    let service: Service = Service(
      namespace: spec["service"]["namespace"].string ?? "", name: spec["service"]["name"].string ?? "",
      port: Int(spec["service"]["port"].int ?? 443))
    self.service = service
    let authority: [UInt8]? = spec["caBundle"].string.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
    do throws(HTTPServingError) {
      tls = .success(
        try Self.tls(authority, identity, service, verifies: spec["insecureSkipTLSVerify"].bool != true))
    } catch {
      tls = .failure(error)
    }
  }

  private static func tls(
    _ authority: [UInt8]?, _ identity: (certificate: [UInt8], key: [UInt8])?, _ service: Service, verifies: Bool
  ) throws(HTTPServingError) -> HTTPClientTLS {
    do {
      return try HTTPClientTLS(
        trustRootsPEM: authority?.isEmpty == false ? authority : nil, certificateChainPEM: identity?.certificate,
        privateKeyPEM: identity?.key, serverName: service.serverName, verifiesServer: verifies)
    } catch {
      throw (error as? HTTPServingError) ?? HTTPServingError(.invalidConfiguration, "\(error)")
    }
  }
}
