// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Reads the protobuf wire format from bytes in memory; every step is checked against the end.
struct ProtoReader {
  let bytes: UnsafeBufferPointer<UInt8>
  private(set) var offset: Int
  private let end: Int

  /// The whole buffer.
  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: Int, _ end: Int) {
    self.bytes = bytes
    self.offset = offset
    self.end = end
  }

  var isAtEnd: Bool { offset >= end }

  /// The words of Go's decoder where a message ends too early.
  private static let unexpectedEnd: APISchemaError = APISchemaError(.malformedProtobuf, "unexpected EOF")

  mutating func varint() throws(APISchemaError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      let byte: UInt8 = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 64 else { throw APISchemaError(.malformedProtobuf, "proto: integer overflow") }
    }
    throw Self.unexpectedEnd
  }

  /// The number and wire type of the next field; nil at the end.
  mutating func tag() throws(APISchemaError) -> (number: Int, wireType: Int)? {
    if isAtEnd { return nil }
    let tag: UInt64 = try varint()
    let number: UInt64 = tag >> 3
    guard number > 0, number <= 0x1FFF_FFFF else {
      throw APISchemaError(.malformedProtobuf, "proto: illegal tag \(number) (wire type \(tag & 7))")
    }
    return (Int(number), Int(tag & 7))
  }

  private mutating func range() throws(APISchemaError) -> Range<Int> {
    let length: UInt64 = try varint()
    guard length <= UInt64(end - offset) else { throw Self.unexpectedEnd }
    let start: Int = offset
    offset += Int(length)
    return start..<offset
  }

  /// A length-delimited message.
  mutating func message() throws(APISchemaError) -> ProtoReader {
    let range: Range<Int> = try range()
    return ProtoReader(bytes, range.lowerBound, range.upperBound)
  }

  mutating func data() throws(APISchemaError) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes[try range()])
  }

  mutating func string() throws(APISchemaError) -> String { String(decoding: try data(), as: UTF8.self) }

  mutating func fixed64() throws(APISchemaError) -> UInt64 {
    guard end - offset >= 8 else { throw Self.unexpectedEnd }
    var value: UInt64 = 0
    for place: Int in 0..<8 { value |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
    offset += 8
    return value
  }

  mutating func fixed32() throws(APISchemaError) -> UInt32 {
    guard end - offset >= 4 else { throw Self.unexpectedEnd }
    var value: UInt32 = 0
    for place: Int in 0..<4 { value |= UInt32(bytes[offset + place]) << UInt32(8 * place) }
    offset += 4
    return value
  }

  /// Skips the value of a field.
  mutating func skip(_ wireType: Int) throws(APISchemaError) {
    switch wireType {
    case 0: _ = try varint()
    case 1: _ = try fixed64()
    case 2: _ = try range()
    case 5: _ = try fixed32()
    default: throw APISchemaError(.malformedProtobuf, "proto: illegal wireType \(wireType)")
    }
  }
}

/// Writes the protobuf wire format.
struct ProtoWriter {
  var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var value: UInt64 = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  mutating func tag(_ number: Int, _ wireType: Int) { varint(UInt64(number << 3 | wireType)) }

  mutating func integer(_ number: Int, _ value: Int64) {
    tag(number, 0)
    varint(UInt64(bitPattern: value))
  }

  mutating func data(_ number: Int, _ value: some Collection<UInt8>) {
    tag(number, 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func string(_ number: Int, _ value: String) { data(number, value.utf8) }

  mutating func double(_ number: Int, _ value: Double) {
    tag(number, 1)
    let bits: UInt64 = value.bitPattern
    for place: UInt64 in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * place))) }
  }

  /// A message whose content `write` appends; its length is put in front of it.
  mutating func message<Failure: Error>(
    _ number: Int, _ write: (inout ProtoWriter) throws(Failure) -> Void
  ) throws(Failure) {
    tag(number, 2)
    // Most messages are shorter than 128 bytes: one byte is reserved, and the content moved where it is not enough.
    let start: Int = bytes.count
    bytes.append(0)
    try write(&self)
    let length: Int = bytes.count - start - 1
    if length < 0x80 {
      bytes[start] = UInt8(length)
    } else {
      var prefix: ProtoWriter = ProtoWriter()
      prefix.varint(UInt64(length))
      bytes.replaceSubrange(start...start, with: prefix.bytes)
    }
  }
}
