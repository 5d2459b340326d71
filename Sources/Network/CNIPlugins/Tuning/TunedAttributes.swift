// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON
import Netlink

/// Attributes of a container's link: as they are wanted, or as they were before. Nil leaves one alone.
struct TunedAttributes: Equatable {
  var mac: MACAddress?
  var isPromiscuous: Bool?
  var mtu: Int?
  var receivesAllMulticast: Bool?
  var transmitQueueLength: Int?

  /// The most packets that a queue is asked to hold; the kernel counts in 32 bits.
  private static let queueLengthMax: Int64 = Int64(Int32.max)

  /// Reads the attributes of one object of a configuration, over those that were read before.
  mutating func read(_ json: JSONValue) throws(CNIError) {
    if let text: String = json["mac"].string, !text.isEmpty { mac = try MACAddress(configured: text) }
    if let value: Bool = try json.optionalFlag("promisc") { isPromiscuous = value }
    if let value: Int = try json.mtu() { mtu = value }
    if let value: Bool = try json.optionalFlag("allmulti") { receivesAllMulticast = value }
    if let value: Int = try json.number("txQLen", in: 0...Self.queueLengthMax) { transmitQueueLength = value }
  }

  init() {}

  /// What a link has of those attributes that are about to change.
  init(of link: Link, changing wanted: TunedAttributes) {
    mac = wanted.mac == nil ? nil : link.mac
    isPromiscuous = wanted.isPromiscuous.map { _ in link.isPromiscuous }
    mtu = wanted.mtu.map { _ in link.mtu }
    receivesAllMulticast = wanted.receivesAllMulticast.map { _ in link.receivesAllMulticast }
    transmitQueueLength = wanted.transmitQueueLength.map { _ in link.transmitQueueLength }
  }

  var isEmpty: Bool { self == TunedAttributes() }

  var settings: LinkSettings {
    var settings: LinkSettings = LinkSettings(mac: mac, mtu: mtu)
    settings.isPromiscuous = isPromiscuous
    settings.receivesAllMulticast = receivesAllMulticast
    settings.transmitQueueLength = transmitQueueLength
    return settings
  }

  /// The attributes under the names of the configuration.
  var json: JSONValue {
    var value: JSONValue = [:]
    if let mac { value["mac"] = .string(mac.description) }
    if let isPromiscuous { value["promisc"] = .bool(isPromiscuous) }
    if let mtu { value["mtu"] = JSONValue(mtu) }
    if let receivesAllMulticast { value["allmulti"] = .bool(receivesAllMulticast) }
    if let transmitQueueLength { value["txQLen"] = JSONValue(transmitQueueLength) }
    return value
  }

  /// The first attribute that a link has otherwise, in words.
  func difference(from link: Link) -> String? {
    let present: TunedAttributes = TunedAttributes(of: link, changing: self)
    guard present != self, let wanted = json.object, let found = present.json.object else { return nil }
    for (key, value) in wanted where found[key] != value {
      return "\(key) of \(link.name) is configured as \(value.text) and is \((found[key] ?? .null).text)"
    }
    return nil
  }
}
