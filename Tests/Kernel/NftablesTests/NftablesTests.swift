// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Foundation
import Netlink
import Testing

@testable import Nftables

/// What a command prints; run in the calling thread's network namespace.
func output(_ program: String, _ arguments: String...) throws -> String {
  // popen, since the command must run in this thread's network namespace.
  guard let stream: UnsafeMutablePointer<FILE> = popen(([program] + arguments).joined(separator: " ") + " 2>&1", "r") else {
    throw CocoaError(.fileReadUnknown)
  }
  defer { pclose(stream) }
  var bytes: [UInt8] = []
  var chunk: [UInt8] = [UInt8](repeating: 0, count: 65_536)
  while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk[..<count] }
  return String(decoding: bytes, as: UTF8.self)
}

@Suite struct NftablesTests {
  private let table: Table = Table(.ip, "t")

  @Test func `a batch is framed and numbered, and asks for one acknowledgement`() {
    var batch: Batch = Batch()
    batch.add(table)
    let bytes: [UInt8] = batch.encode(sequence: 7)
    #expect(
      bytes == [
        // BATCH_BEGIN: length, type, flags REQUEST, sequence 7, port; nfgenmsg with the subsystem in network order
        20, 0, 0, 0, 0x10, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10,
        // NEWTABLE of nf_tables: flags REQUEST | ACK | CREATE, sequence 8
        36, 0, 0, 0, 0, 10, 5, 4, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
        // NFTA_TABLE_NAME "t", NFTA_TABLE_FLAGS 0
        6, 0, 1, 0, 0x74, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0,
        // BATCH_END
        20, 0, 0, 0, 0x11, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10,
      ])
  }

  @Test func `nft lists what we made`() throws {
    let listing: String = try NetworkNamespace.withNew {
      var socket: NftablesSocket = try NftablesSocket()
      var batch: Batch = Batch()
      batch.add(table)
      batch.add(Chain(table, "pre", base: Chain.Base(.nat, .prerouting, priority: -100)))
      batch.add(Chain(table, "in", base: Chain.Base(.filter, .input, priority: 0, acceptsByDefault: false)))
      batch.add(Chain(table, "pick"))
      let key: DataType = .concatenation(.ipv4Address, .inetProtocol, .inetService)
      batch.add(NamedSet(table, "services", key: key, data: .verdict))
      let target: DataType = .concatenation(.ipv4Address, .inetService)
      batch.add(NamedSet(table, "targets", key: .concatenation(.inetService, .mark), data: target))
      batch.add(
        Rule(
          table, chain: "pre", comment: "dispatch",
          Expression.isNewConnection + [
            .destination(.v4, into: 0), .meta(.transport, into: 1), .destinationPort(into: 2),
            .verdictMap("services", key: 0),
          ]))
      batch.add(
        Rule(
          table, chain: "pick",
          [
            .destinationPort(into: 0), .randomNumber(modulus: 2, into: 1), .map("targets", key: 0, into: 10),
            .translate(.destination, family: .ip, address: 10, port: 11, flags: 0),
          ]))
      batch.add(Rule(table, chain: "in", Expression.setMark(0x4000) + [.counter, .log(prefix: "x "), .reject(.tcpReset)]))
      let service: [UInt8] = KeyBytes().address(.v4(IPv4Address(10, 96, 0, 1))).transport(6).port(443).bytes
      batch.add([SetElement(key: service, value: .verdict(.goto("pick")), comment: "api")], to: "services", of: table)
      try socket.commit(batch)
      #expect(try socket.tables() == [table])
      #expect(try socket.chains(of: table) == ["pre", "in", "pick"])
      #expect(try socket.rules(of: table, chain: "pre").map(\.comment) == ["dispatch"])
      let elements: [SetElement] = try socket.elements(of: "services", in: table)
      #expect(elements == [SetElement(key: service, value: .verdict(.goto("pick")), comment: "api")])
      return try output("/usr/sbin/nft", "list", "ruleset")
    }
    for line: String in [
      "ct state new ip daddr . meta l4proto . th dport vmap @services comment \"dispatch\"",
      "elements = { 10.96.0.1 . tcp . 443 comment \"api\" : goto pick }",
      "dnat ip to th dport . numgen random mod 2 map @targets",
      "type filter hook input priority filter; policy drop;",
      "log prefix \"x \" reject with tcp reset",
    ] { #expect(listing.contains(line), "\(listing)") }
  }

  @Test func `a batch with an error changes nothing and says which message it was`() throws {
    try NetworkNamespace.withNew {
      var socket: NftablesSocket = try NftablesSocket()
      var batch: Batch = Batch()
      batch.add(table)
      batch.add(Rule(table, chain: "nowhere", [.counter]))
      let error: NftablesError? = #expect(throws: NftablesError.self) { try socket.commit(batch) }
      #expect(error?.isMissing == true)
      #expect(error?.cause.requestIndex == 1)
      #expect(error?.description.contains("add rule to chain nowhere of table ip t") == true)
      #expect(try socket.tables().isEmpty)
    }
  }

  @Test func `many elements go in several messages and come back`() throws {
    try NetworkNamespace.withNew {
      var socket: NftablesSocket = try NftablesSocket()
      var batch: Batch = Batch()
      batch.add(table)
      // A set without a size grows behind the dump's back, and the kernel's answer then misses elements.
      var set: NamedSet = NamedSet(table, "s", key: .ipv4Address)
      set.sizeMax = 20_000
      batch.add(set)
      let elements: [SetElement] = (1...20_000).map { number in
        SetElement(key: IPv4Address(bits: UInt32(number)).bytes)
      }
      batch.add(elements, to: "s", of: table)
      #expect(batch.requests.count > 3)
      try socket.commit(batch)
      #expect(Set(try socket.elements(of: "s", in: table).map(\.key)).count == 20_000)
      var change: Batch = Batch()
      change.delete([elements[0]], from: "s", of: table)
      try socket.commit(change)
      #expect(throws: NftablesError.self) { try socket.commit(change) }
      #expect(try socket.elements(of: "s", in: table).count == 19_999)
    }
  }
}
