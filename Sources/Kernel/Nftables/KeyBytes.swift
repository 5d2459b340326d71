// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// Builds the bytes of keys and data of concatenated types: each part padded to four bytes.
public struct KeyBytes: Hashable, Sendable {
  /// What was built so far.
  public private(set) var bytes: [UInt8] = []

  /// No bytes.
  public init() {}

  private func appending(_ more: some Sequence<UInt8>) -> KeyBytes {
    var copy: KeyBytes = self
    copy.bytes.append(contentsOf: more)
    while copy.bytes.count % 4 != 0 { copy.bytes.append(0) }
    return copy
  }

  /// With an address.
  public func address(_ address: IPAddress) -> KeyBytes { appending(address.bytes) }
  /// With a transport protocol's number.
  public func transport(_ number: UInt8) -> KeyBytes { appending([number]) }
  /// With a port.
  public func port(_ port: UInt16) -> KeyBytes { appending([UInt8(port >> 8), UInt8(port & 255)]) }
  /// With a number of 32 bits in the machine's byte order.
  public func number(_ number: UInt32) -> KeyBytes { appending(withUnsafeBytes(of: number) { Array($0) }) }
  /// With the name of a link.
  public func linkName(_ name: String) -> KeyBytes {
    let bytes: [UInt8] = Array(name.utf8.prefix(15))
    return appending(bytes + [UInt8](repeating: 0, count: 16 - bytes.count))
  }
}
