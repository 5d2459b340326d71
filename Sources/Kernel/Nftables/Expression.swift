// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// One step of a rule: it loads a register, compares one, or acts.
///
/// Registers are slots of four bytes, numbered from 0 to 15; an IPv4 address takes one, an IPv6 address four. A rule
/// ends at the first comparison that does not hold.
public enum Expression: Hashable, Sendable {
  /// A slot of four bytes.
  public typealias Register = Int

  /// Which header a payload offset counts from.
  public enum Base: UInt32, Sendable, Hashable {
    case link = 0
    case network = 1
    case transport = 2
  }

  /// What `meta` loads (NFT_META_*).
  public enum MetaKey: UInt32, Sendable, Hashable {
    case length = 0
    case mark = 3
    case inputIndex = 4
    case outputIndex = 5
    case inputName = 6
    case outputName = 7
    case family = 15
    case transport = 16
  }

  /// What `ct` loads (NFT_CT_*).
  public enum ConnectionKey: UInt32, Sendable, Hashable {
    case state = 0
    case direction = 1
    case status = 2
    case mark = 3
  }

  /// Comparisons.
  public enum Comparison: UInt32, Sendable, Hashable {
    case equal = 0
    case notEqual = 1
    case less = 2
    case lessOrEqual = 3
    case greater = 4
    case greaterOrEqual = 5
  }

  /// Which address `fib` looks up.
  public enum FIBSelector: UInt32, Sendable, Hashable {
    case source = 1
    case destination = 2
  }

  /// Directions of address translation.
  public enum Translation: UInt32, Sendable, Hashable {
    case source = 0
    case destination = 1
  }

  /// How a packet is refused.
  public enum Rejection: Hashable, Sendable {
    /// With a TCP reset.
    case tcpReset
    /// With an ICMP error; the family's own code.
    case icmp(UInt8)
    /// With "port unreachable" of either family.
    case portUnreachable
  }

  /// What a rule does with a dynamic set.
  public enum SetUpdate: UInt32, Sendable, Hashable {
    case add = 0
    case update = 1
    case delete = 2
  }

  case payload(Base, offset: Int, length: Int, into: Register)
  case meta(MetaKey, into: Register)
  case setMeta(MetaKey, from: Register)
  case ct(ConnectionKey, into: Register)
  case setCt(ConnectionKey, from: Register)
  case compare(Register, Comparison, [UInt8])
  case bitwise(Register, into: Register, mask: [UInt8], xor: [UInt8])
  case immediate([UInt8], into: Register)
  case verdict(Verdict)
  /// Goes on if the key is (or is not) in the set.
  case inSet(String, key: Register, isInverted: Bool)
  /// Loads what the map has for the key; goes on if there is something.
  case map(String, key: Register, into: Register)
  /// Takes the verdict that the map has for the key.
  case verdictMap(String, key: Register)
  case translate(Translation, family: TableFamily, address: Register?, port: Register?, flags: UInt32)
  case masquerade(flags: UInt32)
  case redirect(port: Register?)
  case randomNumber(modulus: UInt32, into: Register)
  case fibAddressType(FIBSelector, into: Register)
  case counter
  case log(prefix: String)
  case reject(Rejection)
  case objectReference(kind: UInt32, name: String)
  case updateSet(String, SetUpdate, key: Register, data: Register?, timeoutMilliseconds: UInt64?)
  case limit(rate: UInt64, perSeconds: UInt64, burst: UInt32)
  case notrack
  /// A match of xtables, as iptables writes it: its name, its revision and its structure.
  case xtablesMatch(String, revision: UInt32, bytes: [UInt8])

  /// NF_NAT_RANGE_PROTO_RANDOM_FULLY, for `masquerade`.
  public static let fullyRandom: UInt32 = 16
}
