// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// One message from the kernel.
public struct NetlinkMessage: Sendable {
  /// The type of the message.
  public var type: UInt16
  /// Flags of the header.
  public var flags: NetlinkFlags
  /// The sequence number of the request that this answers.
  public var sequence: UInt32
  /// What follows the header.
  public var payload: ArraySlice<UInt8>

  /// Splits what one receive call gave; nil where the lengths do not fit.
  public static func split(_ bytes: [UInt8]) -> [NetlinkMessage]? {
    var messages: [NetlinkMessage] = []
    var rest: ArraySlice<UInt8> = bytes[...]
    while rest.count >= 16 {
      let length: Int = Int(rest.number(at: 0, as: UInt32.self))
      guard length >= 16, length <= rest.count else { return nil }
      let start: Int = rest.startIndex
      messages.append(
        NetlinkMessage(
          type: rest.number(at: 4, as: UInt16.self),
          flags: NetlinkFlags(rawValue: rest.number(at: 6, as: UInt16.self)),
          sequence: rest.number(at: 8, as: UInt32.self), payload: rest[(start + 16)..<(start + length)]))
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return messages
  }
}

extension ArraySlice<UInt8> {
  /// The integer at an offset from the start, in the machine's byte order; 0 past the end.
  public func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type = Number.self) -> Number {
    guard offset + MemoryLayout<Number>.size <= count else { return 0 }
    return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
  }
}

/// The attributes of a message, or those inside a nested attribute. Of repeated types the last wins; `list` has all.
public struct NetlinkAttributes: Sendable {
  /// All attributes in order, with the flag bits of the type removed.
  public private(set) var list: [(type: UInt16, value: ArraySlice<UInt8>)] = []

  /// Reads attributes up to the first whose length does not fit.
  public init(_ bytes: ArraySlice<UInt8>) {
    var rest: ArraySlice<UInt8> = bytes
    while rest.count >= 4 {
      let length: Int = Int(rest.number(at: 0, as: UInt16.self))
      guard length >= 4, length <= rest.count else { return }
      let start: Int = rest.startIndex
      list.append((rest.number(at: 2, as: UInt16.self) & 0x3FFF, rest[(start + 4)..<(start + length)]))
      rest = rest.dropFirst((length + 3) & ~3)
    }
  }

  /// The payload of the last attribute of this type.
  public subscript(type: UInt16) -> ArraySlice<UInt8>? { list.last { $0.type == type }?.value }

  /// An integer in the machine's byte order.
  public func number<Number: FixedWidthInteger>(_ type: UInt16, as: Number.Type = Number.self) -> Number? {
    guard let value = self[type], value.count >= MemoryLayout<Number>.size else { return nil }
    return value.number(at: 0)
  }

  /// An integer in network byte order.
  public func bigEndian<Number: FixedWidthInteger>(_ type: UInt16, as: Number.Type = Number.self) -> Number? {
    number(type, as: Number.self).map { Number(bigEndian: $0) }
  }

  /// A text; ends at the first zero byte.
  public func text(_ type: UInt16) -> String? {
    self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  /// The attributes inside one.
  public func nested(_ type: UInt16) -> NetlinkAttributes? { self[type].map(NetlinkAttributes.init) }

  /// An address of 4 or 16 bytes.
  public func address(_ type: UInt16) -> IPAddress? { self[type].flatMap { IPAddress(bytes: $0) } }
}
