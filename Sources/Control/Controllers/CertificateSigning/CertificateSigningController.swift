// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import KubeClient
import KubeGroups
import KubeMeta
import KubeValues
import PKI
import SwiftASN1
import X509

/// Approves the certificate requests of kubelets, signs what is approved, and deletes what is old.
final class CertificateSigningController: Controller {
  static let name: String = "certificatesigningrequest-signing-controller"
  static let account: String = "certificate-controller"

  private static let signers: Set<String> = [
    "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet",
    "kubernetes.io/kubelet-serving",
    "kubernetes.io/legacy-unknown",
  ]
  /// How long requests are kept: pending and approved or denied ones.
  private static let pendingLifetime: Duration = .seconds(24 * 3600)
  private static let decidedLifetime: Duration = .seconds(3600)

  private let context: ControllerContext
  private let requests: Informer<CertificatesCertificateSigningRequest>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    requests = context.informers.informer(CertificatesCertificateSigningRequest.self)
    requests.addHandler { [queue] event in queue.add(event.object.metadata.name) }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name, workers: 2) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let request: CertificatesCertificateSigningRequest = requests.get(name: name) else { return }
    if try await deleteIfOld(request) { return }
    let conditions: [CertificatesCertificateSigningRequestCondition] = request.status.conditions
    guard !conditions.contains(where: { $0.type == "Denied" || $0.type == "Failed" }) else { return }
    guard conditions.contains(where: { $0.type == "Approved" }) else { return try await approve(request) }
    guard request.status.certificate.isEmpty, Self.signers.contains(request.spec.signerName) else { return }
    try await sign(request)
  }

  private func deleteIfOld(_ request: CertificatesCertificateSigningRequest) async throws -> Bool {
    let isDecided: Bool = !request.status.conditions.isEmpty
    let lifetime: Duration = isDecided ? Self.decidedLifetime : Self.pendingLifetime
    let remaining: Duration = Timestamp(request.metadata.creationTimestamp) + lifetime - .now
    guard remaining <= .zero else {
      queue.add(request.metadata.name, after: remaining)
      return false
    }
    do throws(KubeClientError) {
      try await context.client.delete(CertificatesCertificateSigningRequest.self, name: request.metadata.name)
    } catch {
      guard error.isNotFound else { throw error }
    }
    return true
  }

  // MARK: Approving

  /// Approves a kubelet's request for its own client certificate.
  private func approve(_ request: CertificatesCertificateSigningRequest) async throws {
    guard request.spec.signerName == "kubernetes.io/kube-apiserver-client-kubelet",
      let parsed: CertificateSigningRequest = Self.parse(request), Self.isNodeClient(request, parsed)
    else { return }
    let isOwn: Bool = request.spec.username == Self.commonName(parsed)
    guard isOwn || request.spec.groups.contains("system:bootstrappers") else { return }
    var changed: CertificatesCertificateSigningRequest = request
    var condition: CertificatesCertificateSigningRequestCondition = CertificatesCertificateSigningRequestCondition()
    condition.type = "Approved"
    condition.status = "True"
    condition.reason = "AutoApproved"
    condition.message =
      isOwn
      ? "Auto approving self kubelet client certificate after SubjectAccessReview."
      : "Auto approving kubelet client certificate after SubjectAccessReview."
    condition.lastUpdateTime = .now
    condition.lastTransitionTime = .now
    changed.status.conditions.append(condition)
    requests.remember(try await context.client.update(changed, subresource: "approval"))
  }

  private static func parse(_ request: CertificatesCertificateSigningRequest) -> CertificateSigningRequest? {
    // What is no request is not ours to approve; the server refuses it anyway.
    try? CertificateSigningRequest(pemEncoded: String(decoding: request.spec.request, as: UTF8.self))
  }

  private static func attributes(_ parsed: CertificateSigningRequest, _ prefix: String) -> [String] {
    parsed.subject.flatMap { $0 }.map { "\($0)" }.filter { $0.hasPrefix(prefix) }.map {
      String($0.dropFirst(prefix.count))
    }
  }

  private static func commonName(_ parsed: CertificateSigningRequest) -> String {
    attributes(parsed, "CN=").first ?? ""
  }

  private static func isNodeClient(
    _ request: CertificatesCertificateSigningRequest, _ parsed: CertificateSigningRequest
  ) -> Bool {
    attributes(parsed, "O=") == ["system:nodes"] && commonName(parsed).hasPrefix("system:node:")
      && request.spec.usages.contains("client auth")
      && Set(request.spec.usages).isSubset(of: ["client auth", "digital signature", "key encipherment"])
  }

  // MARK: Signing

  private func sign(_ request: CertificatesCertificateSigningRequest) async throws {
    guard let certificate: String = context.configuration.signingCertificatePEM,
      let key: String = context.configuration.signingKeyPEM
    else { return }
    guard let parsed: CertificateSigningRequest = Self.parse(request) else { return }
    let authority: CertificateAuthority = try CertificateAuthority(certificatePEM: certificate, keyPEM: key)
    var usages: [CertificateSubject.Usage] = []
    if request.spec.usages.contains("client auth") { usages.append(.client) }
    if request.spec.usages.contains("server auth") { usages.append(.server) }
    var seconds: Int64 = context.configuration.signingDuration.components.seconds
    if request.spec.hasExpirationSeconds { seconds = min(seconds, max(600, Int64(request.spec.expirationSeconds))) }
    let names: (dns: [String], ip: [[UInt8]]) = Self.alternativeNames(parsed)
    let subject: CertificateSubject = CertificateSubject(
      commonName: Self.commonName(parsed), organizations: Self.attributes(parsed, "O="), usages: usages,
      dnsNames: names.dns,
      ipAddresses: names.ip)
    let signed: Certificate = try authority.sign(subject, publicKey: parsed.publicKey, lifetime: TimeInterval(seconds))
    var changed: CertificatesCertificateSigningRequest = request
    changed.status.certificate = Data(try signed.serializeAsPEM().pemString.utf8 + [0x0A])
    requests.remember(try await context.client.updateStatus(changed))
  }

  private static func alternativeNames(_ parsed: CertificateSigningRequest) -> (dns: [String], ip: [[UInt8]]) {
    var dns: [String] = []
    var ip: [[UInt8]] = []
    // Requests without extensions have no alternative names.
    guard let requested = try? parsed.attributes.extensionRequest,
      let names = try? requested.extensions.subjectAlternativeNames
    else { return (dns, ip) }
    for name: GeneralName in names {
      switch name {
      case .dnsName(let text): dns.append(text)
      case .ipAddress(let bytes): ip.append(Array(bytes.bytes))
      default: break
      }
    }
    return (dns, ip)
  }
}
