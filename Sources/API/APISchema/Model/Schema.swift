// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// The type of a JSON value in the API: of a built-in kind from its protobuf definition, or of a custom
/// kind from its OpenAPI schema. Everything that treats objects (decoding, defaults, patches, apply,
/// transcoding, documents) works on this value and knows no kind by name.
///
/// A schema is written while it is built, by one thread, and never after it is handed out; recursion
/// (a JSON schema holds JSON schemas) is why it is a class.
public final class Schema: @unchecked Sendable {
  /// How the JSON form looks.
  public enum Shape: Sendable, Hashable {
    /// An object of known fields (`fields`); of a custom kind perhaps with others (`element`).
    case object
    /// An object whose keys are data and whose values are `element`s.
    case map
    /// An array of `element`s.
    case list
    case string, boolean, int32, int64, double
    /// Base64 text.
    case bytes
    /// `resource.Quantity`.
    case quantity
    /// RFC 3339 in seconds.
    case time
    /// RFC 3339 in microseconds.
    case microTime
    /// Go's duration text (`1h0m0s`).
    case duration
    /// `intstr.IntOrString`.
    case intOrString
    /// Another API object, whole.
    case rawExtension
    /// The set of fields of a `managedFields` entry.
    case fieldsV1
    /// Any JSON.
    case any
    /// `JSONSchemaPropsOrBool`, `...OrArray`, `...OrStringArray` of apiextensions.
    case schemaOrBool, schemaOrArray, schemaOrStringArray
  }

  /// How server-side apply treats a list or an object.
  public enum Merge: Sendable, Hashable {
    /// Replaced as a whole.
    case atomic
    /// A list of distinct scalars, merged by value.
    case set
    /// A list of objects, merged by the values of these fields.
    case map([String])
    /// An object, merged member by member.
    case granular
  }

  /// How the JSON form looks.
  public internal(set) var shape: Shape
  /// The full name of the protobuf message (`k8s.io.api.core.v1.Pod`); empty where it has no name.
  public internal(set) var name: String = ""
  /// For people.
  public internal(set) var documentation: String = ""
  /// How server-side apply treats it.
  public internal(set) var merge: Merge
  /// The fields of an object in the order of the JSON form; those of inlined messages among them.
  public internal(set) var fields: [SchemaField] = []
  /// The items of a list, the values of a map.
  public internal(set) var element: Schema?
  /// apiVersion and kind stand beside the fields.
  public internal(set) var hasTypeMeta: Bool = false
  /// What a custom resource's schema asks beyond the shape.
  public internal(set) var constraints: SchemaConstraints?
  /// What only the protobuf form and documents need.
  var message: MessageFacts?
  /// Where in `fields` those are that the JSON form has even when nothing is set.
  private(set) var alwaysWritten: [Int] = []
  private var positions: [String: Int] = [:]

  /// A schema of a shape; lists are atomic and objects granular unless said otherwise.
  init(_ shape: Shape, merge: Merge? = nil, element: Schema? = nil) {
    self.shape = shape
    self.merge = merge ?? (shape == .list ? .atomic : .granular)
    self.element = element
  }

  /// The field with a JSON name.
  public func field(_ name: String) -> SchemaField? { position(of: name).map { fields[$0] } }

  /// Where in `fields` the field with a JSON name is.
  func position(of name: String) -> Int? {
    // Up to here comparing the names is faster than hashing one.
    if fields.count <= 8 { return fields.firstIndex { $0.name == name } }
    return positions[name]
  }

  /// The schema at the end of a path of field names; lists are entered without a step.
  public func at(_ path: String...) -> Schema? {
    var schema: Schema = self
    for step: String in path {
      while schema.shape == .list, let element = schema.element { schema = element }
      guard let next: Schema = schema.field(step)?.schema ?? schema.element else { return nil }
      schema = next
    }
    return schema
  }

  /// Sets the fields and makes them findable.
  func setFields(_ fields: [SchemaField]) {
    self.fields = fields
    positions = [:]
    for (place, field) in fields.enumerated() { positions[field.name] = place }
    alwaysWritten = fields.indices.filter { fields[$0].isAlwaysWritten }
  }
}

/// One field of an object.
public struct SchemaField: Sendable {
  /// The name in JSON.
  public internal(set) var name: String
  /// The type of the value.
  public internal(set) var schema: Schema
  /// How server-side apply treats the value; a field may make an object atomic whose type is not.
  public internal(set) var merge: Schema.Merge
  /// The object is invalid without it (OpenAPI `required`).
  public internal(set) var isRequired: Bool = false
  /// Left out of the JSON form when it has the zero value.
  public internal(set) var omitsEmpty: Bool = false
  /// Absent differs from the zero value.
  public internal(set) var isPointer: Bool = false
  /// Left out of the JSON form when it is the zero time.
  public internal(set) var omitsZero: Bool = false
  /// The default that the server fills in.
  public internal(set) var defaultValue: JSONValue?
  /// The default as documents publish it.
  public internal(set) var publishedDefault: JSONValue?
  /// OpenAPI format.
  public internal(set) var format: String = ""
  /// Upstream's name of the value's type.
  public internal(set) var namedType: String = ""
  /// Upstream's name of the type of a map's keys.
  public internal(set) var keyNamedType: String = ""
  /// The inlined messages that the field comes from, outermost first, as Go's decoder names them on the way to it.
  public internal(set) var inlinedFrom: [String] = []
  /// Known values of an enumeration.
  public internal(set) var enumeration: [String] = []
  /// Strategic merge patch strategies: merge, replace, retainKeys.
  public internal(set) var patchStrategies: [String] = []
  /// The key by which a strategic merge patch pairs list items; empty: by value.
  public internal(set) var patchMergeKey: String = ""
  /// Feature gates without which the field is dropped.
  public internal(set) var featureGates: [String] = []
  /// The list or map type as declared; empty where `merge` is what follows from saying nothing.
  public internal(set) var declaredMerge: String = ""
  /// Declarative validation rules, as JSON text.
  public internal(set) var validation: [String] = []
  /// For people.
  public internal(set) var documentation: String = ""

  /// Whether the JSON form has the field even when it is not set: Go's encoder cannot leave out a struct that is
  /// no pointer.
  var isAlwaysWritten: Bool {
    if isPointer || omitsZero { return !omitsEmpty }
    switch schema.shape {
    case .object, .quantity, .intOrString, .duration, .time, .microTime, .rawExtension, .any: return true
    default: return !omitsEmpty
    }
  }

  init(_ name: String, _ schema: Schema, merge: Schema.Merge? = nil) {
    self.name = name
    self.schema = schema
    self.merge = merge ?? schema.merge
  }
}
