// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

extension Expression {
  /// Loads the packet's source address.
  public static func source(_ family: IPFamily, into register: Register) -> Expression {
    .payload(.network, offset: family == .v4 ? 12 : 8, length: family.bitWidth / 8, into: register)
  }

  /// Loads the packet's destination address.
  public static func destination(_ family: IPFamily, into register: Register) -> Expression {
    .payload(.network, offset: family == .v4 ? 16 : 24, length: family.bitWidth / 8, into: register)
  }

  /// Loads the packet's destination port.
  public static func destinationPort(into register: Register) -> Expression {
    .payload(.transport, offset: 2, length: 2, into: register)
  }

  /// Goes on if the destination lies in the network (or does not).
  public static func destination(in network: IPPrefix, isInverted: Bool = false) -> [Expression] {
    matching(.destination(network.family, into: 0), network, isInverted)
  }

  /// Goes on if the source lies in the network (or does not).
  public static func source(in network: IPPrefix, isInverted: Bool = false) -> [Expression] {
    matching(.source(network.family, into: 0), network, isInverted)
  }

  private static func matching(_ load: Expression, _ network: IPPrefix, _ isInverted: Bool) -> [Expression] {
    let zero: [UInt8] = [UInt8](repeating: 0, count: network.family.bitWidth / 8)
    let mask: Expression = .bitwise(0, into: 0, mask: network.mask.bytes, xor: zero)
    let compare: Expression = .compare(0, isInverted ? .notEqual : .equal, network.network.bytes)
    return network.length == network.family.bitWidth ? [load, compare] : [load, mask, compare]
  }

  /// Goes on if the looked up address is one of this host's.
  public static func isLocal(_ selector: FIBSelector) -> [Expression] {
    [.fibAddressType(selector, into: 0), .compare(0, .equal, host(UInt32(2)))]
  }

  /// Goes on if the connection is new.
  public static var isNewConnection: [Expression] { anyBit(.ct(.state, into: 0), 8) }

  /// Goes on if the connection's destination was translated.
  public static var isDestinationTranslated: [Expression] { anyBit(.ct(.status, into: 0), 0x20) }

  /// Goes on if the packet's mark has one of these bits.
  public static func hasMark(_ bits: UInt32) -> [Expression] { anyBit(.meta(.mark, into: 0), bits) }

  private static func anyBit(_ load: Expression, _ bits: UInt32) -> [Expression] {
    [load, .bitwise(0, into: 0, mask: host(bits), xor: host(UInt32(0))), .compare(0, .notEqual, host(UInt32(0)))]
  }

  /// Sets bits of the packet's mark.
  public static func setMark(_ bits: UInt32) -> [Expression] {
    [.meta(.mark, into: 0), .bitwise(0, into: 0, mask: host(~bits), xor: host(bits)), .setMeta(.mark, from: 0)]
  }

  /// Clears bits of the packet's mark.
  public static func clearMark(_ bits: UInt32) -> [Expression] {
    [.meta(.mark, into: 0), .bitwise(0, into: 0, mask: host(~bits), xor: host(UInt32(0))), .setMeta(.mark, from: 0)]
  }

  /// A number's bytes in the machine's order, as marks and states are compared.
  public static func host(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }
}
