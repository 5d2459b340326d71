// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What the protobuf form of a message and the documents need beside the JSON form.
struct MessageFacts: Sendable {
  /// The fields on the wire, in the order of their numbers once the schema is built.
  var wireFields: [WireField] = []
  /// Where in `wireFields` a number is; -1: nowhere.
  private(set) var places: [Int] = []
  /// Top-level kinds that this message is.
  var kinds: [GroupVersionKind] = []
  /// Published in OpenAPI documents.
  var isPublished: Bool = false
  /// The OpenAPI schema of a custom JSON form, as JSON text.
  var openAPI: String = ""
  /// The JSON form is the array of the only field.
  var isArray: Bool = false
  /// There is no protobuf form.
  var isJSONOnly: Bool = false
  /// The kind is served in every group-version.
  var isEveryGroupVersion: Bool = false
  /// Unions among the fields, as JSON for documents.
  var unions: [JSONValue] = []

  /// Sorts the fields by number and makes them findable.
  mutating func sortWireFields() {
    wireFields.sort { $0.number < $1.number }
    places = Array(repeating: -1, count: (wireFields.last?.number ?? 0) + 1)
    for (place, field) in wireFields.enumerated() { places[field.number] = place }
  }

  /// Where in `wireFields` the field with a number is.
  func place(of number: Int) -> Int? {
    guard number < places.count, places[number] >= 0 else { return nil }
    return places[number]
  }
}

/// A field on the wire.
struct WireField: Sendable {
  /// How a value is written.
  enum Encoding: Sendable, Hashable {
    case varint, boolean, string, bytes, double, float, message
  }
  var number: Int
  var encoding: Encoding
  /// The value's type; of a list or map the type of an item.
  var schema: Schema
  var isRepeated: Bool
  var isMap: Bool
  /// Where in the object's `fields` it is; nil where the message is inlined or hidden.
  var position: Int?
  var isPointer: Bool
  /// The JSON form has the fields of the message in place of it.
  var isInline: Bool
}
