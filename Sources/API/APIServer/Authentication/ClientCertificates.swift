// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SwiftASN1
import Synchronization
import X509

/// Reads client certificates: the common name is the user, the organizations are the groups.
///
/// TLS has verified the chain already; which of the authorities issued a certificate is found here.
final class ClientCertificates: Sendable {
  struct Known: Sendable {
    var user: UserInfo?
    var commonName: String = ""
    var isClient: Bool = false
    var isFrontProxy: Bool = false
  }

  /// So many certificates are remembered; a machine's clients are far fewer.
  private static let limit: Int = 4096

  private let clientAuthorities: [Certificate]
  private let proxyAuthorities: [Certificate]
  private let known: Mutex<[[UInt8]: Known]> = Mutex([:])

  init(clientCA: [UInt8]?, requestHeaderCA: [UInt8]?) throws {
    clientAuthorities = try Self.authorities(clientCA, "--client-ca-file")
    proxyAuthorities = try Self.authorities(requestHeaderCA, "--requestheader-client-ca-file")
  }

  private static func authorities(_ pem: [UInt8]?, _ flag: String) throws -> [Certificate] {
    guard let pem else { return [] }
    do {
      return try PEMDocument.parseMultiple(pemString: String(decoding: pem, as: UTF8.self)).map {
        try Certificate(pemDocument: $0)
      }
    } catch { throw APIServerError(.invalidConfiguration, "\(flag): no certificates in it: \(error)") }
  }

  func read(_ der: [UInt8]) -> Known {
    if let found: Known = known.withLock({ $0[der] }) { return found }
    let fresh: Known = parse(der)
    known.withLock { known in
      if known.count >= Self.limit { known.removeAll() }
      known[der] = fresh
    }
    return fresh
  }

  private func parse(_ der: [UInt8]) -> Known {
    guard let certificate: Certificate = try? Certificate(derEncoded: der) else { return Known() }
    var result: Known = Known()
    var groups: [String] = []
    for relative: RelativeDistinguishedName in certificate.subject {
      for attribute: RelativeDistinguishedName.Attribute in relative {
        let value: String = String(describing: attribute.value)
        if attribute.type == .RDNAttributeType.commonName { result.commonName = value }
        if attribute.type == .RDNAttributeType.organizationName { groups.append(value) }
      }
    }
    result.isClient = clientAuthorities.contains { issued(certificate, by: $0) }
    result.isFrontProxy = proxyAuthorities.contains { issued(certificate, by: $0) }
    if !result.commonName.isEmpty {
      let digest: String = SHA256.hash(data: Data(der)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
      result.user = UserInfo(
        name: result.commonName, groups: groups,
        extra: ["authentication.kubernetes.io/credential-id": ["X509SHA256=\(digest)"]])
    }
    return result
  }

  /// Issued directly, or (with intermediates, which TLS checked) by somebody else below the only authority.
  private func issued(_ certificate: Certificate, by authority: Certificate) -> Bool {
    if certificate.issuer == authority.subject {
      return authority.publicKey.isValidSignature(certificate.signature, for: certificate)
    }
    return proxyAuthorities.isEmpty
  }
}
