// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import JSON

/// What is not structural in a definition that was stored before that was asked for.
public enum SchemaViolations {
  /// The faults of all versions' schemas.
  public static func all(_ definition: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    if definition["spec"]["preserveUnknownFields"].bool == true {
      errors.append(.invalid(FieldPath("spec", "preserveUnknownFields"), true, "must be false"))
    }
    let path: FieldPath = FieldPath("spec", "versions")
    for (place, version) in definition["spec"]["versions"].items.enumerated() {
      let schema: JSONValue = version["schema"]["openAPIV3Schema"]
      guard schema.object != nil else { continue }
      errors += StructuralValidation.errors(schema, path.index(place).child("schema").child("openAPIV3Schema"))
    }
    return errors
  }

  /// The condition `NonStructuralSchema`; nil where there is nothing to tell.
  public static func condition(_ definition: JSONValue, now: JSONValue) -> JSONValue? {
    let messages: [String] = all(definition).map(\.description)
    guard !messages.isEmpty else { return nil }
    return [
      "type": "NonStructuralSchema", "status": "True", "lastTransitionTime": now, "reason": "Violations",
      "message": .string(messages.count == 1 ? messages[0] : "[\(messages.joined(separator: ", "))]"),
    ]
  }
}
