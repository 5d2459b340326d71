// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
public import CNISpec
import Kernel
import Netlink

/// `tuning`: changes settings of the container's network namespace and attributes of its link. It comes after a plugin
/// that made the link.
public struct TuningPlugin: Plugin {
  /// The plugin's type.
  public static let name: String = "tuning"

  private let call: PluginCall
  private let configuration: TuningConfiguration

  /// Reads the plugin's own part of the configuration.
  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try TuningConfiguration(call)
  }

  private var backup: LinkBackup { LinkBackup(folder: configuration.dataFolder) }

  private func previous() throws(CNIError) -> CNIResult {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "required prevResult missing: must be called as chained plugin")
    }
    return previous
  }

  /// Changes what is configured; the result is the previous one, with the link's new address and size.
  public func add() throws(CNIError) -> CNIResult {
    var result: CNIResult = try previous()
    if !configuration.settings.isEmpty, let text: [UInt8] = try PluginSystem.readFile(SysctlAllowlist.path) {
      try SysctlAllowlist(text: String(decoding: text, as: UTF8.self)).check(configuration.settings)
    }
    let link: Link = try inContainer(call.namespacePath) { socket in
      var undo: Undo = Undo()
      do throws(CNIError) {
        try applySettings(&undo)
        Failpoints.reach("tuning.ADD.settings")
        return try kernel("tune \(call.interfaceName)") { try tuneLink(&socket, &undo) }
      } catch {
        throw undo.failing(with: error)
      }
    }
    for place: Int in result.interfaces.indices
    where result.interfaces[place].name == call.interfaceName && !result.interfaces[place].sandbox.isEmpty {
      if configuration.attributes.mac != nil { result.interfaces[place].mac = link.mac?.description ?? "" }
      if configuration.attributes.mtu != nil { result.interfaces[place].mtu = link.mtu }
    }
    return result
  }

  private func applySettings(_ undo: inout Undo) throws(CNIError) {
    for setting: TuningConfiguration.Setting in configuration.settings {
      guard let old: String = try Sysctl.get(setting.path) else {
        throw CNIError(
          CNIError.Code.plugin, "this kernel has no setting \(setting.name): /proc/sys/\(setting.path) is not there")
      }
      undo.add { () throws(CNIError) in try Sysctl.set(setting.path, old) }
      try Sysctl.set(setting.path, setting.value)
    }
  }

  private func tuneLink(_ socket: inout NetlinkSocket, _ undo: inout Undo) throws -> Link {
    let link: Link = try socket.existingLink(.name(call.interfaceName))
    guard !configuration.attributes.isEmpty else { return link }
    let old: TunedAttributes = TunedAttributes(of: link, changing: configuration.attributes)
    let (backup, attachment) = (backup, call.attachment)
    try backup.write(old, attachment, network: call.networkName)
    undo.add { () throws(CNIError) in try backup.remove(attachment) }
    Failpoints.reach("tuning.ADD.backup")
    undo.add { () throws(CNIError) in
      try kernel("restore \(link.name)") {
        var socket: NetlinkSocket = try NetlinkSocket(.route)
        try socket.perform(.setLink(.index(link.index), old.settings))
      }
    }
    try socket.perform(.setLink(.index(link.index), configuration.attributes.settings))
    return try socket.existingLink(.index(link.index))
  }

  /// Gives the link the attributes back that it had; settings go with the namespace.
  public func delete() throws(CNIError) {
    let old: TunedAttributes? = try backup.read(call.attachment)
    // It is forgotten in any case, so that a link which refuses does not keep the container from going.
    try backup.remove(call.attachment)
    guard let old, namespaceExists(call.namespacePath) else { return }
    try inContainer(call.namespacePath) { socket in
      guard let link: Link = try socket.link(.name(call.interfaceName)) else { return }
      try socket.perform(.setLink(.index(link.index), old.settings))
    }
  }

  /// Compares settings and attributes with the configuration.
  public func check() throws(CNIError) {
    _ = try previous()
    try inContainer(call.namespacePath) { socket in
      for setting: TuningConfiguration.Setting in configuration.settings {
        let value: String = try Sysctl.get(setting.path) ?? ""
        guard Self.words(value) == Self.words(setting.value) else {
          throw CNIError(
            CNIError.Code.plugin, "\(setting.name) is configured as \(setting.value) and is \(value)")
        }
      }
      let link: Link = try socket.existingLink(.name(call.interfaceName))
      if let difference: String = configuration.attributes.difference(from: link) {
        throw CNIError(CNIError.Code.plugin, difference)
      }
    }
  }

  /// The kernel puts tabs between the numbers of a setting that has several.
  private static func words(_ value: String) -> [Substring] { value.split { $0 == " " || $0 == "\t" } }

  /// It needs nothing beforehand.
  public func status() throws(CNIError) {}

  /// Forgets the links of attachments that are not valid any more.
  public func collectGarbage() throws(CNIError) {
    try backup.collectGarbage(network: call.networkName, keeping: call.validAttachments)
  }
}
