// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of CertificateSigningRequests.
enum CertificateRequestValidation {
  private static let usages: [String] = [
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
  ]

  static func errors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    let request: String = String(decoding: Base64.decoded(spec["request"].plain) ?? [], as: UTF8.self)
    if !request.contains("-----BEGIN CERTIFICATE REQUEST-----") {
      errors.append(
        .invalid(path.child("request"), spec["request"], "PEM block type must be CERTIFICATE REQUEST"))
    }
    let listed: [String] = spec["usages"].strings
    if listed.isEmpty { errors.append(.required(path.child("usages"))) }
    for (place, usage) in listed.enumerated() where !usages.contains(usage) {
      errors.append(.notSupported(path.child("usages").index(place), .string(usage), usages))
    }
    var seen: Set<String> = []
    for (place, usage) in listed.enumerated() where !seen.insert(usage).inserted {
      errors.append(.duplicate(path.child("usages").index(place), .string(usage)))
    }
    let signer: String = spec["signerName"].plain
    if signer == "kubernetes.io/legacy-unknown" {
      errors.append(
        .invalid(path.child("signerName"), .string(signer), "the legacy signerName is not allowed via this API version")
      )
    } else {
      errors += signerErrors(signer, path.child("signerName"))
    }
    if let seconds: Int64 = spec["expirationSeconds"].int, seconds < 600 {
      errors.append(
        .invalid(
          path.child("expirationSeconds"), .int(seconds),
          "may not specify a duration less than 600 seconds (10 minutes)"))
    }
    return errors
  }

  static func signerErrors(_ signer: String, _ path: FieldPath) -> [FieldError] {
    if signer.isEmpty { return [.required(path)] }
    let parts: [String] = signer.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      let message: String = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
      return [.invalid(path, .string(signer), message)]
    }
    var errors: [FieldError] = []
    let labels: [String] = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if labels.count < 2 {
      errors.append(
        .invalid(path, .string(parts[0]), "should be a domain with at least two segments separated by dots"))
    }
    for label: String in labels {
      errors += Names.label(label).map {
        .invalid(path, .string(parts[0]), "validating label \(label.goQuoted): \($0)")
      }
    }
    return errors
      + Names.subdomain(parts[1].replacing("/", with: "."))
      .map { .invalid(path, .string(parts[1]), $0) }
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue, subresource: String?) -> [FieldError] {
    let path: FieldPath = FieldPath("status")
    var errors: [FieldError] = []
    let conditions: [JSONValue] = object["status"]["conditions"].items
    let types: [String] = conditions.map { $0["type"].plain }
    let before: [String] = old["status"]["conditions"].items.map { $0["type"].plain }
    for type: String in ["Approved", "Denied", "Failed"] where before.contains(type) && !types.contains(type) {
      errors.append(
        .forbidden(path.child("conditions"), "updates may not remove a condition of type \"\(type)\""))
    }
    if subresource == "status" {
      for type: String in ["Approved", "Denied"] where types.contains(type) && !before.contains(type) {
        errors.append(
          .forbidden(path.child("conditions"), "updates may not add a condition of type \"\(type)\""))
      }
    }
    if types.contains("Approved"), types.contains("Denied") {
      errors.append(
        .invalid(path.child("conditions"), "Denied", "Approved and Denied conditions are mutually exclusive"))
    }
    let certificate: JSONValue = object["status"]["certificate"]
    if certificate != old["status"]["certificate"], !certificate.plain.isEmpty {
      let text: String = String(decoding: Base64.decoded(certificate.plain) ?? [], as: UTF8.self)
      if !text.contains("-----BEGIN CERTIFICATE-----") {
        errors.append(
          .invalid(
            path.child("certificate"), "<certificate data>", "must contain at least one CERTIFICATE PEM block"))
      }
    }
    return errors
  }
}
