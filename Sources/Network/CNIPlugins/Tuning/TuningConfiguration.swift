// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON
import Patterns

/// The configuration of the tuning plugin, with the reference's field names and defaults.
struct TuningConfiguration {
  /// A kernel setting: its path below /proc/sys, the name under which it was configured, and its value.
  struct Setting: Equatable {
    var path: String
    var name: String
    var value: String
  }

  /// The settings of the container's namespace, by name.
  var settings: [Setting]
  /// What is wanted of the container's link.
  var attributes: TunedAttributes
  /// Where it is kept what the link was before.
  var dataFolder: String

  init(_ call: PluginCall) throws(CNIError) {
    let json: JSONValue = call.configuration
    let arguments: JSONValue = json.at("args", "cni")
    let folder: String = json["dataDir"].string ?? ""
    dataFolder = folder.isEmpty ? "/run/cni/tuning" : folder
    attributes = TunedAttributes()
    try attributes.read(json)
    // CNI_ARGS go before the file, what the runtime says before both, and the network's arguments before all.
    try attributes.read(["mac": .string(call.arguments["MAC"] ?? "")])
    try attributes.read(["mac": json.at("runtimeConfig", "mac")])
    if arguments.object != nil { try attributes.read(arguments) }
    // "promisc": false has always meant "leave it".
    if attributes.isPromiscuous == false { attributes.isPromiscuous = nil }
    var values: [String: String] = try Self.values(json["sysctl"])
    for (name, value) in try Self.values(arguments["sysctl"]) { values[name] = value }
    settings = []
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      settings.append(
        Setting(path: try Self.path(name, interface: call.interfaceName), name: name, value: value))
    }
  }

  private static func values(_ json: JSONValue) throws(CNIError) -> [String: String] {
    if json.isNull { return [:] }
    guard let object = json.object else {
      throw CNIError(CNIError.Code.decodingFailure, "failed to load netconf: sysctl must be an object")
    }
    var values: [String: String] = [:]
    for (name, value) in object {
      guard let text: String = value.string else {
        throw CNIError(
          CNIError.Code.decodingFailure, "failed to load netconf: sysctl \(name) must be a string, as \"\(value.text)\"")
      }
      values[name] = text
    }
    return values
  }

  /// "net.ipv4.conf.IFNAME.arp_filter" as a path below /proc/sys. A name that begins with slashes between its parts
  /// keeps its dots, as sysctl(8) has it: links may have dots in their names.
  private static func path(_ name: String, interface: String) throws(CNIError) -> String {
    let separator: Character = name.first { $0 == "." || $0 == "/" } ?? "."
    let parts: [String] = name.split(separator: separator, omittingEmptySubsequences: false).map {
      $0 == "IFNAME" ? interface : String($0)
    }
    let isPlain: Bool = parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("/") }
    guard parts.count > 1, parts[0] == "net", isPlain else {
      throw CNIError(
        CNIError.Code.invalidConfiguration,
        "invalid net sysctl key: \"\(name)\" (only settings below \"net.\" belong to a network namespace)")
    }
    return parts.joined(separator: "/")
  }
}

/// The administrator's list of the settings that networks may change: one regular expression a line.
struct SysctlAllowlist {
  /// Where it is. Without a file, everything is allowed.
  static let path: String = "/etc/cni/tuning/allowlist.conf"

  let lines: [String]

  init(text: String) {
    lines = text.split(separator: "\n").map { $0.filter { $0 != " " && $0 != "\t" && $0 != "\r" } }.filter { !$0.isEmpty }
  }

  /// Throws on a setting that no line matches.
  func check(_ settings: [TuningConfiguration.Setting]) throws(CNIError) {
    for setting: TuningConfiguration.Setting in settings {
      var isAllowed: Bool = false
      for line: String in lines {
        do throws(Pattern.Failure) {
          if try Pattern(line).occurs(in: setting.name) { isAllowed = true }
        } catch {
          throw CNIError(CNIError.Code.plugin, "\(Self.path): \(error)")
        }
      }
      guard isAllowed else {
        throw CNIError(
          CNIError.Code.invalidConfiguration,
          "Sysctl \(setting.name) is not allowed. Only the following sysctls are allowed: \(lines)",
          details: "\(Self.path) says what is allowed")
      }
    }
  }
}
