// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// The schema of a top-level kind and what can be done with objects of it.
public struct KindSchema: Sendable {
  /// Group, version and kind.
  public let kind: GroupVersionKind
  /// The type of the object.
  public let schema: Schema
  /// From the embedded descriptor set, not from a CustomResourceDefinition: has a protobuf form and
  /// strategic merge patches.
  public let isBuiltIn: Bool
  /// The `openAPIV3Schema` of a custom kind.
  let document: JSONValue

  init(_ kind: GroupVersionKind, _ schema: Schema, isBuiltIn: Bool, document: JSONValue = .null) {
    self.document = document
    self.kind = kind
    self.schema = schema
    self.isBuiltIn = isBuiltIn
  }
}

/// What to do with unknown and duplicate fields of a request: the query parameter fieldValidation.
public enum FieldValidation: String, Sendable {
  case ignore = "Ignore"
  case warn = "Warn"
  case strict = "Strict"
}

/// The body of a request that writes an object.
public enum RequestBody: Sendable {
  /// application/json.
  case json([UInt8])
  /// application/yaml, read already; `strictErrors` are the YAML reader's complaints about duplicate keys.
  case yaml(JSONValue, strictErrors: [String])
  /// application/vnd.kubernetes.protobuf, with its envelope.
  case protobuf([UInt8])
}

/// An object that a request brought.
public struct DecodedObject: Sendable {
  /// The object, its fields in the order of the schema and known to have the right types.
  public var object: JSONValue
  /// Unknown and duplicate fields, in upstream's words, for Warning headers.
  public var warnings: [String]

  /// An object and what was noticed.
  public init(object: JSONValue, warnings: [String]) {
    self.object = object
    self.warnings = warnings
  }
}
