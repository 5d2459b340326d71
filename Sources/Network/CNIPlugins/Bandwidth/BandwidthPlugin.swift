// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel
import Netlink

/// `bandwidth`: limits what a container receives and sends. It comes after a plugin that made a veth pair.
///
/// What the container receives, the host's end of the pair sends: a token bucket there. What the container sends is
/// led through a device of its own with a token bucket; where the kernel lacks such devices or the filters that lead
/// there, the bucket is at the container's end of the pair.
public struct BandwidthPlugin: Plugin {
  /// The plugin's type.
  public static let name: String = "bandwidth"

  private let call: PluginCall
  private let configuration: BandwidthConfiguration

  /// Reads the plugin's own part of the configuration.
  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try BandwidthConfiguration(call)
  }

  private var device: EgressDevice { EgressDevice(ownership: call.ownership, attachment: call.attachment) }

  private func previous() throws(CNIError) -> CNIResult {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "must be called as chained plugin")
    }
    return previous
  }

  /// The host's end of the container's pair.
  private func hostLink(_ result: CNIResult, _ socket: inout NetlinkSocket) throws -> Link {
    let inside: Link = try inContainer(call.namespacePath) { try $0.existingLink(.name(call.interfaceName)) }
    guard inside.kind == "veth", let index = inside.parent, let link: Link = try socket.link(.index(index)) else {
      throw CNIError(
        CNIError.Code.plugin, "container interface \(call.interfaceName) has no veth peer on the host: there is nothing to limit")
    }
    guard result.interfaces.contains(where: { $0.sandbox.isEmpty && $0.name == link.name }) else {
      throw CNIError(CNIError.Code.plugin, "\(link.name), the veth peer of \(call.interfaceName), is not in prevResult")
    }
    return link
  }

  /// Sets the limits; the result is the previous one, with the device that was made.
  public func add() throws(CNIError) -> CNIResult {
    var result: CNIResult = try previous()
    guard configuration.ingress != nil || configuration.egress != nil else { return result }
    var undo: Undo = Undo()
    do throws(CNIError) {
      try kernel("limit bandwidth of \(call.interfaceName)") {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        let host: Link = try hostLink(result, &socket)
        if let bucket: TokenBucket = configuration.ingress {
          try Self.add(bucket, to: host, &socket)
          undo.add(Self.removal(of: host, Queueing.Parent.root))
        }
        Failpoints.reach("bandwidth.ADD.ingress")
        guard let bucket: TokenBucket = configuration.egress else { return }
        if let device: Link = try redirect(host, bucket, &socket, &undo) {
          result.interfaces.append(CNIResult.Interface(name: device.name, mac: device.mac?.description ?? ""))
        } else {
          try limitInside(bucket)
        }
      }
    } catch {
      throw undo.failing(with: error)
    }
    return result
  }

  private static func add(_ bucket: TokenBucket, to link: Link, _ socket: inout NetlinkSocket) throws {
    do throws(NetlinkError) {
      try socket.perform(.addTokenBucket(bucket, to: link.index))
    } catch {
      guard isMissing(error) else { throw error }
      throw CNIError(
        CNIError.Code.plugin, "this kernel cannot limit bandwidth: it lacks the queueing discipline tbf (module sch_tbf)",
        details: "\(error)")
    }
  }

  /// ENOENT or EOPNOTSUPP: the kernel knows no such kind.
  private static func isMissing(_ error: NetlinkError) -> Bool { error.errorNumber == 2 || error.errorNumber == 95 }

  private static func removal(of link: Link, _ parent: UInt32) -> () throws(CNIError) -> Void {
    { () throws(CNIError) in
      try kernel("take the limit of \(link.name) back") {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        try socket.perform(.deleteQueueing(of: link.index, parent: parent))
      }
    }
  }

  /// Leads what the container sends through a device with a token bucket; nil, and nothing left, where the kernel
  /// cannot.
  private func redirect(
    _ host: Link, _ bucket: TokenBucket, _ socket: inout NetlinkSocket, _ undo: inout Undo
  ) throws -> Link? {
    let device: EgressDevice = device
    let link: Link
    do throws(NetlinkError) { link = try device.create(like: host, &socket) } catch {
      guard Self.isMissing(error) else { throw error }
      return nil
    }
    undo.add { () throws(CNIError) in
      try kernel("delete \(link.name)") {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        try device.delete(&socket)
      }
    }
    Failpoints.reach("bandwidth.ADD.device")
    try Self.add(bucket, to: link, &socket)
    do throws(NetlinkError) {
      try socket.perform(.addIngressQueueing(to: host.index))
    } catch {
      guard Self.isMissing(error) else { throw error }
      try device.delete(&socket)
      return nil
    }
    do throws(NetlinkError) {
      try socket.perform(.redirectReceived(by: host.index, to: link.index))
    } catch {
      try socket.perform(.deleteQueueing(of: host.index, parent: Queueing.Parent.ingress))
      guard Self.isMissing(error) else { throw error }
      try device.delete(&socket)
      return nil
    }
    return link
  }

  /// Limits what the container sends at its own end of the pair.
  func limitInside(_ bucket: TokenBucket) throws(CNIError) {
    try inContainer(call.namespacePath) { socket in
      try Self.add(bucket, to: try socket.existingLink(.name(call.interfaceName)), &socket)
    }
  }

  /// Deletes the container's device; the limits go with their links.
  public func delete() throws(CNIError) {
    try kernel("delete \(device.name)") {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      try device.delete(&socket)
    }
  }

  /// Compares the limits with the configuration.
  public func check() throws(CNIError) {
    let result: CNIResult = try previous()
    try kernel("check bandwidth of \(call.interfaceName)") {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      if let bucket: TokenBucket = configuration.ingress {
        try Self.check(bucket, try hostLink(result, &socket), &socket)
      }
      guard let bucket: TokenBucket = configuration.egress else { return }
      if let link: Link = try socket.link(.name(device.name)) {
        let received: [Queueing] = try socket.queueings(of: try hostLink(result, &socket).index)
        guard received.contains(where: { $0.parent == Queueing.Parent.ingress }) else {
          throw CNIError(CNIError.Code.plugin, "what \(call.interfaceName) sends is not led to \(link.name) any more")
        }
        try Self.check(bucket, link, &socket)
      } else {
        try inContainer(call.namespacePath) { socket in
          try Self.check(bucket, try socket.existingLink(.name(call.interfaceName)), &socket)
        }
      }
    }
  }

  private static func check(_ bucket: TokenBucket, _ link: Link, _ socket: inout NetlinkSocket) throws {
    let present: [Queueing] = try socket.queueings(of: link.index)
    guard present.contains(where: {
      $0.parent == Queueing.Parent.root && $0.bytesPerSecond == bucket.bytesPerSecond && $0.limitBytes == bucket.limitBytes
    }) else {
      throw CNIError(CNIError.Code.plugin, "\(link.name) is not limited to \(bucket.bytesPerSecond) bytes a second")
    }
  }

  /// It needs nothing beforehand.
  public func status() throws(CNIError) {}

  /// Deletes the devices of attachments that are not valid any more.
  public func collectGarbage() throws(CNIError) {
    try kernel("delete devices") {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      try EgressDevice.collectGarbage(call.ownership, keeping: call.validAttachments, &socket)
    }
  }
}
