// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Message types (linux/netfilter/nf_tables.h), without the subsystem's number.
enum TableMessage {
  static let subsystem: UInt16 = 10
  static let batchBegin: UInt16 = 0x10
  static let batchEnd: UInt16 = 0x11
  static let newTable: UInt16 = 0
  static let getTable: UInt16 = 1
  static let deleteTable: UInt16 = 2
  static let newChain: UInt16 = 3
  static let getChain: UInt16 = 4
  static let deleteChain: UInt16 = 5
  static let newRule: UInt16 = 6
  static let getRule: UInt16 = 7
  static let deleteRule: UInt16 = 8
  static let newSet: UInt16 = 9
  static let getSet: UInt16 = 10
  static let deleteSet: UInt16 = 11
  static let newElement: UInt16 = 12
  static let getElement: UInt16 = 13
  static let deleteElement: UInt16 = 14
  static let getGeneration: UInt16 = 16
}

/// A table's family (NFPROTO_*).
public enum TableFamily: UInt8, Sendable, Hashable, CustomStringConvertible {
  case inet = 1
  case ip = 2
  case arp = 3
  case netdev = 5
  case bridge = 7
  case ip6 = 10

  public var description: String {
    switch self {
    case .inet: "inet"
    case .ip: "ip"
    case .arp: "arp"
    case .netdev: "netdev"
    case .bridge: "bridge"
    case .ip6: "ip6"
    }
  }
}

/// Types of keys and data, as `nft` names them; the kernel keeps the number for it and uses the length.
public struct DataType: Hashable, Sendable {
  /// nft's number; of a concatenation, six bits a part.
  public var number: UInt32
  /// The bytes in a register or element.
  public var length: Int
  /// The lengths of the parts of a concatenation, unpadded.
  public var parts: [Int]

  private init(_ number: UInt32, _ length: Int) {
    self.number = number
    self.length = length
    parts = [length]
  }

  public static let ipv4Address: DataType = DataType(7, 4)
  public static let ipv6Address: DataType = DataType(8, 16)
  public static let etherAddress: DataType = DataType(9, 6)
  public static let inetProtocol: DataType = DataType(12, 1)
  public static let inetService: DataType = DataType(13, 2)
  /// A number of 32 bits in the machine's byte order.
  public static let mark: DataType = DataType(19, 4)
  public static let interfaceIndex: DataType = DataType(20, 4)
  public static let interfaceName: DataType = DataType(41, 16)
  /// The data of a verdict map.
  public static let verdict: DataType = DataType(0xFFFF_FF00, 0)

  /// The concatenation `a . b . c`; each part begins at a multiple of four bytes.
  public static func concatenation(_ parts: DataType...) -> DataType {
    guard parts.count > 1 else { return parts[0] }
    var joined: DataType = DataType(0, 0)
    joined.parts = []
    for part: DataType in parts {
      joined.number = joined.number << 6 | part.number
      joined.length += (part.length + 3) & ~3
      joined.parts.append(part.length)
    }
    return joined
  }
}
