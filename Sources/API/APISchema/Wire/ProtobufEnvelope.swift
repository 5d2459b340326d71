// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The envelope of an object in application/vnd.kubernetes.protobuf: `k8s\0` and a `runtime.Unknown`.
struct ProtobufEnvelope {
  static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

  var apiVersion: String = ""
  var kind: String = ""
  /// Where the object's message is in the bytes.
  var raw: Range<Int> = 0..<0

  init(_ bytes: [UInt8]) throws(APISchemaError) {
    guard bytes.starts(with: Self.magic) else {
      throw APISchemaError(
        .malformedProtobuf, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    }
    let result: Result<ProtobufEnvelope, APISchemaError> = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(APISchemaError) in try ProtobufEnvelope(body: buffer) }
    }
    self = try result.get()
  }

  private init(body bytes: UnsafeBufferPointer<UInt8>) throws(APISchemaError) {
    let rest: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(rebasing: bytes[Self.magic.count...])
    var reader: ProtoReader = ProtoReader(rest)
    while let (number, wireType) = try reader.tag() {
      switch (number, wireType) {
      case (1, 2):
        var types: ProtoReader = try reader.message()
        while let (number, wireType) = try types.tag() {
          switch (number, wireType) {
          case (1, 2): apiVersion = try types.string()
          case (2, 2): kind = try types.string()
          default: try types.skip(wireType)
          }
        }
      case (2, 2):
        let data: UnsafeBufferPointer<UInt8> = try reader.data()
        raw = (Self.magic.count + reader.offset - data.count)..<(Self.magic.count + reader.offset)
      default: try reader.skip(wireType)
      }
    }
  }
}
