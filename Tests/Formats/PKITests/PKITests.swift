// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import PKI
import SwiftASN1
import Testing
import X509

@Suite struct PKITests {
  @Test func `an authority issues what it can verify`() throws {
    let authority: CertificateAuthority = try CertificateAuthority(commonName: "test-ca")
    let pair: CertifiedKey = try authority.issue(
      CertificateSubject(
        commonName: "system:node:one", organizations: ["system:nodes"], usages: [.client, .server],
        dnsNames: ["one"], ipAddresses: [[127, 0, 0, 1]]))
    let leaf: Certificate = try Certificate(pemEncoded: pair.certificatePEM)
    #expect(leaf.subject.description == "CN=system:node:one,O=system:nodes")
    #expect(authority.certificate.publicKey.isValidSignature(leaf.signature, for: leaf))
    #expect(try SigningKey(pem: pair.keyPEM).key.publicKey == leaf.publicKey)
    #expect(leaf.notValidAfter <= authority.certificate.notValidAfter)
  }

  @Test func `an authority is read back from its files`() throws {
    let made: CertificateAuthority = try CertificateAuthority(commonName: "test-ca")
    let read: CertificateAuthority = try CertificateAuthority(
      certificatePEM: try made.certificatePEM, keyPEM: made.key.pem)
    #expect(read.certificate == made.certificate)
  }

  @Test func `a key of another authority is refused`() throws {
    let one: CertificateAuthority = try CertificateAuthority(commonName: "one")
    let two: CertificateAuthority = try CertificateAuthority(commonName: "two")
    #expect(throws: PKIError.self) {
      try CertificateAuthority(certificatePEM: try one.certificatePEM, keyPEM: two.key.pem)
    }
  }

  @Test func `nothing issued outlives its authority`() throws {
    let authority: CertificateAuthority = try CertificateAuthority(commonName: "short", lifetime: 3600)
    let pair: CertifiedKey = try authority.issue(CertificateSubject(commonName: "x", usages: [.client]))
    #expect(Certificate.expiry(ofPEM: pair.certificatePEM) == authority.certificate.notValidAfter)
  }
}
