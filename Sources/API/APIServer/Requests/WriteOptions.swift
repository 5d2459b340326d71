// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The parameters of a write, checked as upstream checks CreateOptions, UpdateOptions and PatchOptions.
struct WriteOptions: Sendable {
  enum Kind: String { case create = "CreateOptions", update = "UpdateOptions", patch = "PatchOptions" }

  /// The longest name of a field manager.
  private static let managerLimit: Int = 128

  var isDryRun: Bool
  var validation: FieldValidation
  var force: Bool

  init(_ kind: Kind, query: QueryParameters, isApply: Bool = false) throws(StatusError) {
    var errors: [FieldError] = []
    let manager: String = query["fieldManager"] ?? ""
    if kind == .patch {
      if isApply {
        if manager.isEmpty {
          errors.append(.required("fieldManager", "is required for apply patch"))
        }
      } else if query["force"] != nil, query.flag("force") {
        errors.append(.forbidden("force", "may not be specified for non-apply patch"))
      }
    }
    if manager.utf8.count > Self.managerLimit { errors.append(.tooLong("fieldManager", Self.managerLimit)) }
    for (index, scalar) in manager.unicodeScalars.enumerated() where !Self.isPrintable(scalar) {
      errors.append(
        .invalid("fieldManager", .string(manager), "invalid character U+\(Self.hex(scalar)) (at position \(index))"))
    }
    errors += Self.dryRunErrors(query.all("dryRun"))
    let given: String = query["fieldValidation"] ?? ""
    validation = FieldValidation(rawValue: given) ?? .warn
    if !given.isEmpty, FieldValidation(rawValue: given) == nil {
      errors.append(.notSupported("fieldValidation", .string(given), ["", "Ignore", "Strict", "Warn"]))
    }
    isDryRun = query.all("dryRun").contains("All")
    force = query.flag("force")
    if !errors.isEmpty { throw .invalid(GroupKind("meta.k8s.io", kind.rawValue), "", errors) }
  }

  static func dryRunErrors(_ values: [String]) -> [FieldError] {
    values.contains { $0 != "All" } ? [.notSupported("dryRun", JSONValue(values), ["All"])] : []
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  private static func hex(_ scalar: Unicode.Scalar) -> String {
    let digits: String = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
