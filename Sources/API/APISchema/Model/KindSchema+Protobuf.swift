// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// The protobuf form of an object in its envelope (`k8s\0` and runtime.Unknown).
  ///
  /// Built-in kinds have one; of another kind this is nil.
  public func encodeProtobuf(_ object: JSONValue) -> [UInt8]? { nil }

  /// The protobuf form of an object from its JSON text.
  public func encodeProtobuf(json: [UInt8]) throws(APISchemaError) -> [UInt8]? { nil }

  /// Reads an object from its protobuf form with the envelope.
  public func decodeProtobuf(_ bytes: [UInt8]) throws(APISchemaError) -> JSONValue {
    throw APISchemaError(.malformedProtobuf, "not yet")
  }

  /// A watch event as one frame of application/vnd.kubernetes.protobuf;stream=watch: four bytes of length and the event.
  ///
  /// - Parameters:
  ///   - type: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
  ///   - object: the object's protobuf form with its envelope.
  public static func protobufWatchFrame(type: String, object: [UInt8]) -> [UInt8] { [] }
}
