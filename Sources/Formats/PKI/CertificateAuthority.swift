// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials
import SwiftASN1
public import X509

/// Who a certificate is for, and what for.
public struct CertificateSubject: Sendable {
  /// What the holder may do with it (RFC 5280, 4.2.1.12).
  public enum Usage: Sendable {
    /// Answer TLS connections.
    case server
    /// Open TLS connections.
    case client
  }

  /// CN: the user's name, or the server's.
  public var commonName: String
  /// O: the user's groups.
  public var organizations: [String]
  /// What it is for.
  public var usages: [Usage]
  /// DNS names that it answers for.
  public var dnsNames: [String]
  /// IP addresses that it answers for, 4 or 16 bytes each.
  public var ipAddresses: [[UInt8]]

  /// Who a certificate is for.
  public init(
    commonName: String, organizations: [String] = [], usages: [Usage], dnsNames: [String] = [],
    ipAddresses: [[UInt8]] = []
  ) {
    self.commonName = commonName
    self.organizations = organizations
    self.usages = usages
    self.dnsNames = dnsNames
    self.ipAddresses = ipAddresses
  }

  var distinguishedName: DistinguishedName {
    get throws {
      try DistinguishedName {
        for organization: String in organizations { OrganizationName(organization) }
        CommonName(commonName)
      }
    }
  }
}

/// A certificate with its private key, both in PEM form.
public struct CertifiedKey: Sendable {
  /// The certificate.
  public var certificatePEM: String
  /// The private key.
  public var keyPEM: String
}

/// A certificate authority: its certificate and key.
public struct CertificateAuthority: Sendable {
  /// kubeadm's lifetime of an authority.
  public static let lifetime: TimeInterval = 10 * 365 * 86_400
  /// kubeadm's lifetime of what an authority issues.
  public static let leafLifetime: TimeInterval = 365 * 86_400
  /// Clocks of two machines may differ by so much.
  private static let backdating: TimeInterval = 300

  /// The authority's own certificate.
  public let certificate: Certificate
  /// The key that it signs with.
  public let key: SigningKey

  /// Makes a self-signed authority.
  public init(
    commonName: String, lifetime: TimeInterval = CertificateAuthority.lifetime, now: Date = Date()
  ) throws(PKIError) {
    let key: SigningKey = try SigningKey(.p256)
    do {
      let name: DistinguishedName = try DistinguishedName { CommonName(commonName) }
      let extensions: Certificate.Extensions = try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(digitalSignature: true, keyEncipherment: true, keyCertSign: true))
        SubjectKeyIdentifier(hash: key.key.publicKey)
        SubjectAlternativeNames([.dnsName(commonName)])
      }
      certificate = try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.key.publicKey,
        notValidBefore: now.addingTimeInterval(-Self.backdating),
        notValidAfter: now.addingTimeInterval(lifetime), issuer: name, subject: name, extensions: extensions,
        issuerPrivateKey: key.key)
    } catch {
      throw PKIError(.signingFailed, "cannot make the authority \(commonName): \(error)")
    }
    self.key = key
  }

  /// Reads an authority in PEM form.
  public init(certificatePEM: String, keyPEM: String) throws(PKIError) {
    key = try SigningKey(pem: keyPEM)
    do {
      certificate = try Certificate(pemEncoded: certificatePEM)
    } catch {
      throw PKIError(.malformed, "not a certificate in PEM form: \(error)")
    }
    guard certificate.publicKey == key.key.publicKey else {
      throw PKIError(.mismatch, "the key does not belong to the certificate \(certificate.subject)")
    }
  }

  /// The authority's certificate in PEM form.
  public var certificatePEM: String {
    get throws(PKIError) { try certificate.pem }
  }

  /// Issues a certificate on a new key.
  public func issue(
    _ subject: CertificateSubject, lifetime: TimeInterval = CertificateAuthority.leafLifetime, now: Date = Date()
  ) throws(PKIError) -> CertifiedKey {
    let leafKey: SigningKey = try SigningKey(.p256)
    let leaf: Certificate = try sign(subject, publicKey: leafKey.key.publicKey, lifetime: lifetime, now: now)
    return CertifiedKey(certificatePEM: try leaf.pem, keyPEM: leafKey.pem)
  }

  /// Issues a certificate on somebody's public key.
  public func sign(
    _ subject: CertificateSubject, publicKey: Certificate.PublicKey, lifetime: TimeInterval, now: Date = Date()
  ) throws(PKIError) -> Certificate {
    do {
      let alternatives: [GeneralName] =
        subject.dnsNames.map { .dnsName($0) }
        + subject.ipAddresses.map { .ipAddress(ASN1OctetString(contentBytes: $0[...])) }
      let usages: [ExtendedKeyUsage.Usage] = subject.usages.map { $0 == .server ? .serverAuth : .clientAuth }
      let issuerKey: SubjectKeyIdentifier = SubjectKeyIdentifier(hash: certificate.publicKey)
      let extensions: Certificate.Extensions = try Certificate.Extensions {
        Critical(KeyUsage(digitalSignature: true, keyEncipherment: true))
        if !usages.isEmpty { try ExtendedKeyUsage(usages) }
        Critical(BasicConstraints.notCertificateAuthority)
        AuthorityKeyIdentifier(keyIdentifier: issuerKey.keyIdentifier)
        if !alternatives.isEmpty { SubjectAlternativeNames(alternatives) }
      }
      let end: Date = min(now.addingTimeInterval(lifetime), certificate.notValidAfter)
      return try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
        notValidBefore: now.addingTimeInterval(-Self.backdating), notValidAfter: end,
        issuer: certificate.subject, subject: try subject.distinguishedName, extensions: extensions,
        issuerPrivateKey: key.key)
    } catch {
      throw PKIError(.signingFailed, "cannot issue a certificate for \(subject.commonName): \(error)")
    }
  }
}

extension Certificate {
  /// The certificate in PEM form.
  public var pem: String {
    get throws(PKIError) {
      do {
        return try serializeAsPEM().pemString + "\n"
      } catch {
        throw PKIError(.malformed, "cannot write a certificate: \(error)")
      }
    }
  }

  /// The time until which a certificate in PEM form is valid; nil where it is none.
  public static func expiry(ofPEM text: String) -> Date? {
    // A file that holds no certificate has no expiry; whoever asks makes a new one.
    (try? Certificate(pemEncoded: text))?.notValidAfter
  }
}
