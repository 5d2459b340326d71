// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import FoundationEssentials
import Kernel
import PKI
import SwiftASN1
import X509

/// The keys and certificates of a cluster, laid out as kubeadm does below /etc/kubernetes/pki.
///
/// What is there and still valid for a month is kept; the rest is made. A certificate whose authority was
/// replaced is made anew.
struct ClusterCertificates {
  /// A certificate that ends sooner than this is renewed.
  private static let renewal: TimeInterval = 30 * 86_400

  let configuration: ClusterConfiguration
  let authority: CertificateAuthority

  /// Makes what is missing.
  static func prepare(_ configuration: ClusterConfiguration) throws -> ClusterCertificates {
    let directory: String = configuration.pkiDirectory
    try Files.makeDirectories(directory)
    let authority: CertificateAuthority = try Self.authority(directory + "/ca", "kubernetes")
    let frontProxy: CertificateAuthority = try Self.authority(directory + "/front-proxy-ca", "front-proxy-ca")
    let certificates: ClusterCertificates = ClusterCertificates(configuration: configuration, authority: authority)
    try certificates.leaf("apiserver", certificates.serverSubject, of: authority)
    try certificates.leaf(
      "apiserver-kubelet-client",
      CertificateSubject(
        commonName: "kube-apiserver-kubelet-client", organizations: ["kubeadm:cluster-admins"], usages: [.client]),
      of: authority)
    try certificates.leaf(
      "front-proxy-client", CertificateSubject(commonName: "front-proxy-client", usages: [.client]), of: frontProxy)
    try certificates.serviceAccountKey()
    return certificates
  }

  private var serverSubject: CertificateSubject {
    let name: String = "kubernetes"
    let names: [String] = [
      configuration.nodeName, "localhost", name, name + ".default", name + ".default.svc",
      name + ".default.svc." + configuration.clusterDomain,
    ]
    let addresses: [[UInt8]] = ["127.0.0.1", "::1", configuration.apiServiceIP, configuration.nodeIP]
      .compactMap { IPAddress($0)?.bytes }
    return CertificateSubject(
      commonName: "kube-apiserver", usages: [.server], dnsNames: names, ipAddresses: addresses)
  }

  private static func authority(_ path: String, _ name: String) throws -> CertificateAuthority {
    if let certificate: String = Files.textIfThere(path + ".crt"), let key: String = Files.textIfThere(path + ".key"),
      Self.isFresh(certificate)
    {
      return try CertificateAuthority(certificatePEM: certificate, keyPEM: key)
    }
    let authority: CertificateAuthority = try CertificateAuthority(commonName: name)
    try Files.replace(path + ".key", Array(authority.key.pem.utf8), mode: 0o600)
    try Files.replace(path + ".crt", Array((try authority.certificatePEM).utf8), mode: 0o644)
    return authority
  }

  private static func isFresh(_ pem: String) -> Bool {
    Certificate.expiry(ofPEM: pem).map { $0 > Date().addingTimeInterval(renewal) } ?? false
  }

  /// Whether a certificate in a file is fresh and issued by this authority.
  private func stands(_ path: String, issuer: CertificateAuthority) -> Bool {
    guard let text: String = Files.textIfThere(path), Self.isFresh(text),
      // Unreadable is as good as absent here: a new one is made.
      let certificate: Certificate = try? Certificate(pemEncoded: text)
    else { return false }
    return issuer.certificate.publicKey.isValidSignature(certificate.signature, for: certificate)
  }

  private func leaf(_ name: String, _ subject: CertificateSubject, of issuer: CertificateAuthority) throws {
    let path: String = configuration.pkiDirectory + "/" + name
    guard !stands(path + ".crt", issuer: issuer) || Files.textIfThere(path + ".key") == nil else { return }
    let pair: CertifiedKey = try issuer.issue(subject)
    try Files.replace(path + ".key", Array(pair.keyPEM.utf8), mode: 0o600)
    try Files.replace(path + ".crt", Array(pair.certificatePEM.utf8), mode: 0o644)
  }

  private func serviceAccountKey() throws {
    let path: String = configuration.pkiDirectory + "/sa"
    guard Files.textIfThere(path + ".key") == nil || Files.textIfThere(path + ".pub") == nil else { return }
    let key: SigningKey = try SigningKey(.rsa2048)
    try Files.replace(path + ".key", Array(key.pem.utf8), mode: 0o600)
    try Files.replace(path + ".pub", Array((try key.publicKeyPEM).utf8), mode: 0o644)
  }

  /// A kubeconfig with a client certificate of its own, made when the one there does not stand.
  func kubeconfig(_ file: String, user: String, groups: [String], server: String) throws {
    let path: String = configuration.kubernetesDirectory + "/" + file
    if let text: String = Files.textIfThere(path), Kubeconfig.stands(text, authority: authority, server: server) { return }
    let pair: CertifiedKey = try authority.issue(
      CertificateSubject(commonName: user, organizations: groups, usages: [.client]))
    let text: String = Kubeconfig.text(
      server: server, authorityPEM: try authority.certificatePEM, user: user, pair: pair)
    try Files.replace(path, Array(text.utf8), mode: 0o600)
  }
}
