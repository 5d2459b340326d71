// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Netlink

/// Changes that the kernel applies together or not at all, in order.
public struct Batch: Sendable, Hashable {
  /// A message's attributes count their bytes in 16 bits; a list of elements stays well below.
  private static let elementBytesMax: Int = 48_000

  /// The messages between the batch's begin and end.
  public private(set) var requests: [NetlinkRequest] = []

  /// No changes.
  public init() {}

  /// Whether there is nothing to change.
  public var isEmpty: Bool { requests.isEmpty }

  static func message(
    _ type: UInt16, _ family: UInt8, flags: NetlinkFlags, operation: String
  ) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(
      type: TableMessage.subsystem << 8 | type, flags: flags, operation: operation)
    request.append(family)
    request.append(UInt8(0))
    request.append(UInt16(0))
    return request
  }

  private mutating func append(
    _ type: UInt16, _ table: Table, flags: NetlinkFlags = [], operation: String, _ body: (inout NetlinkRequest) -> Void
  ) {
    var request: NetlinkRequest = Self.message(
      type, table.family.rawValue, flags: flags, operation: "\(operation) of \(table)")
    body(&request)
    requests.append(request)
  }

  /// Makes a table; one that exists stays as it is, unless it must be new.
  public mutating func add(_ table: Table, mustBeNew: Bool = false) {
    append(
      TableMessage.newTable, table, flags: mustBeNew ? [.create, .exclusive] : [.create], operation: "add"
    ) { request in
      request.attribute(1, table.name)
      request.attribute(2, bigEndian: UInt32(0))
    }
  }

  /// Deletes a table with all that is in it; fails if it does not exist.
  public mutating func delete(_ table: Table) {
    append(TableMessage.deleteTable, table, operation: "delete") { $0.attribute(1, table.name) }
  }

  /// Makes a chain; one that exists stays as it is but for its policy, unless it must be new.
  public mutating func add(_ chain: Chain, mustBeNew: Bool = false) {
    let flags: NetlinkFlags = mustBeNew ? [.create, .exclusive] : [.create]
    append(TableMessage.newChain, chain.table, flags: flags, operation: "add chain \(chain.name)") { request in
      request.attribute(1, chain.table.name)
      request.attribute(3, chain.name)
      guard let base = chain.base else { return }
      request.nested(4) { hook in
        hook.attribute(1, bigEndian: base.hook.rawValue)
        hook.attribute(2, bigEndian: base.priority)
      }
      request.attribute(5, bigEndian: UInt32(base.acceptsByDefault ? 1 : 0))
      request.attribute(7, base.kind.rawValue)
    }
  }

  /// Removes all rules of a chain.
  public mutating func flushChain(_ table: Table, _ chain: String) {
    append(TableMessage.deleteRule, table, operation: "flush chain \(chain)") { request in
      request.attribute(1, table.name)
      request.attribute(2, chain)
    }
  }

  /// Deletes a chain with its rules; fails while rules or elements jump to it.
  public mutating func deleteChain(_ table: Table, _ chain: String) {
    append(TableMessage.deleteChain, table, operation: "delete chain \(chain)") { request in
      request.attribute(1, table.name)
      request.attribute(3, chain)
    }
  }

  /// Adds a rule to the end of its chain.
  public mutating func add(_ rule: Rule) { append(rule, flags: [.create, .append]) }

  /// Adds a rule to the start of its chain.
  public mutating func insert(_ rule: Rule) { append(rule, flags: [.create]) }

  private mutating func append(_ rule: Rule, flags: NetlinkFlags) {
    append(
      TableMessage.newRule, rule.table, flags: flags, operation: "add rule to chain \(rule.chain)"
    ) { request in
      request.attribute(1, rule.table.name)
      request.attribute(2, rule.chain)
      request.nested(4) { list in
        for expression: Expression in rule.expressions { expression.write(to: &list) }
      }
      if !rule.comment.isEmpty { request.attribute(7, bytes: UserData.comment(rule.comment)) }
    }
  }

  /// Deletes the rule with this handle.
  public mutating func deleteRule(_ table: Table, chain: String, handle: UInt64) {
    append(TableMessage.deleteRule, table, operation: "delete rule \(handle) of chain \(chain)") { request in
      request.attribute(1, table.name)
      request.attribute(2, chain)
      request.attribute(3, bigEndian: handle)
    }
  }

  /// Makes a set or map; one that exists stays as it is.
  public mutating func add(_ set: NamedSet) {
    let number: UInt32 = UInt32(requests.count + 1)
    append(TableMessage.newSet, set.table, flags: [.create], operation: "add set \(set.name)") { request in
      request.attribute(1, set.table.name)
      request.attribute(2, set.name)
      let isConcatenatedInterval: Bool = set.flags.contains(.interval) && set.key.parts.count > 1
      let flags: UInt32 = set.flags.rawValue | (set.data == nil ? 0 : 0x8) | (isConcatenatedInterval ? 0x80 : 0)
      request.attribute(3, bigEndian: flags)
      request.attribute(4, bigEndian: set.key.number)
      request.attribute(5, bigEndian: UInt32(set.key.length))
      if let data = set.data {
        request.attribute(6, bigEndian: data.number)
        if data != .verdict { request.attribute(7, bigEndian: UInt32(data.length)) }
      }
      if set.sizeMax != nil || isConcatenatedInterval {
        request.nested(9) { description in
          if let size = set.sizeMax { description.attribute(1, bigEndian: size) }
          guard isConcatenatedInterval else { return }
          description.nested(2) { fields in
            for part: Int in set.key.parts { fields.nested(1) { $0.attribute(1, bigEndian: UInt32(part)) } }
          }
        }
      }
      request.attribute(10, bigEndian: number)
      if let timeout = set.timeoutMilliseconds { request.attribute(11, bigEndian: timeout) }
      if !set.comment.isEmpty { request.attribute(13, bytes: UserData.setComment(set.comment)) }
    }
  }

  /// Deletes a set or map; fails while rules use it.
  public mutating func deleteSet(_ table: Table, _ set: String) {
    append(TableMessage.deleteSet, table, operation: "delete set \(set)") { request in
      request.attribute(1, table.name)
      request.attribute(2, set)
    }
  }

  /// Adds elements. An element that exists with the same data stays; with other data the batch fails.
  public mutating func add(_ elements: [SetElement], to set: String, of table: Table, mustBeNew: Bool = false) {
    let flags: NetlinkFlags = mustBeNew ? [.create, .exclusive] : [.create]
    appendElements(TableMessage.newElement, elements, set, table, flags, operation: "add elements to set \(set)")
  }

  /// Deletes elements; fails if one does not exist.
  public mutating func delete(_ elements: [SetElement], from set: String, of table: Table) {
    appendElements(TableMessage.deleteElement, elements, set, table, [], operation: "delete elements of set \(set)")
  }

  /// Removes all elements of a set.
  public mutating func flushSet(_ table: Table, _ set: String) {
    append(TableMessage.deleteElement, table, operation: "flush set \(set)") { request in
      request.attribute(1, table.name)
      request.attribute(2, set)
    }
  }

  private mutating func appendElements(
    _ type: UInt16, _ elements: [SetElement], _ set: String, _ table: Table, _ flags: NetlinkFlags, operation: String
  ) {
    var rest: ArraySlice<SetElement> = elements[...]
    while !rest.isEmpty {
      append(type, table, flags: flags, operation: operation) { request in
        request.attribute(1, table.name)
        request.attribute(2, set)
        request.nested(3) { list in
          while let element: SetElement = rest.first, list.payload.count < Self.elementBytesMax {
            element.write(to: &list, isDelete: type == TableMessage.deleteElement)
            rest = rest.dropFirst()
          }
        }
      }
    }
  }

  /// Appends another batch's changes.
  public mutating func append(_ other: Batch) { requests.append(contentsOf: other.requests) }

  /// The whole batch as one datagram; messages are numbered from `sequence`, the batch's begin.
  public func encode(sequence: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(requests.reduce(64) { $0 + $1.encodedCount })
    Self.frame(TableMessage.batchBegin).encode(to: &bytes, sequence: sequence)
    for (place, request) in requests.enumerated() {
      var request: NetlinkRequest = request
      // Errors are told in any case; success is told once, after the last message.
      if place == requests.count - 1 { request.flags.insert(.acknowledge) }
      request.encode(to: &bytes, sequence: sequence &+ 1 &+ UInt32(place))
    }
    Self.frame(TableMessage.batchEnd).encode(to: &bytes, sequence: sequence &+ 1 &+ UInt32(requests.count))
    return bytes
  }

  private static func frame(_ type: UInt16) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: [], operation: "batch")
    request.append(UInt16(0))
    request.append(TableMessage.subsystem.bigEndian)
    return request
  }
}

extension SetElement {
  func write(to list: inout NetlinkRequest, isDelete: Bool) {
    list.nested(1) { element in
      element.nested(1) { $0.attribute(1, bytes: key) }
      if isIntervalEnd { element.attribute(3, bigEndian: UInt32(1)) }
      if let keyEnd { element.nested(10) { $0.attribute(1, bytes: keyEnd) } }
      guard !isDelete else { return }
      switch value {
      case .bytes(let bytes): element.nested(2) { $0.attribute(1, bytes: bytes) }
      case .verdict(let verdict): element.nested(2) { verdict.write(to: &$0) }
      case nil: break
      }
      if let timeoutMilliseconds { element.attribute(4, bigEndian: timeoutMilliseconds) }
      if !comment.isEmpty { element.attribute(6, bytes: UserData.comment(comment)) }
    }
  }
}

/// What `nft` keeps beside objects: type, length, value.
enum UserData {
  /// Comments of rules and of elements have type 0.
  static func comment(_ text: String) -> [UInt8] { entry(0, text) }
  /// Comments of sets have type 6 (after byte orders, typeof and merging).
  static func setComment(_ text: String) -> [UInt8] { entry(6, text) }

  private static func entry(_ type: UInt8, _ text: String) -> [UInt8] {
    let bytes: [UInt8] = Array(text.utf8.prefix(127))
    return [type, UInt8(bytes.count + 1)] + bytes + [0]
  }

  static func comment(in bytes: ArraySlice<UInt8>?) -> String {
    var rest: ArraySlice<UInt8> = bytes ?? []
    while rest.count >= 2 {
      let type: UInt8 = rest.number(at: 0)
      let length: Int = Int(rest.number(at: 1) as UInt8)
      guard rest.count >= 2 + length else { return "" }
      if type == 0 { return String(decoding: rest.dropFirst(2).prefix(length).prefix { $0 != 0 }, as: UTF8.self) }
      rest = rest.dropFirst(2 + length)
    }
    return ""
  }
}
