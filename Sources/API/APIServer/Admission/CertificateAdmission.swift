// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Foundation
import JSON
import SwiftASN1
import X509

/// Who may approve and sign certificates, and what a request may not ask for.
struct CertificateAdmission: AdmissionPlugin {
  static let name: String = "CertificateApproval"
  private static let group: String = "certificates.k8s.io"

  let authorizer: AuthorizerChain

  func validate(_ request: AdmissionRequest) async throws {
    guard request.group == GroupResource(Self.group, "certificatesigningrequests") else { return }
    switch (request.operation, request.subresource) {
    case (.update, "approval"): try await require("approve", request)
    case (.update, "status"):
      // Signing changes the certificate; other changes of the status need no leave.
      if request.object["status"]["certificate"] != request.old["status"]["certificate"]
        || Self.failed(request.object) != Self.failed(request.old)
      {
        try await require("sign", request)
      }
    case (.create, ""): try checkSubject(request)
    default: break
    }
  }

  private static func failed(_ object: JSONValue) -> Bool {
    object["status"]["conditions"].items.contains { $0["type"].string == "Failed" }
  }

  private func require(_ verb: String, _ request: AdmissionRequest) async throws {
    let signer: String = request.old["spec"]["signerName"].string ?? ""
    let domain: Substring = signer.prefix { $0 != "/" }
    for name: String in [signer, "\(domain)/*"] {
      let isAllowed: Bool = await authorizer.isAllowed(
        AuthorizationAttributes(
          user: request.user, verb: verb, group: Self.group, resource: "signers", name: name))
      if isAllowed { return }
    }
    throw request.forbidden(
      "user not permitted to \(verb) requests with signerName \(signer.goQuoted)")
  }

  /// Nobody becomes an administrator by a certificate.
  private func checkSubject(_ request: AdmissionRequest) throws {
    guard request.object["spec"]["signerName"].string == "kubernetes.io/kube-apiserver-client",
      let data: Data = Data(base64Encoded: request.object["spec"]["request"].string ?? ""),
      let signing: CertificateSigningRequest = try? CertificateSigningRequest(pemEncoded: String(decoding: data, as: UTF8.self))
    else { return }
    for relative: RelativeDistinguishedName in signing.subject {
      for attribute: RelativeDistinguishedName.Attribute in relative
      where attribute.type == .RDNAttributeType.organizationName && String(describing: attribute.value) == UserInfo.mastersGroup {
        throw request.forbidden(
          "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed")
      }
    }
  }
}
