// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SwiftASN1
import Synchronization
import X509

/// Reads client certificates: the common name is the user, the organizations are the groups.
///
/// TLS only asks for them. Whether one holds is found here, with every request: a connection may outlive it.
final class ClientCertificates: Sendable {
  struct Known: Sendable {
    var user: UserInfo?
    var commonName: String = ""
    var isClient: Bool = false
    var isFrontProxy: Bool = false
    /// When the whole chain holds.
    var validity: ClosedRange<Date> = Date.distantPast...Date.distantFuture
  }

  /// So many certificates are remembered; a machine's clients are far fewer.
  private static let limit: Int = 4096

  private let clientAuthorities: CertificateStore
  private let proxyAuthorities: CertificateStore
  private let known: Mutex<[[UInt8]: Known]> = Mutex([:])

  init(clientCA: [UInt8]?, requestHeaderCA: [UInt8]?) throws {
    clientAuthorities = CertificateStore(try Self.authorities(clientCA, "--client-ca-file"))
    proxyAuthorities = CertificateStore(try Self.authorities(requestHeaderCA, "--requestheader-client-ca-file"))
  }

  private static func authorities(_ pem: [UInt8]?, _ flag: String) throws -> [Certificate] {
    guard let pem else { return [] }
    do {
      return try PEMDocument.parseMultiple(pemString: String(decoding: pem, as: UTF8.self)).map {
        try Certificate(pemDocument: $0)
      }
    } catch { throw APIServerError(.invalidConfiguration, "\(flag): no certificates in it: \(error)") }
  }

  /// Who shows this chain, the certificate first; nil where it does not hold now.
  func read(_ chain: [[UInt8]]) async -> Known? {
    guard let der: [UInt8] = chain.first else { return nil }
    if let found: Known = known.withLock({ $0[der] }) { return found.validity.contains(Date()) ? found : nil }
    guard let fresh: Known = await parse(der, intermediates: chain.dropFirst()) else { return nil }
    known.withLock { known in
      if known.count >= Self.limit { known.removeAll() }
      known[der] = fresh
    }
    return fresh
  }

  private func parse(_ der: [UInt8], intermediates: ArraySlice<[UInt8]>) async -> Known? {
    guard let certificate: Certificate = try? Certificate(derEncoded: der) else { return nil }
    // What is no certificate cannot help to verify one.
    let others: CertificateStore = CertificateStore(intermediates.compactMap { try? Certificate(derEncoded: $0) })
    let client: ClosedRange<Date>? = await Self.validity(of: certificate, others, under: clientAuthorities)
    let proxy: ClosedRange<Date>? = await Self.validity(of: certificate, others, under: proxyAuthorities)
    guard let validity: ClosedRange<Date> = client ?? proxy else { return nil }
    var result: Known = Known()
    var groups: [String] = []
    for relative: RelativeDistinguishedName in certificate.subject {
      for attribute: RelativeDistinguishedName.Attribute in relative {
        let value: String = String(describing: attribute.value)
        if attribute.type == .RDNAttributeType.commonName { result.commonName = value }
        if attribute.type == .RDNAttributeType.organizationName { groups.append(value) }
      }
    }
    result.isClient = client != nil
    result.isFrontProxy = proxy != nil
    result.validity = validity
    if !result.commonName.isEmpty {
      let digest: String = SHA256.hash(data: Data(der)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
      result.user = UserInfo(
        name: result.commonName, groups: groups,
        extra: ["authentication.kubernetes.io/credential-id": ["X509SHA256=\(digest)"]])
    }
    return result
  }

  /// When a chain to one of the authorities holds; nil where there is none that holds now, or the certificate is
  /// not for clients.
  private static func validity(
    of certificate: Certificate, _ intermediates: CertificateStore, under authorities: CertificateStore
  ) async -> ClosedRange<Date>? {
    // Without the extension a certificate is for any use.
    if let usages = try? certificate.extensions.extendedKeyUsage, !usages.contains(.clientAuth), !usages.contains(.any) { return nil }
    var verifier = Verifier(rootCertificates: authorities) { RFC5280Policy() }
    let result: CertificateValidationResult = await verifier.validate(leaf: certificate, intermediates: intermediates)
    guard case .validCertificate(let chain) = result else { return nil }
    let first: Date = chain.map(\.notValidBefore).max() ?? .distantPast
    let last: Date = chain.map(\.notValidAfter).min() ?? .distantFuture
    return first <= last ? first...last : nil
  }
}
