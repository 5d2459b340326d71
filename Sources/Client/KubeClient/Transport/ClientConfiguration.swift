// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import JSON
import YAML

/// How the API server is reached, and as whom.
public struct ClientConfiguration: Sendable {
  /// The server's address, as in `https://10.0.0.1:6443`, without a slash at the end.
  public var server: String
  /// The certificates of authorities that may have signed the server's, in PEM; nil means the system's.
  public var certificateAuthorityPEM: [UInt8]?
  /// The client's certificate chain in PEM.
  public var clientCertificatePEM: [UInt8]?
  /// The client's private key in PEM.
  public var clientKeyPEM: [UInt8]?
  /// A bearer token.
  public var token: String?
  /// A file with a bearer token; it is read again every minute, because such tokens are renewed.
  public var tokenFile: String?
  /// The name that the server's certificate must have, where it is not the one of the address.
  public var tlsServerName: String?
  /// Whether the server's certificate is not verified.
  public var skipsServerVerification: Bool = false
  /// The namespace that the kubeconfig's context names.
  public var namespace: String?
  /// The user to act as.
  public var impersonatedUser: String?
  /// What the client calls itself.
  public var userAgent: String = "apus"
  /// Whether HTTP/2 is offered; otherwise every running request has an HTTP/1.1 connection of its own.
  public var usesHTTP2: Bool = true

  /// A server without any credentials.
  public init(server: String) {
    self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
  }

  /// Reads the kubeconfig file at a path.
  public init(kubeconfig path: String, context: String? = nil) throws(KubeClientError) {
    let text: String = String(decoding: try Self.read(path), as: UTF8.self)
    let document: JSONValue
    do {
      document = try YAML.document(text)
    } catch {
      throw KubeClientError(.invalidConfiguration, "cannot read the kubeconfig \(path)", cause: error)
    }
    let folder: String = path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : "."
    try self.init(kubeconfigDocument: document, folder: folder, context: context, origin: path)
  }

  /// Understands a kubeconfig; relative file names count from the folder.
  public init(
    kubeconfigDocument document: JSONValue, folder: String = ".", context: String? = nil, origin: String = "kubeconfig"
  ) throws(KubeClientError) {
    func named(_ list: String, _ name: String) -> JSONValue? {
      document[list].items.first { $0["name"].string == name }
    }
    func file(_ value: JSONValue, _ name: String) throws(KubeClientError) -> [UInt8]? {
      if let data: String = value["\(name)-data"].string, !data.isEmpty {
        guard let bytes: Data = Data(base64Encoded: data.filter { !$0.isWhitespace }) else {
          throw KubeClientError(.invalidConfiguration, "\(origin): \(name)-data is not base64")
        }
        return Array(bytes)
      }
      guard let path: String = value[name].string, !path.isEmpty else { return nil }
      return try Self.read(path.hasPrefix("/") ? path : "\(folder)/\(path)")
    }
    let contextName: String = context ?? document["current-context"].string ?? ""
    guard let chosen: JSONValue = named("contexts", contextName)?["context"] else {
      throw KubeClientError(.invalidConfiguration, "\(origin): there is no context \"\(contextName)\"")
    }
    let clusterName: String = chosen["cluster"].string ?? ""
    guard let cluster: JSONValue = named("clusters", clusterName)?["cluster"],
      let server: String = cluster["server"].string
    else {
      throw KubeClientError(.invalidConfiguration, "\(origin): there is no cluster \"\(clusterName)\" with a server")
    }
    let user: JSONValue = chosen["user"].string.flatMap { named("users", $0)?["user"] } ?? .null
    self.init(server: server)
    certificateAuthorityPEM = try file(cluster, "certificate-authority")
    skipsServerVerification = cluster["insecure-skip-tls-verify"].bool ?? false
    tlsServerName = cluster["tls-server-name"].string
    clientCertificatePEM = try file(user, "client-certificate")
    clientKeyPEM = try file(user, "client-key")
    token = user["token"].string
    if let path: String = user["tokenFile"].string { tokenFile = path.hasPrefix("/") ? path : "\(folder)/\(path)" }
    impersonatedUser = user["as"].string
    namespace = chosen["namespace"].string
  }

  /// The configuration of a pod: its service account's token and the address in the environment.
  public static func inCluster(
    environment: [String: String]? = nil,
    folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
  ) throws(KubeClientError) -> ClientConfiguration {
    let environment: [String: String] = environment ?? ProcessInfo.processInfo.environment
    guard let host: String = environment["KUBERNETES_SERVICE_HOST"],
      let port: String = environment["KUBERNETES_SERVICE_PORT"]
    else {
      throw KubeClientError(
        .invalidConfiguration,
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
          + "KUBERNETES_SERVICE_PORT must be defined")
    }
    var result: ClientConfiguration = ClientConfiguration(
      server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)")
    result.tokenFile = "\(folder)/token"
    result.certificateAuthorityPEM = try read("\(folder)/ca.crt")
    if let bytes: [UInt8] = try? read("\(folder)/namespace") {  // a pod may mount the token alone
      result.namespace = String(decoding: bytes, as: UTF8.self)
    }
    return result
  }

  static func read(_ path: String) throws(KubeClientError) -> [UInt8] {
    do {
      return Array(try Data(contentsOf: URL(filePath: path)))
    } catch {
      throw KubeClientError(.invalidConfiguration, "cannot read \(path)", cause: error)
    }
  }
}

extension ClientConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The server alone: keys and tokens must not come into logs.
  public var description: String { "ClientConfiguration(server: \(server))" }
  /// As `description`.
  public var debugDescription: String { description }
  /// What may be logged.
  public var customMirror: Mirror { Mirror(self, children: ["server": server]) }
}
