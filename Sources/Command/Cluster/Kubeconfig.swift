// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import JSON
import PKI
import SwiftASN1
import X509
import YAML

/// The text of a kubeconfig with one cluster, one user and one context, named as kubeadm names them.
enum Kubeconfig {
  static func text(server: String, authorityPEM: String, user: String, pair: CertifiedKey) -> String {
    func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
    return """
      apiVersion: v1
      kind: Config
      clusters:
      - name: kubernetes
        cluster:
          certificate-authority-data: \(base64(authorityPEM))
          server: \(server)
      contexts:
      - name: \(user)@kubernetes
        context:
          cluster: kubernetes
          user: \(user)
      current-context: \(user)@kubernetes
      preferences: {}
      users:
      - name: \(user)
        user:
          client-certificate-data: \(base64(pair.certificatePEM))
          client-key-data: \(base64(pair.keyPEM))

      """
  }

  /// Whether a kubeconfig leads to this server with a certificate of this authority that is still fresh.
  static func stands(_ text: String, authority: CertificateAuthority, server: String) -> Bool {
    func value(_ key: String) -> String? {
      text.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix(key + ": ") }
        .map { String($0.drop { $0 == " " }.dropFirst(key.count + 2)) }
    }
    guard value("server") == server, let encoded: String = value("client-certificate-data"),
      let data: Data = Data(base64Encoded: encoded),
      // Unreadable is as good as absent here: a new one is made.
      let certificate: Certificate = try? Certificate(pemEncoded: String(decoding: data, as: UTF8.self))
    else { return false }
    return certificate.notValidAfter > Date().addingTimeInterval(30 * 86_400)
      && authority.certificate.publicKey.isValidSignature(certificate.signature, for: certificate)
  }
}
