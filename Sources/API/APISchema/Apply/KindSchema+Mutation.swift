// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// An object with what an admission policy's apply configuration sets; nobody owns these fields afterwards.
  ///
  /// - Throws: what is wrong with the configuration, in upstream's words.
  public func mutated(_ object: JSONValue, applying configuration: JSONValue) throws(APISchemaError) -> JSONValue {
    let type: MergeType = MergeType(schema)
    let errors: [String] = TypedValue.errors(configuration, type)
    guard errors.isEmpty else {
      throw APISchemaError(
        .typeMismatch, "failed to convert patch object to typed object: \(TypedValue.errorText(errors))")
    }
    let atomics: [String] = Self.atomics(configuration, type, "")
    guard atomics.isEmpty else {
      throw APISchemaError(
        .typeMismatch,
        "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: \(atomics.joined(separator: ", "))")
    }
    return TypedValue.merged(object, configuration, type) ?? object
  }

  /// The places of lists and objects that can only be replaced as a whole.
  private static func atomics(_ value: JSONValue, _ type: MergeType, _ path: String) -> [String] {
    switch value {
    case .object(let members):
      return (type.merge == .atomic ? [path] : [])
        + members.sorted { $0.key < $1.key }.flatMap { atomics($0.value, type.member($0.key), "\(path).\($0.key)") }
    case .array(let items):
      return (type.merge == .atomic ? [path] : [])
        + items.enumerated().flatMap { atomics($0.element, type.item, "\(path)[\($0.offset)]") }
    default: return []
    }
  }
}
