// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// Where to listen, or whom to call.
public enum HTTPAddress: Sendable, Hashable, CustomStringConvertible {
  /// A host name or address and a port; port 0 lets the kernel choose when listening.
  case tcp(host: String, port: Int)
  /// A Unix socket.
  case unix(path: String)

  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix://\(path)"
    }
  }
}

/// The server's side of TLS. All material is PEM.
public struct HTTPServerTLS: Sendable {
  /// What to do with client certificates.
  public enum ClientCertificates: Sendable, Hashable {
    /// Not asked for.
    case none
    /// Asked for; when one is sent it must be valid under the client authority.
    case optional
    /// Asked for, and handed on with each request as it is: who serves the requests verifies it, and can answer one
    /// that has expired with words instead of a broken connection.
    case handedOn
    /// No connection without one.
    case required
  }

  /// The server's certificate, then its intermediates.
  public var certificateChainPEM: [UInt8]
  /// The key of the first certificate.
  public var privateKeyPEM: [UInt8]
  /// The authorities that client certificates must chain to.
  public var clientAuthoritiesPEM: [UInt8]?
  /// What to do with client certificates.
  public var clientCertificates: ClientCertificates

  /// Collects the material; it is parsed when the server starts.
  public init(
    certificateChainPEM: [UInt8], privateKeyPEM: [UInt8], clientAuthoritiesPEM: [UInt8]? = nil,
    clientCertificates: ClientCertificates = .none
  ) {
    self.certificateChainPEM = certificateChainPEM
    self.privateKeyPEM = privateKeyPEM
    self.clientAuthoritiesPEM = clientAuthoritiesPEM
    self.clientCertificates = clientCertificates
  }

  func makeContext(offersHTTP2: Bool) throws -> NIOSSLContext {
    do {
      let chain: [NIOSSLCertificate] = try NIOSSLCertificate.fromPEMBytes(certificateChainPEM)
      let key: NIOSSLPrivateKey = try NIOSSLPrivateKey(bytes: privateKeyPEM, format: .pem)
      var settings: TLSConfiguration = .makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      settings.minimumTLSVersion = .tlsv12
      settings.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
      switch clientCertificates {
      case .none: settings.certificateVerification = .none
      case .optional, .handedOn: settings.certificateVerification = .optionalVerification
      case .required: settings.certificateVerification = .noHostnameVerification
      }
      if let clientAuthoritiesPEM, clientCertificates != .none {
        settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(clientAuthoritiesPEM))
        settings.sendCANameList = false
      }
      return try NIOSSLContext(configuration: settings)
    } catch {
      throw HTTPServingError(.invalidConfiguration, "cannot use the serving certificate or its key: \(error)")
    }
  }
}

/// The client's side of TLS; made once and shared by all connections to a kind of peer.
public struct HTTPClientTLS: Sendable {
  let context: NIOSSLContext
  let serverName: String?

  /// Parses the material.
  ///
  /// - Parameters:
  ///   - trustRootsPEM: The authorities of the server; nil trusts the machine's own.
  ///   - certificateChainPEM: The client's certificate, if it shows one.
  ///   - privateKeyPEM: Its key.
  ///   - serverName: The name to verify and to send in place of the host called.
  ///   - verifiesServer: False accepts any certificate, as the API server does with kubelets by default.
  ///   - verifiesHostname: False accepts a valid certificate for another name.
  public init(
    trustRootsPEM: [UInt8]? = nil, certificateChainPEM: [UInt8]? = nil, privateKeyPEM: [UInt8]? = nil,
    serverName: String? = nil, verifiesServer: Bool = true, verifiesHostname: Bool = true
  ) throws {
    do {
      var settings: TLSConfiguration = .makeClientConfiguration()
      if let trustRootsPEM {
        settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(trustRootsPEM))
      }
      if let certificateChainPEM, let privateKeyPEM {
        settings.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificateChainPEM).map { .certificate($0) }
        settings.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: privateKeyPEM, format: .pem))
      }
      settings.certificateVerification =
        !verifiesServer ? .none : verifiesHostname ? .fullVerification : .noHostnameVerification
      settings.applicationProtocols = ["http/1.1"]
      context = try NIOSSLContext(configuration: settings)
      self.serverName = serverName
    } catch {
      throw HTTPServingError(.invalidConfiguration, "cannot use the client certificate or the authorities: \(error)")
    }
  }
}
