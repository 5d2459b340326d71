// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Kernel

/// The leases of one network: a folder with a file for each address given, named after it.
///
/// The layout is that of the reference plugin, which may work in the same folder: a file holds the container's ID
/// and the link's name on two lines; `last_reserved_ip.N` holds the address given last from range set N; `lock` is
/// locked while the folder changes. A process that dies between making and filling a file leaves an empty one,
/// which counts as free.
struct LeaseStore: ~Copyable {
  private let folder: String
  private let lock: Int32

  /// Opens and locks a network's folder until the value goes away.
  init(dataFolder: String, network: String) throws(CNIError) {
    folder = "\(dataFolder)/\(network)"
    try PluginSystem.makeFolder(folder)
    lock = try PluginSystem.lock("\(folder)/lock")
  }

  deinit { PluginSystem.unlock(lock) }

  private func path(_ address: IPAddress) -> String { "\(folder)/\(address)" }

  private static func content(_ attachment: Attachment) -> [UInt8] {
    Array("\(attachment.containerID)\r\n\(attachment.interfaceName)".utf8)
  }

  private static func attachment(_ bytes: [UInt8]) -> Attachment? {
    let lines: [String] = bytes.split { $0 == 0x0A || $0 == 0x0D }.map { String(decoding: $0, as: UTF8.self) }
    guard let first: String = lines.first, !first.isEmpty else { return nil }
    return Attachment(containerID: first, interfaceName: lines.count > 1 ? lines[1] : "")
  }

  /// All leases.
  func leases() throws(CNIError) -> [(address: IPAddress, attachment: Attachment)] {
    var leases: [(address: IPAddress, attachment: Attachment)] = []
    for name: String in try PluginSystem.names(in: folder) {
      guard let address: IPAddress = IPAddress(name) else { continue }
      guard let bytes: [UInt8] = try PluginSystem.readFile(path(address), limit: 4096),
        let attachment: Attachment = Self.attachment(bytes)
      else { continue }
      leases.append((address, attachment))
    }
    return leases
  }

  /// Gives an address to a container; false where it is taken.
  func reserve(_ address: IPAddress, for attachment: Attachment) throws(CNIError) -> Bool {
    let content: [UInt8] = Self.content(attachment)
    if try PluginSystem.createFile(path(address), content) {
      Failpoints.reach("host-local.ADD.reserved")
      return true
    }
    guard try PluginSystem.readFile(path(address), limit: 4096)?.isEmpty == true else { return false }
    try PluginSystem.writeFile(path(address), content)
    return true
  }

  /// Removes the files of processes that died before they filled them: we have the lock, so that nobody is about to.
  func removeEmpty() throws(CNIError) {
    for name: String in try PluginSystem.names(in: folder) {
      guard let address: IPAddress = IPAddress(name) else { continue }
      if try PluginSystem.readFile(path(address), limit: 4096)?.isEmpty == true { try release(address) }
    }
  }

  /// Takes an address back.
  func release(_ address: IPAddress) throws(CNIError) { try PluginSystem.removeFile(path(address)) }

  /// The address given last from a range set.
  func lastReserved(rangeSet: Int) throws(CNIError) -> IPAddress? {
    try PluginSystem.readFile("\(folder)/last_reserved_ip.\(rangeSet)", limit: 256).flatMap {
      IPAddress(String(decoding: $0.prefix { $0 > 0x20 }, as: UTF8.self))
    }
  }

  func setLastReserved(_ address: IPAddress, rangeSet: Int) throws(CNIError) {
    try PluginSystem.writeFile("\(folder)/last_reserved_ip.\(rangeSet)", Array(address.description.utf8))
  }
}
