// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Nftables

/// The host's ports that lead into containers: one table a family, `apus-hostports`.
///
///     map any-address  { protocol . port           : container address . port }
///     map one-address  { address . protocol . port : container address . port }
///     set hairpin      { container address . container address }
///     set containers   { container address }
///
/// Packets to an address of this host look in the maps and are sent on. A container that reaches itself, and this
/// host through a loopback address, are masqueraded, so that answers come back. All rules are there once; a
/// container is a few elements, whose comment ("network/container/link") lets DEL and GC find them.
struct HostPorts {
  static let anyAddress: String = "any-address"
  static let oneAddress: String = "one-address"
  static let hairpin: String = "hairpin"
  static let containers: String = "containers"
  static let sets: [String] = [anyAddress, oneAddress, hairpin, containers]

  let family: IPFamily

  var table: Table { Table(family == .v4 ? .ip : .ip6, "apus-hostports") }

  private var addressType: DataType { family == .v4 ? .ipv4Address : .ipv6Address }

  /// Slots of four bytes that an address takes.
  private var addressSlots: Int { family.bitWidth / 32 }

  /// The table with its rules and without elements.
  func skeleton() -> Batch {
    var batch: Batch = Batch()
    batch.add(table, mustBeNew: true)
    let target: DataType = .concatenation(addressType, .inetService)
    batch.add(NamedSet(table, Self.anyAddress, key: .concatenation(.inetProtocol, .inetService), data: target))
    batch.add(
      NamedSet(table, Self.oneAddress, key: .concatenation(addressType, .inetProtocol, .inetService), data: target))
    batch.add(NamedSet(table, Self.hairpin, key: .concatenation(addressType, addressType)))
    batch.add(NamedSet(table, Self.containers, key: addressType))
    batch.add(Chain(table, "host-ports"))
    for (hook, name) in [(Chain.Hook.prerouting, "prerouting"), (.output, "output")] {
      batch.add(Chain(table, name, base: Chain.Base(.nat, hook, priority: -100)))
      batch.add(Rule(table, chain: name, Expression.isLocal(.destination) + [.verdict(.jump("host-ports"))]))
    }
    batch.add(Chain(table, "postrouting", base: Chain.Base(.nat, .postrouting, priority: 100)))
    for rule: Rule in rules { batch.add(rule) }
    return batch
  }

  private var rules: [Rule] {
    let port: Int = addressSlots
    let translate: Expression = .translate(
      .destination, family: table.family, address: 8, port: 8 + port, flags: 0)
    let loopback: IPPrefix = IPPrefix(family == .v4 ? "127.0.0.0/8" : "::1/128") ?? .all(family)
    return [
      Rule(
        table, chain: "host-ports",
        [
          .destination(family, into: 0), .meta(.transport, into: port), .destinationPort(into: port + 1),
          .map(Self.oneAddress, key: 0, into: 8), translate,
        ]),
      Rule(
        table, chain: "host-ports",
        [
          .meta(.transport, into: 0), .destinationPort(into: 1), .map(Self.anyAddress, key: 0, into: 8), translate,
        ]),
      Rule(
        table, chain: "postrouting", comment: "a container that reaches itself",
        Expression.isDestinationTranslated + [
          .source(family, into: 0), .destination(family, into: port),
          .inSet(Self.hairpin, key: 0, isInverted: false), .masquerade(flags: 0),
        ]),
      Rule(
        table, chain: "postrouting", comment: "this host through a loopback address",
        Expression.source(in: loopback) + [
          .destination(family, into: 0), .inSet(Self.containers, key: 0, isInverted: false), .masquerade(flags: 0),
        ]),
    ]
  }

  /// A container's elements by set.
  func elements(
    _ mappings: [PortMapping], container: IPAddress, masquerades: Bool, comment: String
  ) -> [(set: String, elements: [SetElement])] {
    var any: [SetElement] = []
    var one: [SetElement] = []
    for mapping: PortMapping in mappings where mapping.serves(family) {
      let value: SetElement.Value = .bytes(KeyBytes().address(container).port(mapping.containerPort).bytes)
      let start: KeyBytes
      if let hostIP: IPAddress = mapping.hostIP, !hostIP.isUnspecified {
        start = KeyBytes().address(hostIP)
      } else {
        start = KeyBytes()
      }
      let key: [UInt8] = start.transport(mapping.transport.rawValue).port(mapping.hostPort).bytes
      let element: SetElement = SetElement(key: key, value: value, comment: comment)
      if start.bytes.isEmpty { any.append(element) } else { one.append(element) }
    }
    var result: [(set: String, elements: [SetElement])] = [(Self.anyAddress, any), (Self.oneAddress, one)]
    if masquerades, !(any.isEmpty && one.isEmpty) {
      let pair: [UInt8] = KeyBytes().address(container).address(container).bytes
      result.append((Self.hairpin, [SetElement(key: pair, comment: comment)]))
      result.append((Self.containers, [SetElement(key: container.bytes, comment: comment)]))
    }
    return result.filter { !$0.elements.isEmpty }
  }
}
