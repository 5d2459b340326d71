// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension SchemaRegistry {
  /// The object in a body of application/vnd.kubernetes.protobuf; nil where it is none, or not one of a known kind.
  public func decodeEnvelope(_ bytes: [UInt8]) -> JSONValue? {
    guard let envelope: ProtobufEnvelope = try? ProtobufEnvelope(bytes),
      let version: GroupVersion = GroupVersion(apiVersion: envelope.apiVersion),
      let schema: KindSchema = kind(version.group, version.version, envelope.kind)
    else { return nil }
    return try? schema.decode(.protobuf(bytes), validation: .ignore).object
  }
}

extension KindSchema {
  /// The protobuf form of an object in its envelope (`k8s\0` and runtime.Unknown).
  ///
  /// Built-in kinds have one; of another kind this is nil.
  public func encodeProtobuf(_ object: JSONValue) -> [UInt8]? {
    guard isBuiltIn, schema.message?.isJSONOnly == false else { return nil }
    var writer: ProtoWriter = ProtoWriter()
    writer.bytes.reserveCapacity(1024)
    writer.bytes += ProtobufEnvelope.magic
    writer.message(1) { types in
      types.string(1, kind.apiVersion)
      types.string(2, kind.kind)
    }
    writer.message(2) { ProtobufEncoder.write(object, schema, to: &$0) }
    // As upstream: the content's encoding and type are there, and empty.
    writer.string(3, "")
    writer.string(4, "")
    return writer.bytes
  }

  /// The protobuf form of an object from its JSON text.
  public func encodeProtobuf(json: [UInt8]) throws(APISchemaError) -> [UInt8]? {
    do throws(JSONError) {
      return encodeProtobuf(try JSONValue(parsing: json))
    } catch {
      throw APISchemaError(.typeMismatch, error.description)
    }
  }

  /// Reads an object from its protobuf form with the envelope.
  public func decodeProtobuf(_ bytes: [UInt8]) throws(APISchemaError) -> JSONValue {
    let envelope: ProtobufEnvelope = try ProtobufEnvelope(bytes)
    let result: Result<JSONValue, APISchemaError> = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(APISchemaError) in
        let raw: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(rebasing: buffer[envelope.raw])
        return try ProtobufDecoder.read(ProtoReader(raw), schema)
      }
    }
    var object: JSONValue = try result.get()
    guard case .object(let members) = object, schema.hasTypeMeta else { return object }
    var named: JSONObject = JSONObject()
    named.appendUnique("kind", .string(kind.kind))
    named.appendUnique("apiVersion", .string(kind.apiVersion))
    for (name, value) in members { named.appendUnique(name, value) }
    object = .object(named)
    return object
  }

  /// A watch event as one frame of application/vnd.kubernetes.protobuf;stream=watch: four bytes of length and the event.
  ///
  /// - Parameters:
  ///   - type: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
  ///   - object: the object's protobuf form with its envelope.
  public static func protobufWatchFrame(type: String, object: [UInt8]) -> [UInt8] {
    var event: ProtoWriter = ProtoWriter()
    event.bytes.reserveCapacity(object.count + 32)
    event.string(1, type)
    event.message(2) { $0.data(1, object) }
    let length: UInt32 = UInt32(event.bytes.count)
    var frame: [UInt8] = []
    frame.reserveCapacity(event.bytes.count + 4)
    for shift: UInt32 in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: length >> shift)) }
    return frame + event.bytes
  }

  /// A list in protobuf from the protobuf forms of its items, which are copied and not read again.
  ///
  /// - Parameters:
  ///   - metadata: `metav1.ListMeta`.
  ///   - items: the items' protobuf forms with their envelopes.
  public func encodeProtobufList(metadata: JSONValue, items: [[UInt8]]) throws(APISchemaError) -> [UInt8]? {
    guard isBuiltIn, let list: MessageFacts = schema.message,
      let itemField: WireField = list.wireFields.first(where: { $0.isRepeated }),
      let metaField: WireField = list.wireFields.first(where: { !$0.isRepeated })
    else { return nil }
    var writer: ProtoWriter = ProtoWriter()
    writer.bytes.reserveCapacity(items.reduce(64) { $0 + $1.count })
    writer.bytes += ProtobufEnvelope.magic
    writer.message(1) { types in
      types.string(1, kind.apiVersion)
      types.string(2, kind.kind)
    }
    try writer.message(2) { (body: inout ProtoWriter) throws(APISchemaError) in
      body.message(metaField.number) { ProtobufEncoder.write(metadata, metaField.schema, to: &$0) }
      for item: [UInt8] in items {
        let envelope: ProtobufEnvelope = try ProtobufEnvelope(item)
        body.data(itemField.number, item[envelope.raw])
      }
    }
    writer.string(3, "")
    writer.string(4, "")
    return writer.bytes
  }
}
