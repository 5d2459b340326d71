// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension ObjectDecoder {
  mutating func complain(_ what: String) {
    let text: String = "\(what) field \(strictPath.goQuoted)"
    if seen.insert(text).inserted { complaints.append(text) }
  }

  /// `spec.containers[0].name`.
  var strictPath: String {
    var text: String = ""
    for step: Step in path {
      switch step {
      case .field(let name, _), .key(let name): text += text.isEmpty ? name : "." + name
      case .index(let index): text += "[\(index)]"
      }
    }
    return text
  }

  /// The names of the fields on the way, as Go's decoder lists them.
  var goPath: String {
    var names: [String] = []
    for step: Step in path { if case .field(let name, let messages) = step { names += messages + [name] } }
    return names.joined(separator: ".")
  }

  static func word(_ value: JSONValue) -> String { value.jsonTypeName }
}

extension JSONValue {
  /// Go's word for the type of a JSON value in messages.
  public var jsonTypeName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .int, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

extension ObjectDecoder {
  func mismatch(_ value: JSONValue, _ schema: Schema, _ field: SchemaField?) -> APISchemaError {
    fieldMismatch(Self.word(value), Self.goName(schema, field, owner))
  }

  func fieldMismatch(_ word: String, _ type: String) -> APISchemaError {
    let name: String = owner.split(separator: ".").last.map(String.init) ?? ""
    return APISchemaError(
      .typeMismatch, "json: cannot unmarshal \(word) into Go struct field \(name).\(goPath) of type \(type)")
  }

  func goValueMismatch(_ value: JSONValue, _ type: String) -> APISchemaError {
    fieldMismatch(Self.word(value), type)
  }

  static func goScalar(_ type: String, _ field: SchemaField?, _ owner: String) -> String {
    guard let named: String = field?.namedType, !named.isEmpty else { return type }
    if named.contains(".") { return named }
    let parts: [Substring] = owner.split(separator: ".")
    return parts.count >= 2 ? "\(parts[parts.count - 2]).\(named)" : named
  }

  /// Go's name of a type.
  static func goName(_ schema: Schema, _ field: SchemaField? = nil, _ owner: String = "") -> String {
    switch schema.shape {
    case .list where schema.name.isEmpty:
      let element: String = schema.element.map { goName($0, field, owner) } ?? ""
      return element == "v1.ValidationRule" ? "v1.ValidationRules" : "[]" + element
    case .map: return mapName(schema, field, owner)
    case .string: return goScalar("string", field, owner)
    case .boolean: return "bool"
    case .int32: return goScalar("int32", field, owner)
    case .int64: return goScalar("int64", field, owner)
    case .double: return "float64"
    case .bytes: return "[]uint8"
    default: return schema.name.split(separator: ".").suffix(2).joined(separator: ".")
    }
  }

  /// Go's name of a map: some have one of their own.
  private static func mapName(_ schema: Schema, _ field: SchemaField?, _ owner: String) -> String {
    let element: String = schema.element.map { goName($0, field, owner) } ?? ""
    let key: String = field?.keyNamedType ?? ""
    if schema.element?.shape == .quantity, key != "QualifiedName" { return "v1.ResourceList" }
    switch field?.name {
    case "definitions" where element == "v1.JSONSchemaProps": return "v1.JSONSchemaDefinitions"
    case "dependencies" where element == "v1.JSONSchemaPropsOrStringArray": return "v1.JSONSchemaDependencies"
    default: return "map[\(key.isEmpty ? "string" : key.contains(".") ? key : "v1." + key)]" + element
    }
  }
}

extension Double {
  /// A number as it most likely stood in the text: one without a fraction was written with a point, or is too large
  /// for an integer.
  var sourceText: String {
    if let whole: Int64 = Int64(exactly: self) { return "\(whole).0" }
    if let whole: Int128 = Int128(exactly: self) { return "\(whole)" }
    return description
  }
}

extension JSONValue {
  /// The text for messages with numbers as they most likely stood in the source.
  var sourceText: String {
    let mark: String = "\u{1}"
    let escaped: String = "\\u0001"
    func marked(_ value: JSONValue) -> JSONValue {
      switch value {
      case .double(let number): .string(mark + number.sourceText + mark)
      case .array(let items): .array(items.map(marked))
      case .object(let members): .object(markedMembers(members))
      default: value
      }
    }
    func markedMembers(_ members: JSONObject) -> JSONObject {
      var result: JSONObject = JSONObject()
      for (key, value) in members { result[key] = marked(value) }
      return result
    }
    let text: String = marked(self).textForPages
    guard text.contains(escaped) else { return text }
    var result: String = text
    for quoted: String in ["\"" + escaped, escaped + "\""] {
      result = result.split(separator: quoted, omittingEmptySubsequences: false).joined()
    }
    return result
  }
}
