// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The parts of a `google.protobuf.FileDescriptorSet` that the schema engine needs, with our options
/// (Protos/apus/schema.proto) and the comments.
struct DescriptorSet {
  var messages: [MessageDescriptor] = []

  /// Reads a set.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(APISchemaError) {
    var reader: ProtoReader = ProtoReader(bytes)
    while let (number, wireType) = try reader.tag() {
      if number == 1, wireType == 2 { try file(reader.message()) } else { try reader.skip(wireType) }
    }
  }

  private mutating func file(_ file: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = file
    var package: String = ""
    var found: [MessageDescriptor] = []
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 2: package = try reader.string()
      case 4: found.append(try MessageDescriptor(reader.message()))
      case 9: try Self.comments(reader.message(), &found)
      default: try reader.skip(wireType)
      }
    }
    for place: Int in found.indices { found[place].name = "\(package).\(found[place].name)" }
    messages += found
  }

  /// Gives the comments of the source information to the messages and fields that they stand before.
  private static func comments(_ info: ProtoReader, _ messages: inout [MessageDescriptor]) throws(APISchemaError) {
    var reader: ProtoReader = info
    while let (number, wireType) = try reader.tag() {
      guard number == 1 else {
        try reader.skip(wireType)
        continue
      }
      var location: ProtoReader = try reader.message()
      var path: [Int] = []
      var comment: String = ""
      while let (number, wireType) = try location.tag() {
        switch (number, wireType) {
        case (1, 2):
          var steps: ProtoReader = try location.message()
          while !steps.isAtEnd { path.append(Int(truncatingIfNeeded: try steps.varint())) }
        case (3, 2): comment = try location.string()
        default: try location.skip(wireType)
        }
      }
      guard path.count >= 2, path[0] == 4, messages.indices.contains(path[1]) else { continue }
      if path.count == 2 {
        messages[path[1]].comment = tidied(comment)
      } else if path.count == 4, path[2] == 2, messages[path[1]].fields.indices.contains(path[3]) {
        messages[path[1]].fields[path[3]].comment = tidied(comment)
      }
    }
  }

  /// A comment as one paragraph a blank line.
  private static func tidied(_ comment: String) -> String {
    let lines: [Substring] = comment.split(separator: "\n", omittingEmptySubsequences: false)
    var text: String = ""
    for line: Substring in lines {
      let line: Substring = line.drop { $0 == " " }
      if line.isEmpty {
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n\n" }
      } else {
        if !text.isEmpty, !text.hasSuffix("\n") { text += " " }
        text += line
      }
    }
    while text.last == "\n" { text.removeLast() }
    return text
  }
}

/// A message: `google.protobuf.DescriptorProto` and `apus.api.MessageSchema`.
struct MessageDescriptor {
  var name: String = ""
  var fields: [FieldDescriptor] = []
  /// The entries of map fields, by their name.
  var mapEntries: [String: MessageDescriptor] = [:]
  var isMapEntry: Bool = false
  var comment: String = ""

  var kinds: [GroupVersionKind] = []
  var hasTypeMeta: Bool = false
  var hasCustomJSON: Bool = false
  var openAPI: String = ""
  var isPublished: Bool = false
  var isArray: Bool = false
  var isAtomic: Bool = false
  var isJSONOnly: Bool = false
  var isEveryGroupVersion: Bool = false
  var unions: [JSONValue] = []

  init(_ message: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = message
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: name = try reader.string()
      case 2: fields.append(try FieldDescriptor(reader.message()))
      case 3:
        let entry: MessageDescriptor = try MessageDescriptor(reader.message())
        mapEntries[entry.name] = entry
      case 7: try options(reader.message())
      default: try reader.skip(wireType)
      }
    }
  }

  private mutating func options(_ options: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = options
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 7: isMapEntry = try reader.varint() != 0
      case 51200: try schema(reader.message())
      default: try reader.skip(wireType)
      }
    }
  }

  private mutating func schema(_ schema: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = schema
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: kinds.append(try Self.kind(reader.message()))
      case 2: hasTypeMeta = try reader.varint() != 0
      case 3: hasCustomJSON = try reader.varint() != 0
      case 4: openAPI = try reader.string()
      case 5: isPublished = try reader.varint() != 0
      case 6: isArray = try reader.varint() != 0
      case 7: isAtomic = try reader.string() == "atomic"
      case 8: unions.append(try Self.union(reader.message()))
      case 9: isJSONOnly = try reader.varint() != 0
      case 12: isEveryGroupVersion = try reader.varint() != 0
      default: try reader.skip(wireType)
      }
    }
  }

  private static func kind(_ message: ProtoReader) throws(APISchemaError) -> GroupVersionKind {
    var reader: ProtoReader = message
    var kind: GroupVersionKind = GroupVersionKind("", "", "")
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: kind.group = try reader.string()
      case 2: kind.version = try reader.string()
      case 3: kind.kind = try reader.string()
      default: try reader.skip(wireType)
      }
    }
    return kind
  }

  /// A union in the form of the `x-kubernetes-unions` extension.
  private static func union(_ message: ProtoReader) throws(APISchemaError) -> JSONValue {
    var reader: ProtoReader = message
    var union: JSONValue = .object(JSONObject())
    var members: JSONValue = .object(JSONObject())
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: union["discriminator"] = .string(try reader.string())
      case 2:
        var member: ProtoReader = try reader.message()
        var name: String = ""
        var value: String = ""
        while let (number, wireType) = try member.tag() {
          switch number {
          case 1: name = try member.string()
          case 2: value = try member.string()
          default: try member.skip(wireType)
          }
        }
        members[name] = .string(value)
      default: try reader.skip(wireType)
      }
    }
    union["fields-to-discriminateBy"] = members
    return union
  }
}

/// A field: `google.protobuf.FieldDescriptorProto` and `apus.api.FieldSchema`.
struct FieldDescriptor {
  var name: String = ""
  var jsonName: String = ""
  var number: Int = 0
  var isRepeated: Bool = false
  /// `google.protobuf.FieldDescriptorProto.Type`.
  var type: Int = 0
  var typeName: String = ""
  var comment: String = ""

  var isRequired: Bool = false
  var omitsEmpty: Bool = false
  var omitsZero: Bool = false
  var isPointer: Bool = false
  var isInline: Bool = false
  var isHidden: Bool = false
  var defaultJSON: String = ""
  var publishedDefaultJSON: String = ""
  var format: String = ""
  var namedType: String = ""
  var keyNamedType: String = ""
  var enumeration: [String] = []
  var patchStrategies: [String] = []
  var patchMergeKey: String = ""
  var listType: String = ""
  var listMapKeys: [String] = []
  var mapType: String = ""
  var featureGates: [String] = []
  var validation: [String] = []

  init(_ message: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = message
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: name = try reader.string()
      case 3: self.number = Int(truncatingIfNeeded: try reader.varint())
      case 4: isRepeated = try reader.varint() == 3
      case 5: type = Int(truncatingIfNeeded: try reader.varint())
      case 6: typeName = try reader.string()
      case 8: try options(reader.message())
      case 10: jsonName = try reader.string()
      default: try reader.skip(wireType)
      }
    }
  }

  private mutating func options(_ options: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = options
    while let (number, wireType) = try reader.tag() {
      if number == 51200 { try schema(reader.message()) } else { try reader.skip(wireType) }
    }
  }

  private mutating func schema(_ schema: ProtoReader) throws(APISchemaError) {
    var reader: ProtoReader = schema
    while let (number, wireType) = try reader.tag() {
      switch number {
      case 1: isRequired = try reader.varint() != 0
      case 2: omitsEmpty = try reader.varint() != 0
      case 3: omitsZero = try reader.varint() != 0
      case 4: isPointer = try reader.varint() != 0
      case 5: isInline = try reader.varint() != 0
      case 6: defaultJSON = try reader.string()
      case 7: publishedDefaultJSON = try reader.string()
      case 8: format = try reader.string()
      case 9: namedType = try reader.string()
      case 10: keyNamedType = try reader.string()
      case 11: enumeration.append(try reader.string())
      case 12: patchStrategies.append(try reader.string())
      case 13: patchMergeKey = try reader.string()
      case 14: listType = try reader.string()
      case 15: listMapKeys.append(try reader.string())
      case 16: mapType = try reader.string()
      case 17: featureGates.append(try reader.string())
      case 18: validation.append(try reader.string())
      case 19: isHidden = try reader.varint() != 0
      default: try reader.skip(wireType)
      }
    }
  }
}
