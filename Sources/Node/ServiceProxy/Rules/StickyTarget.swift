// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Nftables

/// An endpoint of a Service with session affinity: a chain that leads to it and a set of the clients that stay with it.
///
/// Both live as long as the Service has the endpoint, so that clients stay where they are while others come and go.
struct StickyTarget: Hashable, Sendable {
  /// The Service's port, as "namespace/name/port/protocol".
  var owner: String
  /// The endpoint's address and port, as map data.
  var target: [UInt8]
  /// How long a client stays after its last connection.
  var seconds: Int

  /// Of the chain and of the set.
  var name: String { "endpoint-" + StableHash.text(Array(owner.utf8) + [0] + target + Array("\(seconds)".utf8)) }

  /// The clients.
  func set(_ layout: TableLayout) -> NamedSet {
    var set: NamedSet = NamedSet(layout.table, name, key: layout.addressType, flags: [.dynamic, .timeout])
    // Clients come from outside: they must not be able to fill the memory.
    set.sizeMax = 65_536
    set.timeoutMilliseconds = UInt64(seconds) * 1000
    return set
  }

  /// Remembers the client and sends it to the endpoint.
  func rules(_ layout: TableLayout) -> [Rule] {
    let address: [UInt8] = Array(target.prefix(layout.addressSlots * 4))
    let port: [UInt8] = Array(target.dropFirst(layout.addressSlots * 4).prefix(2))
    return [
      layout.rule(
        name, comment: String(owner.prefix(100)),
        [
          .source(layout.family, into: 0),
          .updateSet(name, .update, key: 0, data: nil, timeoutMilliseconds: nil),
        ]),
      layout.rule(
        name,
        [
          // Ports are those of a protocol; the owner has one.
          .meta(.transport, into: 0), .compare(0, .equal, [transport]), .immediate(address, into: 0),
          .immediate(port, into: layout.addressSlots),
          .translate(.destination, family: layout.table.family, address: 0, port: layout.addressSlots, flags: 0),
        ]),
    ]
  }

  private var transport: UInt8 { owner.split(separator: "/").last.flatMap { UInt8($0) } ?? 6 }
}

/// A hash that is the same in every process: names of chains must not change with a restart.
enum StableHash {
  /// FNV-1a, 64 bits, as 16 hexadecimal digits.
  static func text(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte: UInt8 in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    let digits: String = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
