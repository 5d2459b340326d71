// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Netlink

/// The device ("ifb") through which passes what a container sends, so that it can be queued: a link can queue what it
/// sends alone, not what it receives.
struct EgressDevice {
  let ownership: Ownership
  let attachment: Attachment

  private static let kind: String = "ifb"
  private static let prefix: String = "bwp"

  /// Tells what the device belongs to, for GC.
  private var alias: String { ownership.comment(attachment) }

  /// The same for each call of an attachment, and within the 15 bytes of a link's name.
  var name: String { Self.prefix + Ownership.hash(alias).prefix(12) }

  /// Makes the device, of the size of the host's link; one that a process left when it died is replaced.
  func create(like host: Link, _ socket: inout NetlinkSocket) throws(NetlinkError) -> Link {
    var settings: LinkSettings = LinkSettings(name: name, mtu: host.mtu, isUp: true)
    settings.transmitQueueLength = host.transmitQueueLength
    do throws(NetlinkError) {
      try socket.perform(.createLink(kind: Self.kind, settings))
    } catch {
      guard error.errorNumber == 17 else { throw error }
      try socket.perform([.deleteLink(.name(name)), .createLink(kind: Self.kind, settings)])
    }
    var label: LinkSettings = LinkSettings()
    label.alias = alias
    try socket.perform(.setLink(.name(name), label))
    return try socket.existingLink(.name(name))
  }

  /// Deletes the device; one that is gone is no error.
  func delete(_ socket: inout NetlinkSocket) throws(NetlinkError) {
    do throws(NetlinkError) { try socket.perform(.deleteLink(.name(name))) } catch {
      guard error.errorNumber == 19 else { throw error }
    }
  }

  /// Deletes the devices of a network's attachments that are not valid any more.
  static func collectGarbage(
    _ ownership: Ownership, keeping valid: Set<Attachment>, _ socket: inout NetlinkSocket
  ) throws(NetlinkError) {
    let isStale: (String) -> Bool = ownership.isStale(keeping: valid)
    for link: Link in try socket.links() where link.kind == kind && isStale(link.alias) {
      do throws(NetlinkError) { try socket.perform(.deleteLink(.index(link.index))) } catch {
        guard error.errorNumber == 19 else { throw error }
      }
    }
  }
}
