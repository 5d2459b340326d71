// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Addresses

/// A rule that chooses a routing table.
public struct RoutingRule: Hashable, Sendable {
  /// The family.
  public var family: IPFamily
  /// Lower numbers are asked first.
  public var priority: UInt32?
  /// The table to look in.
  public var table: UInt32
  /// Matches the source address.
  public var source: IPPrefix?
  /// Matches the destination address.
  public var destination: IPPrefix?
  /// Matches the link by which a packet came in.
  public var inputName: String?
  /// Matches the packet's mark under a mask.
  public var mark: UInt32?
  /// The mask for `mark`; all bits where there is none.
  public var markMask: UInt32?

  /// A rule to be added.
  public init(family: IPFamily, table: UInt32, priority: UInt32? = nil) {
    self.family = family
    self.table = table
    self.priority = priority
  }

  init?(_ message: NetlinkMessage) {
    let body: ArraySlice<UInt8> = message.payload
    guard message.type == RouteMessage.newRule, body.count >= 12 else { return nil }
    let attributes: NetlinkAttributes = NetlinkAttributes(body.dropFirst(12))
    family = (body.number(at: 0) as UInt8) == Family.v4 ? .v4 : .v6
    table = attributes.number(RuleAttribute.table) ?? UInt32(body.number(at: 4) as UInt8)
    priority = attributes.number(RuleAttribute.priority)
    destination = attributes.address(RuleAttribute.destination).flatMap {
      IPPrefix(address: $0, length: Int(body.number(at: 1) as UInt8))
    }
    source = attributes.address(RuleAttribute.source).flatMap {
      IPPrefix(address: $0, length: Int(body.number(at: 2) as UInt8))
    }
    inputName = attributes.text(RuleAttribute.inputName)
    mark = attributes.number(RuleAttribute.mark)
    markMask = attributes.number(RuleAttribute.markMask)
  }
}

extension NetlinkRequest {
  private static func rule(_ type: UInt16, _ rule: RoutingRule, flags: NetlinkFlags, _ verb: String) -> NetlinkRequest {
    var request: NetlinkRequest = NetlinkRequest(type: type, flags: flags, operation: "\(verb) routing rule")
    request.append(rule.family.number)
    request.append(UInt8(rule.destination?.length ?? 0))
    request.append(UInt8(rule.source?.length ?? 0))
    request.append(UInt8(0))
    request.append(UInt8(rule.table < 256 ? rule.table : 0))
    request.append(UInt16(0))
    // FR_ACT_TO_TBL
    request.append(UInt8(1))
    request.append(UInt32(0))
    if let destination = rule.destination { request.attribute(RuleAttribute.destination, destination.network) }
    if let source = rule.source { request.attribute(RuleAttribute.source, source.network) }
    if let name = rule.inputName { request.attribute(RuleAttribute.inputName, name) }
    if let priority = rule.priority { request.attribute(RuleAttribute.priority, priority) }
    if let mark = rule.mark { request.attribute(RuleAttribute.mark, mark) }
    if let mask = rule.markMask { request.attribute(RuleAttribute.markMask, mask) }
    request.attribute(RuleAttribute.table, rule.table)
    return request
  }

  /// Adds a routing rule.
  public static func addRule(_ rule: RoutingRule) -> NetlinkRequest {
    self.rule(RouteMessage.newRule, rule, flags: [.acknowledge, .create, .exclusive], "add")
  }

  /// Deletes a routing rule.
  public static func deleteRule(_ rule: RoutingRule) -> NetlinkRequest {
    self.rule(RouteMessage.deleteRule, rule, flags: [.acknowledge], "delete")
  }
}

extension NetlinkSocket {
  /// The routing rules of a family.
  public mutating func rules(_ family: IPFamily) throws(NetlinkError) -> [RoutingRule] {
    var request: NetlinkRequest = NetlinkRequest(type: RouteMessage.getRule, flags: .dump, operation: "list rules")
    request.append(family.number)
    request.append(bytes: [UInt8](repeating: 0, count: 11))
    return try query(request).compactMap(RoutingRule.init)
  }
}
