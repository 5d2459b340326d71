// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import CNISpec
import Addresses

/// `host-local`: gives addresses out of ranges and remembers them in files of this host.
public struct HostLocalPlugin: Plugin {
  public static let name: String = "host-local"

  private let call: PluginCall
  private let configuration: HostLocalConfiguration

  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try HostLocalConfiguration(call)
  }

  private func openStore() throws(CNIError) -> LeaseStore {
    try LeaseStore(dataFolder: configuration.dataFolder, network: call.networkName)
  }

  public func add() throws(CNIError) -> CNIResult {
    var result: CNIResult = CNIResult()
    result.routes = configuration.routes
    if let file: String = configuration.resolverFile { result.dns = try ResolverFile.read(file) }
    let store: LeaseStore = try openStore()
    for lease in try store.leases() where lease.attachment == call.attachment {
      throw CNIError(
        CNIError.Code.plugin,
        "\(lease.address) has been allocated to \(call.containerID), duplicate allocation is not allowed")
    }
    var requested: [IPAddress] = configuration.requested
    do throws(CNIError) {
      for (index, ranges) in configuration.rangeSets.enumerated() {
        let allocator: AddressAllocator = AddressAllocator(ranges: ranges, index: index)
        if let place: Int = requested.firstIndex(where: { address in ranges.contains { $0.contains(address) } }) {
          let address: IPAddress = requested.remove(at: place)
          result.ips.append(try allocator.allocate(address, for: call.attachment, in: store))
        } else {
          result.ips.append(try allocator.allocate(for: call.attachment, in: store))
        }
      }
      guard requested.isEmpty else {
        throw CNIError(
          CNIError.Code.plugin,
          "failed to allocate all requested IPs: \(requested.map(\.description).joined(separator: " "))")
      }
    } catch {
      for ip: CNIResult.IPConfiguration in result.ips { try store.release(ip.address.address) }
      throw error
    }
    return result
  }

  public func delete() throws(CNIError) {
    let store: LeaseStore = try openStore()
    for lease in try store.leases() where owns(lease.attachment) { try store.release(lease.address) }
    try store.removeEmpty()
  }

  /// Leases of very old versions do not name the link.
  private func owns(_ attachment: Attachment) -> Bool {
    attachment == call.attachment || (attachment.interfaceName.isEmpty && attachment.containerID == call.containerID)
  }

  public func check() throws(CNIError) {
    let store: LeaseStore = try openStore()
    guard try store.leases().contains(where: { owns($0.attachment) }) else {
      throw CNIError(
        CNIError.Code.plugin, "host-local: Failed to find address added by container \(call.containerID)")
    }
  }

  public func status() throws(CNIError) {
    do throws(CNIError) { _ = try openStore() } catch {
      throw CNIError(CNIError.Code.pluginNotAvailable, error.message, details: error.details)
    }
  }

  public func collectGarbage() throws(CNIError) {
    let valid: Set<Attachment> = call.validAttachments
    let store: LeaseStore = try openStore()
    for lease in try store.leases() where !valid.contains(lease.attachment) { try store.release(lease.address) }
  }
}

/// resolv.conf(5) as the resolver settings of a result.
enum ResolverFile {
  static func read(_ path: String) throws(CNIError) -> CNIResult.DNS {
    guard let bytes: [UInt8] = try PluginSystem.readFile(path) else {
      throw CNIError(CNIError.Code.ioFailure, "open \(path): no such file or directory")
    }
    var dns: CNIResult.DNS = CNIResult.DNS()
    for line: Substring in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words: [String] = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      guard let keyword: String = words.first, !keyword.hasPrefix("#"), !keyword.hasPrefix(";"), words.count > 1 else {
        continue
      }
      switch keyword {
      case "nameserver": dns.nameservers.append(words[1])
      case "domain": dns.domain = words[1]
      case "search": dns.search += words.dropFirst()
      case "options": dns.options += words.dropFirst()
      default: break
      }
    }
    return dns
  }
}
