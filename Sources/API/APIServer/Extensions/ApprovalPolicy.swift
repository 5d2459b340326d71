// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Definitions in the groups of Kubernetes' community say who approved them: the condition
/// `KubernetesAPIApprovalPolicyConformant` tells whether they do.
enum ApprovalPolicy {
  private static let annotation: String = "api-approved.kubernetes.io"
  private static let link: String = "see https://github.com/kubernetes/enhancements/pull/1111"

  /// The condition; none for groups of others.
  static func condition(_ definition: JSONValue, now: JSONValue) -> JSONValue? {
    let group: String = definition["spec"]["group"].string ?? ""
    guard ["k8s.io", "kubernetes.io"].contains(where: { group == $0 || group.hasSuffix(".\($0)") }) else { return nil }
    let (isApproved, reason, message): (Bool, String, String) = verdict(definition.objectAnnotations[annotation] ?? "")
    return [
      "type": "KubernetesAPIApprovalPolicyConformant", "status": isApproved ? "True" : "False", "lastTransitionTime": now,
      "reason": .string(reason), "message": .string(message),
    ]
  }

  private static func verdict(_ approval: String) -> (isApproved: Bool, reason: String, message: String) {
    let demand: String = "protected groups must have approval annotation \(annotation.goQuoted)"
    if approval.isEmpty { return (false, "MissingAnnotation", "\(demand), \(link)") }
    if approval.hasPrefix("unapproved") {
      return (false, "UnapprovedAnnotation", "not approved: \(approval.goQuoted)")
    }
    let parts: [Substring] = approval.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, !parts[0].isEmpty, let first: Character = parts[1].first, first != "/" {
      return (true, "ApprovedAnnotation", "approved in \(approval)")
    }
    return (
      false, "InvalidAnnotation", "\(demand) with either a URL or a reason starting with \"unapproved\", \(link)"
    )
  }
}
