// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Netlink

/// The packet filter of one network namespace.
public struct NftablesSocket: ~Copyable, Sendable {
  /// A batch is tried again when another change came between (EAGAIN is rare; the kernel mostly retries itself).
  private static let commitAttemptsMax: Int = 5

  private var socket: NetlinkSocket

  /// Opens a socket in the calling thread's network namespace.
  public init() throws(NftablesError) {
    do throws(NetlinkError) { socket = try NetlinkSocket(.netfilter) } catch { throw NftablesError(error) }
  }

  /// Takes a netfilter socket, which may belong to another namespace.
  public init(socket: consuming NetlinkSocket) { self.socket = socket }

  /// Applies a batch. When it throws, nothing was changed.
  public mutating func commit(_ batch: Batch) throws(NftablesError) {
    guard !batch.isEmpty else { return }
    for attempt: Int in 1...Self.commitAttemptsMax {
      do throws(NetlinkError) {
        try commitOnce(batch)
        return
      } catch {
        // EAGAIN, EINTR and EBUSY while a set is being rebuilt.
        guard attempt < Self.commitAttemptsMax, error.errorNumber == 11 || error.errorNumber == 4 else {
          throw NftablesError(error)
        }
      }
    }
  }

  private mutating func commitOnce(_ batch: Batch) throws(NetlinkError) {
    let first: UInt32 = socket.takeSequence(batch.requests.count + 2)
    let last: UInt32 = first &+ UInt32(batch.requests.count)
    try socket.send(batch.encode(sequence: first), operation: "change packet filter")
    var failure: NetlinkError?
    while true {
      // The kernel works a batch off before the send call returns; after an error only what is there is read.
      guard
        let messages: [NetlinkMessage] = try socket.receive(
          isBlocking: failure == nil, operation: "change packet filter")
      else { break }
      var isComplete: Bool = false
      for message: NetlinkMessage in messages where message.type == 2 {
        let place: Int = Int(message.sequence &- first) - 1
        guard place >= -1, place < batch.requests.count else { continue }
        let operation: String = place < 0 ? "commit" : batch.requests[place].operation
        if let error = message.error(operation, index: max(place, 0)), failure == nil { failure = error }
        if message.sequence == last { isComplete = true }
      }
      if isComplete { break }
    }
    if let failure { throw failure }
  }

  private mutating func dump(
    _ type: UInt16, _ family: UInt8, operation: String, _ body: (inout NetlinkRequest) -> Void = { _ in }
  ) throws(NftablesError) -> [NetlinkMessage] {
    var request: NetlinkRequest = Batch.message(type, family, flags: .dump, operation: operation)
    body(&request)
    do throws(NetlinkError) { return try socket.query(request) } catch { throw NftablesError(error) }
  }

  /// All tables.
  public mutating func tables() throws(NftablesError) -> [Table] {
    try dump(TableMessage.getTable, 0, operation: "list tables").compactMap { message in
      guard let family = TableFamily(rawValue: message.payload.number(at: 0)),
        let name = NetlinkAttributes(message.payload.dropFirst(4)).text(1)
      else { return nil }
      return Table(family, name)
    }
  }

  /// The names of a table's chains.
  public mutating func chains(of table: Table) throws(NftablesError) -> [String] {
    try dump(TableMessage.getChain, table.family.rawValue, operation: "list chains of \(table)").compactMap { message in
      let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(4))
      return attributes.text(1) == table.name ? attributes.text(3) : nil
    }
  }

  /// A chain's rules with their handles, comments and verdicts; their other expressions are not read.
  public mutating func rules(of table: Table, chain: String) throws(NftablesError) -> [Rule] {
    let messages: [NetlinkMessage] = try dump(
      TableMessage.getRule, table.family.rawValue, operation: "list rules of \(table)"
    ) { request in
      request.attribute(1, table.name)
      request.attribute(2, chain)
    }
    return messages.compactMap { message in
      let attributes: NetlinkAttributes = NetlinkAttributes(message.payload.dropFirst(4))
      guard attributes.text(1) == table.name, attributes.text(2) == chain else { return nil }
      var rule: Rule = Rule(table, chain: chain, comment: UserData.comment(in: attributes[7]), [])
      rule.handle = attributes.bigEndian(3)
      rule.verdict = (attributes.nested(4)?.list ?? []).lazy.compactMap { Verdict(expression: NetlinkAttributes($0.value)) }.last
      return rule
    }
  }

  /// The names of a table's sets and maps.
  public mutating func sets(of table: Table) throws(NftablesError) -> [String] {
    try dump(TableMessage.getSet, table.family.rawValue, operation: "list sets of \(table)") { request in
      request.attribute(1, table.name)
    }.compactMap { NetlinkAttributes($0.payload.dropFirst(4)).text(2) }
  }

  /// The elements of a set or map.
  public mutating func elements(of set: String, in table: Table) throws(NftablesError) -> [SetElement] {
    let messages: [NetlinkMessage] = try dump(
      TableMessage.getElement, table.family.rawValue, operation: "list elements of set \(set) of \(table)"
    ) { request in
      request.attribute(1, table.name)
      request.attribute(2, set)
    }
    return messages.flatMap { message in
      (NetlinkAttributes(message.payload.dropFirst(4)).nested(3)?.list ?? []).compactMap {
        SetElement(NetlinkAttributes($0.value))
      }
    }
  }

  /// A number that changes with every change of the packet filter of this namespace.
  public mutating func generation() throws(NftablesError) -> UInt32 {
    let request: NetlinkRequest = Batch.message(
      TableMessage.getGeneration, 0, flags: [], operation: "get generation of the packet filter")
    do throws(NetlinkError) {
      let answer: NetlinkMessage? = try socket.query(request).first
      return answer.flatMap { NetlinkAttributes($0.payload.dropFirst(4)).bigEndian(1) } ?? 0
    } catch {
      throw NftablesError(error)
    }
  }
}

extension SetElement {
  init?(_ attributes: NetlinkAttributes) {
    guard let key = attributes.nested(1)?[1] else { return nil }
    self.init(key: Array(key), comment: UserData.comment(in: attributes[6]))
    keyEnd = attributes.nested(10)?[1].map { Array($0) }
    isIntervalEnd = (attributes.bigEndian(3, as: UInt32.self) ?? 0) & 1 != 0
    timeoutMilliseconds = attributes.bigEndian(4)
    if let data = attributes.nested(2) {
      if let bytes = data[1] {
        value = .bytes(Array(bytes))
      } else {
        value = Verdict(data: data).map(Value.verdict)
      }
    }
  }
}

extension Verdict {
  /// Reads the data of an element or of an expression.
  init?(data: NetlinkAttributes) {
    guard let verdict = data.nested(2), let code: Int32 = verdict.bigEndian(1) else { return nil }
    self.init(code: code, chain: verdict.text(2))
  }

  /// Reads an expression; nil where it is none that gives a verdict.
  init?(expression: NetlinkAttributes) {
    guard expression.text(1) == "immediate", let data = expression.nested(2)?.nested(2) else { return nil }
    self.init(data: data)
  }
}
