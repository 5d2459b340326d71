// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A table.
public struct Table: Hashable, Sendable, CustomStringConvertible {
  /// The family whose packets it sees.
  public var family: TableFamily
  /// The name.
  public var name: String

  /// A table of this name.
  public init(_ family: TableFamily, _ name: String) {
    self.family = family
    self.name = name
  }

  public var description: String { "table \(family) \(name)" }
}

/// A chain. One with a hook is a base chain, which packets enter by themselves.
public struct Chain: Hashable, Sendable {
  /// Where packets are met (NF_INET_*).
  public enum Hook: UInt32, Sendable, Hashable {
    case prerouting = 0
    case input = 1
    case forward = 2
    case output = 3
    case postrouting = 4
  }

  /// What a base chain is for.
  public enum Kind: String, Sendable, Hashable {
    case filter
    case nat
    case route
  }

  /// What makes a chain a base chain.
  public struct Base: Hashable, Sendable {
    /// What it is for.
    public var kind: Kind
    /// Where.
    public var hook: Hook
    /// Lower comes first: destination NAT is -100, filters 0, source NAT 100.
    public var priority: Int32
    /// What happens to a packet at the end of the chain.
    public var acceptsByDefault: Bool

    /// A base chain's place.
    public init(_ kind: Kind, _ hook: Hook, priority: Int32, acceptsByDefault: Bool = true) {
      self.kind = kind
      self.hook = hook
      self.priority = priority
      self.acceptsByDefault = acceptsByDefault
    }
  }

  /// The table.
  public var table: Table
  /// The name.
  public var name: String
  /// Of base chains: where they sit.
  public var base: Base?

  /// A chain of a table.
  public init(_ table: Table, _ name: String, base: Base? = nil) {
    self.table = table
    self.name = name
    self.base = base
  }
}

/// A rule as it is added or listed.
public struct Rule: Hashable, Sendable {
  /// The table.
  public var table: Table
  /// The name of the chain.
  public var chain: String
  /// What it matches and does, in order.
  public var expressions: [Expression]
  /// A comment, up to 127 bytes.
  public var comment: String
  /// The kernel's number for a rule that exists.
  public var handle: UInt64?
  /// Of listed rules, the verdict that they end with.
  public var verdict: Verdict?

  /// A rule to be added.
  public init(_ table: Table, chain: String, comment: String = "", _ expressions: [Expression]) {
    self.table = table
    self.chain = chain
    self.expressions = expressions
    self.comment = comment
  }
}

/// A named set or map.
public struct NamedSet: Hashable, Sendable {
  /// Properties of a set (NFT_SET_*).
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Never changes once in use.
    public static let constant: Flags = Flags(rawValue: 0x2)
    /// Elements are ranges.
    public static let interval: Flags = Flags(rawValue: 0x4)
    /// Elements may expire.
    public static let timeout: Flags = Flags(rawValue: 0x10)
    /// Rules add elements.
    public static let dynamic: Flags = Flags(rawValue: 0x20)
  }

  /// The table.
  public var table: Table
  /// The name.
  public var name: String
  /// The type of the elements' keys.
  public var key: DataType
  /// Of maps, the type of their data.
  public var data: DataType?
  /// Properties.
  public var flags: Flags
  /// How long an element stays if it says nothing itself.
  public var timeoutMilliseconds: UInt64?
  /// The most elements; needed for dynamic sets.
  public var sizeMax: UInt32?
  /// A comment.
  public var comment: String = ""

  /// A set (or map, with `data`) of a table.
  public init(_ table: Table, _ name: String, key: DataType, data: DataType? = nil, flags: Flags = []) {
    self.table = table
    self.name = name
    self.key = key
    self.data = data
    self.flags = flags
  }
}

/// What becomes of a packet.
public enum Verdict: Hashable, Sendable {
  case accept
  case drop
  case `continue`
  case `return`
  case jump(String)
  case goto(String)

  var code: Int32 {
    switch self {
    case .drop: 0
    case .accept: 1
    case .continue: -1
    case .jump: -3
    case .goto: -4
    case .return: -5
    }
  }

  var chain: String? {
    switch self {
    case .jump(let chain), .goto(let chain): chain
    default: nil
    }
  }

  init?(code: Int32, chain: String?) {
    switch (code, chain) {
    case (0, _): self = .drop
    case (1, _): self = .accept
    case (-1, _): self = .continue
    case (-3, let chain?): self = .jump(chain)
    case (-4, let chain?): self = .goto(chain)
    case (-5, _): self = .return
    default: return nil
    }
  }
}

/// An element of a set or map.
public struct SetElement: Hashable, Sendable {
  /// What a map gives for a key.
  public enum Value: Hashable, Sendable {
    case bytes([UInt8])
    case verdict(Verdict)
  }

  /// The key; parts of a concatenation padded to four bytes each (see `KeyBytes`).
  public var key: [UInt8]
  /// The end of a range, included, in concatenated interval sets.
  public var keyEnd: [UInt8]?
  /// Whether this marks the first key after a range, in plain interval sets.
  public var isIntervalEnd: Bool = false
  /// Of maps: the data.
  public var value: Value?
  /// How long the element stays.
  public var timeoutMilliseconds: UInt64?
  /// A comment, up to 127 bytes.
  public var comment: String

  /// An element.
  public init(key: [UInt8], value: Value? = nil, comment: String = "") {
    self.key = key
    self.value = value
    self.comment = comment
  }
}
