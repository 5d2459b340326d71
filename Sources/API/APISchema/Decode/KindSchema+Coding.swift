// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// Reads the body of a create or update request: syntax, types, unknown and duplicate fields, canonical
  /// forms of quantities and times. Without apiVersion and kind, this kind is meant.
  ///
  /// Null and zero values that an absent field means as well are left out of the result; fields are in the
  /// order of the schema.
  ///
  /// - Throws: 400 with upstream's message.
  public func decode(_ body: RequestBody, validation: FieldValidation) throws(StatusError) -> DecodedObject {
    switch body {
    case .json(let bytes): return try decode(json: bytes, validation: validation)
    case .yaml(let tree, let errors):
      return try decode(tree, raw: tree.bytes, validation: validation, strictErrors: errors)
    case .protobuf(let bytes): return try decode(protobuf: bytes)
    }
  }

  /// Checks and orders an object that is a tree already, such as the result of a patch.
  ///
  /// - Throws: `APISchemaError` with Go's words for a mistyped field; unknown and duplicate fields are returned.
  public func decode(tree: JSONValue) throws(APISchemaError) -> DecodedObject {
    if !isBuiltIn { return try decodeCustom(tree) }
    var decoder: ObjectDecoder = ObjectDecoder()
    let object: JSONValue = try decoder.decode(tree, schema)
    return DecodedObject(object: object, warnings: decoder.complaints)
  }

  /// The object as clients get it: fields in the order of the schema, empty optional fields left out,
  /// empty required ones put in; apiVersion and kind set.
  public func normalized(_ object: JSONValue) -> JSONValue {
    isBuiltIn ? ObjectEncoder.normalized(named(object), schema) : normalizedCustom(named(object))
  }

  /// The normalized object with the empty lists and maps that a request had: messages about it tell them from none.
  public func normalizedRequest(_ object: JSONValue) -> JSONValue {
    isBuiltIn
      ? ObjectEncoder.normalized(named(object), schema, asRequested: true) : normalizedCustom(named(object))
  }

  /// The JSON text of the normalized object, without a line feed.
  public func encodeJSON(_ object: JSONValue) -> [UInt8] {
    guard isBuiltIn else { return normalizedCustom(named(object)).bytes }
    var output: [UInt8] = []
    output.reserveCapacity(2048)
    ObjectEncoder.write(named(object), schema, to: &output)
    return output
  }

  /// The object with this kind's apiVersion and kind.
  private func named(_ object: JSONValue) -> JSONValue {
    guard case .object(var members) = object else { return object }
    if members["kind"]?.string != kind.kind { members["kind"] = .string(kind.kind) }
    if members["apiVersion"]?.string != kind.apiVersion { members["apiVersion"] = .string(kind.apiVersion) }
    return .object(members)
  }
}

// MARK: - Requests

extension KindSchema {
  private func decode(json bytes: [UInt8], validation: FieldValidation) throws(StatusError) -> DecodedObject {
    var tree: JSONValue
    var hasDuplicates: Bool = false
    do throws(JSONError) {
      tree = try JSONValue(parsing: bytes) { _ in hasDuplicates = true }
      if hasDuplicates, isBuiltIn, validation != .ignore { tree = try JSONValue(parsingWithDuplicates: bytes) }
    } catch {
      throw Self.unrecognized("couldn't get version/kind; json parse error: \(error.message)", kind.kind, bytes)
    }
    var duplicates: [String] = []
    if hasDuplicates, !isBuiltIn, let all: JSONValue = try? JSONValue(parsingWithDuplicates: bytes) {
      Self.duplicates(all, "", &duplicates)
    }
    return try decode(tree, raw: bytes, validation: validation, strictErrors: duplicates)
  }

  /// The paths that appear twice in a tree that was parsed with duplicates.
  static func duplicates(_ value: JSONValue, _ path: String, _ found: inout [String]) {
    switch value {
    case .object(let members):
      var seen: Set<String> = []
      for (name, value) in members {
        let inner: String = path.isEmpty ? name : "\(path).\(name)"
        if !seen.insert(name).inserted {
          let text: String = "duplicate field \(inner.goQuoted)"
          if !found.contains(text) { found.append(text) }
        }
        duplicates(value, inner, &found)
      }
    case .array(let items):
      for (index, item) in items.enumerated() { duplicates(item, "\(path)[\(index)]", &found) }
    default: break
    }
  }

  /// `the object provided is unrecognized (must be of type Pod): why (start of the body)`.
  public static func unrecognized(_ why: String, _ kind: String, _ body: [UInt8]) -> StatusError {
    let limit: Int = 30
    var summary: String
    if body.isEmpty {
      summary = "<empty>"
    } else if body[0] == UInt8(ascii: "{") {
      summary = String(decoding: body.prefix(limit), as: UTF8.self)
    } else {
      summary = body.prefix(limit).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    if body.count > limit { summary += " ..." }
    return .badRequest("the object provided is unrecognized (must be of type \(kind)): \(why) (\(summary))")
  }

  private func decode(
    _ tree: JSONValue, raw: [UInt8], validation: FieldValidation, strictErrors: [String]
  ) throws(StatusError) -> DecodedObject {
    let typeStruct: String =
      "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }"
    switch tree {
    case .object, .null: break
    default:
      let why: String = "json: cannot unmarshal \(ObjectDecoder.word(tree)) into Go value of type \(typeStruct)"
      throw Self.unrecognized("couldn't get version/kind; json parse error: \(why)", kind.kind, raw)
    }
    for name: String in ["apiVersion", "kind"] where !tree[name].isNull && tree[name].string == nil {
      let why: String =
        "json: cannot unmarshal \(ObjectDecoder.word(tree[name])) into Go struct field .\(name) of type string"
      throw Self.unrecognized("couldn't get version/kind; json parse error: \(why)", kind.kind, raw)
    }
    let actual: GroupVersionKind = try declaredKind(tree, raw)
    guard let target: KindSchema = actual == kind ? self : try other(actual) else {
      return DecodedObject(object: tree, warnings: [])
    }
    let decoded: DecodedObject
    do throws(APISchemaError) {
      decoded = try target.decode(tree: tree)
    } catch {
      throw handled(actual, error.message)
    }
    try convertible(actual)
    let complaints: [String] = strictErrors + decoded.warnings
    var object: JSONValue = decoded.object
    // An empty list of managers says something else than none: forget who owns what.
    if tree["metadata"]["managedFields"].array?.isEmpty ?? false { object["metadata"]["managedFields"] = .array([]) }
    return DecodedObject(object: object, warnings: try checked(complaints, validation, actual))
  }

  /// What is to be done with unknown and duplicate fields.
  private func checked(
    _ complaints: [String], _ validation: FieldValidation, _ actual: GroupVersionKind
  ) throws(StatusError) -> [String] {
    switch validation {
    case .ignore: return []
    case .warn: return complaints.flatMap { Self.warnings($0) }
    case .strict:
      if complaints.isEmpty { return [] }
      throw handled(actual, "strict decoding error: \(Self.strictText(complaints))")
    }
  }

  /// The YAML reader's complaints are one error of several lines for an answer, a warning a line for a header.
  private static func warnings(_ complaint: String) -> [String] {
    let prefix: String = "yaml: unmarshal errors:\n  "
    guard complaint.hasPrefix(prefix) else { return [complaint] }
    return complaint.dropFirst(prefix.count).split(separator: "\n").map { line in
      String(line.drop { $0 == " " })
    }
  }

  /// All complaints in one text; those of the YAML reader under their headline.
  private static func strictText(_ complaints: [String]) -> String {
    let lines: [String] = complaints.filter { $0.hasPrefix("line ") }
    var texts: [String] = []
    if !lines.isEmpty { texts.append("yaml: unmarshal errors:\n  " + lines.joined(separator: "\n  ")) }
    texts += complaints.filter { !$0.hasPrefix("line ") }
    return texts.joined(separator: ", ")
  }

  private func declaredKind(_ tree: JSONValue, _ raw: [UInt8]) throws(StatusError) -> GroupVersionKind {
    var actual: GroupVersionKind = kind
    if let name: String = tree["kind"].string, !name.isEmpty { actual.kind = name }
    if let text: String = tree["apiVersion"].string, !text.isEmpty {
      guard let version: GroupVersion = GroupVersion(apiVersion: text) else {
        throw Self.unrecognized(
          "couldn't get version/kind; json parse error: unexpected GroupVersion string: \(text)", kind.kind, raw)
      }
      actual.group = version.group
      actual.version = version.version
    }
    return actual
  }

  /// The kind that a body names in place of this one; nil where the body is taken as it is.
  private func other(_ actual: GroupVersionKind) throws(StatusError) -> KindSchema? {
    guard isBuiltIn else {
      if actual.groupVersion == kind.groupVersion { return self }
      throw mismatched(actual)
    }
    guard let other: KindSchema = SchemaRegistry.builtIn.kind(actual) else {
      throw handled(actual, Self.unregistered(actual, group: kind.group))
    }
    return other
  }

  private func convertible(_ actual: GroupVersionKind) throws(StatusError) {
    guard isBuiltIn, actual != kind else { return }
    if actual.groupKind == kind.groupKind { throw mismatched(actual) }
    let package: String = kind.group.split(separator: ".").first.map(String.init) ?? "core"
    throw handled(
      actual, "converting (\(actual.version).\(actual.kind)) to (\(package).\(kind.kind)): unknown conversion")
  }

  private func mismatched(_ actual: GroupVersionKind) -> StatusError {
    .badRequest(
      "the API version in the data (\(actual.apiVersion)) does not match the expected API version (\(kind.apiVersion))")
  }

  private func handled(_ actual: GroupVersionKind, _ why: String) -> StatusError {
    .badRequest("\(actual.kind) in version \(actual.version.goQuoted) cannot be handled as a \(kind.kind): \(why)")
  }

  private func decode(protobuf bytes: [UInt8]) throws(StatusError) -> DecodedObject {
    let envelope: ProtobufEnvelope
    do throws(APISchemaError) { envelope = try ProtobufEnvelope(bytes) } catch {
      throw Self.unrecognized(error.message, kind.kind, bytes)
    }
    var actual: GroupVersionKind = kind
    if !envelope.kind.isEmpty { actual.kind = envelope.kind }
    if let version: GroupVersion = GroupVersion(apiVersion: envelope.apiVersion), !envelope.apiVersion.isEmpty {
      actual.group = version.group
      actual.version = version.version
    }
    guard let target: KindSchema = actual == kind ? self : try other(actual) else { throw mismatched(actual) }
    let object: JSONValue
    do throws(APISchemaError) { object = try target.decodeProtobuf(bytes) } catch {
      throw handled(actual, error.message)
    }
    try convertible(actual)
    return DecodedObject(object: object, warnings: [])
  }
}
