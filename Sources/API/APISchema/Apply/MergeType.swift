// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// How server-side apply sees a value: its schema and how it merges. Without a schema the type follows from the
/// value: objects merge member by member, lists are replaced.
struct MergeType {
  var schema: Schema?
  var merge: Schema.Merge

  /// The type of a value that says itself what it is.
  static let deduced: MergeType = MergeType(schema: nil, merge: .granular)

  init(schema: Schema?, merge: Schema.Merge) {
    self.merge = merge
    switch schema?.shape {
    case .fieldsV1, .any, .schemaOrBool, .schemaOrArray, .schemaOrStringArray: self.schema = nil
    default: self.schema = schema
    }
  }

  init(_ schema: Schema) { self.init(schema: schema, merge: schema.merge) }

  /// How a value of this type is walked.
  enum Form {
    case leaf
    /// A list that is merged item by item.
    case list
    /// An object that is merged member by member.
    case map
  }

  /// The form of a value; a missing or null one takes the form that the schema has.
  func form(_ value: JSONValue?) -> Form {
    guard let schema else {
      switch value {
      case .object?, .null?, nil: return .map
      default: return .leaf
      }
    }
    switch schema.shape {
    case .object, .map: return merge == .atomic ? .leaf : .map
    case .list: return merge == .atomic ? .leaf : .list
    default: return .leaf
    }
  }

  /// The type of a member.
  func member(_ name: String) -> MergeType {
    guard let schema else { return .deduced }
    if let field: SchemaField = schema.field(name) { return MergeType(schema: field.schema, merge: field.merge) }
    return schema.element.map { MergeType($0) } ?? .deduced
  }

  /// The type of an item.
  var item: MergeType { schema?.element.map { MergeType($0) } ?? .deduced }

  /// The type of what a step leads to.
  func inner(_ step: PathElement) -> MergeType {
    if case .field(let name) = step { return member(name) }
    return item
  }

  /// The step that names an item of the list.
  func step(of value: JSONValue) -> PathElement {
    guard case .map(let keys) = merge else { return .value(value) }
    var fields: [PathElement.KeyField] = []
    fields.reserveCapacity(keys.count)
    for key: String in keys {
      var keyValue: JSONValue = value[key]
      if keyValue.isNull, let field: SchemaField = schema?.element?.field(key) {
        keyValue = field.defaultValue ?? field.publishedDefault ?? field.schema.constraints?.defaultValue ?? .null
      }
      fields.append(PathElement.KeyField(name: key, value: keyValue))
    }
    if fields.count > 1 { fields.sort { $0.name < $1.name } }
    return .key(fields)
  }

  /// Whether an item has none of the keys that would name it, not even by default.
  func omitsKeys(_ item: JSONValue, _ keys: [String]) -> Bool {
    guard case .key(let fields) = step(of: item) else { return false }
    return !keys.isEmpty && fields.allSatisfy(\.value.isNull)
  }
}
