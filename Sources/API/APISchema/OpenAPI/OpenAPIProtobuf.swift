// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// The OpenAPI v2 document in protobuf (gnostic's `openapi.v2.Document`): the form in which kubectl asks for it when
/// it meets a kind that no OpenAPI v3 document names. What the documents of this server do not use is not written.
public enum OpenAPIProtobuf {
  /// The media type under which clients ask for it.
  public static let mediaType: String = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
  /// The media type of the answer.
  public static let answerType: String = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

  /// A document as `OpenAPIDocuments.v2()` makes it, in protobuf.
  public static func encode(_ document: JSONValue) -> [UInt8] {
    var writer: ProtoWriter = ProtoWriter()
    writer.text(1, document["swagger"])
    writer.message(2) { info in
      info.text(1, document["info"]["title"])
      info.text(2, document["info"]["version"])
    }
    writer.message(8) { paths in
      paths.named(2, document["paths"]) { $0.pathItem($1) }
    }
    writer.message(9) { definitions in
      definitions.named(1, document["definitions"]) { $0.schema($1) }
    }
    if !document["parameters"].isNull {
      writer.message(10) { parameters in
        parameters.named(1, document["parameters"]) { $0.parameter($1) }
      }
    }
    return writer.bytes
  }
}

extension ProtoWriter {
  fileprivate mutating func text(_ number: Int, _ value: JSONValue) {
    if let text: String = value.string { string(number, text) }
  }

  fileprivate mutating func texts(_ number: Int, _ value: JSONValue) {
    for item: JSONValue in value.items { text(number, item) }
  }

  fileprivate mutating func flag(_ number: Int, _ value: JSONValue) {
    if value.bool == true { integer(number, 1) }
  }

  /// Any value, as YAML, of which JSON is a part.
  fileprivate mutating func any(_ number: Int, _ value: JSONValue) {
    message(number) { $0.string(2, value.text) }
  }

  /// The members of an object, each as a message of a name and a value.
  fileprivate mutating func named(_ number: Int, _ value: JSONValue, _ write: (inout ProtoWriter, JSONValue) -> Void) {
    for (name, member) in value.object ?? JSONObject() {
      message(number) { entry in
        entry.string(1, name)
        entry.message(2) { write(&$0, member) }
      }
    }
  }

  fileprivate mutating func extensions(_ number: Int, of value: JSONValue) {
    for (name, member) in value.object ?? JSONObject() where name.hasPrefix("x-") {
      message(number) { entry in
        entry.string(1, name)
        entry.any(2, member)
      }
    }
  }

  fileprivate mutating func pathItem(_ item: JSONValue) {
    let methods: [(name: String, number: Int)] = [
      ("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("options", 6), ("head", 7), ("patch", 8),
    ]
    for method in methods where !item[method.name].isNull {
      message(method.number) { $0.operation(item[method.name]) }
    }
    for parameter: JSONValue in item["parameters"].items { message(9) { $0.parametersItem(parameter) } }
    extensions(10, of: item)
  }

  fileprivate mutating func operation(_ operation: JSONValue) {
    texts(1, operation["tags"])
    text(3, operation["description"])
    text(5, operation["operationId"])
    texts(6, operation["produces"])
    texts(7, operation["consumes"])
    for parameter: JSONValue in operation["parameters"].items { message(8) { $0.parametersItem(parameter) } }
    message(9) { responses in
      responses.named(1, operation["responses"]) { value, response in
        value.message(1) { body in
          body.text(1, response["description"])
          if !response["schema"].isNull { body.message(2) { item in item.message(1) { $0.schema(response["schema"]) } } }
        }
      }
    }
    texts(10, operation["schemes"])
    extensions(13, of: operation)
  }

  private mutating func parametersItem(_ parameter: JSONValue) {
    if parameter["$ref"].isNull {
      message(1) { $0.parameter(parameter) }
    } else {
      message(2) { $0.text(1, parameter["$ref"]) }
    }
  }

  fileprivate mutating func parameter(_ parameter: JSONValue) {
    guard parameter["in"].string != "body" else {
      return message(1) { body in
        body.text(1, parameter["description"])
        body.text(2, parameter["name"])
        body.text(3, parameter["in"])
        body.flag(4, parameter["required"])
        if !parameter["schema"].isNull { body.message(5) { $0.schema(parameter["schema"]) } }
      }
    }
    let isPath: Bool = parameter["in"].string == "path"
    message(2) { choice in
      choice.message(isPath ? 4 : 3) { value in
        value.flag(1, parameter["required"])
        value.text(2, parameter["in"])
        value.text(3, parameter["description"])
        value.text(4, parameter["name"])
        // A query parameter may also say whether it may be empty: the others' numbers are one less.
        value.text(isPath ? 5 : 6, parameter["type"])
        if parameter["uniqueItems"].bool == true { value.flag(isPath ? 19 : 20, parameter["uniqueItems"]) }
      }
    }
  }

  fileprivate mutating func schema(_ schema: JSONValue) {
    text(1, schema["$ref"])
    text(2, schema["format"])
    text(4, schema["description"])
    if !schema["default"].isNull { any(5, schema["default"]) }
    texts(19, schema["required"])
    for value: JSONValue in schema["enum"].items { any(20, value) }
    let additional: JSONValue = schema["additionalProperties"]
    if let isAllowed: Bool = additional.bool {
      message(21) { $0.integer(2, isAllowed ? 1 : 0) }
    } else if !additional.isNull {
      message(21) { item in item.message(1) { $0.schema(additional) } }
    }
    if !schema["type"].isNull { message(22) { $0.text(1, schema["type"]) } }
    if !schema["items"].isNull { message(23) { items in items.message(1) { $0.schema(schema["items"]) } } }
    for part: JSONValue in schema["allOf"].items { message(24) { $0.schema(part) } }
    if !schema["properties"].isNull {
      message(25) { properties in properties.named(1, schema["properties"]) { $0.schema($1) } }
    }
    extensions(31, of: schema)
  }
}
