// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// One request to the kernel: its type, its flags and its payload as bytes.
///
/// The payload is built front to back: the fixed part of the message with `append`, then attributes.
/// Integers are in the machine's byte order unless the name says otherwise.
public struct NetlinkRequest: Sendable, Hashable {
  /// The bit that marks an attribute whose payload is attributes.
  public static let nestedFlag: UInt16 = 0x8000

  /// The type of the message.
  public var type: UInt16
  /// The flags; `request` is added when sent.
  public var flags: NetlinkFlags
  /// What is being done, for the message of an error.
  public var operation: String
  /// What follows the header.
  public private(set) var payload: [UInt8] = []

  /// A request without payload.
  public init(type: UInt16, flags: NetlinkFlags = [.acknowledge], operation: String) {
    self.type = type
    self.flags = flags
    self.operation = operation
    payload.reserveCapacity(128)
  }

  /// Appends an integer in the machine's byte order.
  public mutating func append<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value) { payload.append(contentsOf: $0) }
  }

  /// Appends bytes.
  public mutating func append(bytes: some Sequence<UInt8>) { payload.append(contentsOf: bytes) }

  private mutating func pad() {
    while payload.count % 4 != 0 { payload.append(0) }
  }

  private mutating func begin(_ type: UInt16, length: Int) {
    append(UInt16(4 + length))
    append(type)
  }

  /// Appends an attribute without payload.
  public mutating func attribute(_ type: UInt16) { begin(type, length: 0) }

  /// Appends an attribute of bytes.
  public mutating func attribute(_ type: UInt16, bytes: some Collection<UInt8>) {
    begin(type, length: bytes.count)
    payload.append(contentsOf: bytes)
    pad()
  }

  /// Appends an attribute of one integer in the machine's byte order.
  public mutating func attribute<Number: FixedWidthInteger>(_ type: UInt16, _ value: Number) {
    begin(type, length: MemoryLayout<Number>.size)
    append(value)
    pad()
  }

  /// Appends an attribute of one integer in network byte order.
  public mutating func attribute<Number: FixedWidthInteger>(_ type: UInt16, bigEndian value: Number) {
    attribute(type, value.bigEndian)
  }

  /// Appends an attribute of a text that ends in a zero byte.
  public mutating func attribute(_ type: UInt16, _ text: String) {
    begin(type, length: text.utf8.count + 1)
    payload.append(contentsOf: text.utf8)
    payload.append(0)
    pad()
  }

  /// Appends an attribute of an address.
  public mutating func attribute(_ type: UInt16, _ address: IPAddress) { attribute(type, bytes: address.bytes) }

  /// Appends an attribute of attributes; `isMarked` sets the nested flag, which rtnetlink does not want and nf_tables does.
  public mutating func nested(_ type: UInt16, isMarked: Bool = true, _ body: (inout NetlinkRequest) -> Void) {
    let start: Int = payload.count
    append(UInt16(0))
    append(isMarked ? type | Self.nestedFlag : type)
    body(&self)
    let length: UInt16 = UInt16(payload.count - start)
    payload[start] = UInt8(truncatingIfNeeded: length.littleEndian)
    payload[start + 1] = UInt8(truncatingIfNeeded: length.littleEndian >> 8)
  }

  /// Appends the whole message, padded.
  public func encode(to output: inout [UInt8], sequence: UInt32, port: UInt32 = 0) {
    var header: NetlinkRequest = NetlinkRequest(type: 0, operation: "")
    header.append(UInt32(16 + payload.count))
    header.append(type)
    header.append(flags.union(.request).rawValue)
    header.append(sequence)
    header.append(port)
    output.append(contentsOf: header.payload)
    output.append(contentsOf: payload)
    while output.count % 4 != 0 { output.append(0) }
  }

  /// The number of bytes of the whole message.
  public var encodedCount: Int { (16 + payload.count + 3) & ~3 }
}
