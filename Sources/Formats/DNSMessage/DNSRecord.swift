// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// A record type or query type.
public struct DNSType: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let a: DNSType = DNSType(rawValue: 1)
  public static let ns: DNSType = DNSType(rawValue: 2)
  public static let cname: DNSType = DNSType(rawValue: 5)
  public static let soa: DNSType = DNSType(rawValue: 6)
  public static let ptr: DNSType = DNSType(rawValue: 12)
  public static let mx: DNSType = DNSType(rawValue: 15)
  public static let txt: DNSType = DNSType(rawValue: 16)
  public static let aaaa: DNSType = DNSType(rawValue: 28)
  public static let srv: DNSType = DNSType(rawValue: 33)
  public static let opt: DNSType = DNSType(rawValue: 41)
  public static let any: DNSType = DNSType(rawValue: 255)
}

/// What a record says.
public enum DNSData: Hashable, Sendable {
  case a(IPv4Address)
  case aaaa(IPv6Address)
  case cname(DNSName)
  case ptr(DNSName)
  case ns(DNSName)
  case soa(primary: DNSName, mailbox: DNSName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32, minimum: UInt32)
  case srv(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)
  case txt([String])
  /// Anything else, as it stood; names inside may be compressed against the message it came from.
  case other(DNSType, [UInt8])

  /// The record's type.
  public var type: DNSType {
    switch self {
    case .a: .a
    case .aaaa: .aaaa
    case .cname: .cname
    case .ptr: .ptr
    case .ns: .ns
    case .soa: .soa
    case .srv: .srv
    case .txt: .txt
    case .other(let type, _): type
    }
  }
}

/// A resource record of class IN (or, for OPT, what EDNS puts there).
public struct DNSRecord: Hashable, Sendable {
  /// Whose record.
  public var name: DNSName
  /// How long it may be kept, in seconds.
  public var ttl: UInt32
  /// What it says.
  public var data: DNSData
  /// 1 is IN; of OPT records the sender's payload size.
  public var recordClass: UInt16 = 1

  /// A record.
  public init(_ name: DNSName, ttl: UInt32, _ data: DNSData) {
    self.name = name
    self.ttl = ttl
    self.data = data
  }
}

/// What is asked.
public struct DNSQuestion: Hashable, Sendable {
  /// Of which name.
  public var name: DNSName
  /// Which records.
  public var type: DNSType
  /// 1 is IN, 255 any.
  public var questionClass: UInt16

  /// A question of class IN.
  public init(_ name: DNSName, _ type: DNSType) {
    self.name = name
    self.type = type
    questionClass = 1
  }
}
