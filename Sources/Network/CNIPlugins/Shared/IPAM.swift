// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON

/// Calls the plugin that manages addresses, named by `ipam.type` (CNI specification, section 4).
///
/// Where that plugin is this very program under another name, it is called in the same process.
struct IPAM {
  let call: PluginCall
  /// The plugin's type.
  let type: String

  /// Nil where the configuration names none: a network without addresses.
  init?(_ call: PluginCall) {
    guard let type: String = call.configuration["ipam"]["type"].string, !type.isEmpty else { return nil }
    self.call = call
    self.type = type
  }

  /// Takes addresses, and adds giving them back to what is undone on failure.
  func add(_ undo: inout Undo) throws(CNIError) -> CNIResult {
    let addresses: CNIResult = try add()
    undo.add { () throws(CNIError) in try perform(.delete) }
    guard !addresses.ips.isEmpty else {
      throw CNIError(CNIError.Code.plugin, "IPAM plugin returned missing IP config")
    }
    return addresses
  }

  private func add() throws(CNIError) -> CNIResult {
    if let own: any Plugin.Type = try ownPlugin() { return try own.init(call).add() }
    let output: [UInt8] = try execute(.add)
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: output)
    } catch {
      throw CNIError(CNIError.Code.decodingFailure, "answer of IPAM plugin \(type): \(error)")
    }
    return try CNIResult(json: json)
  }

  func perform(_ command: PluginCall.Command) throws(CNIError) {
    guard let own: any Plugin.Type = try ownPlugin() else {
      _ = try execute(command)
      return
    }
    let plugin: any Plugin = try own.init(call)
    switch command {
    case .delete: try plugin.delete()
    case .check: try plugin.check()
    case .status: try plugin.status()
    case .collectGarbage: try plugin.collectGarbage()
    case .add, .version: break
    }
  }

  private func path() throws(CNIError) -> String {
    guard !type.contains("/") else {
      throw CNIError(CNIError.Code.invalidConfiguration, "invalid IPAM plugin type: \(type)")
    }
    for folder: String in call.searchPath where PluginSystem.isExecutable("\(folder)/\(type)") {
      return "\(folder)/\(type)"
    }
    throw CNIError(
      CNIError.Code.invalidConfiguration, "failed to find plugin \"\(type)\" in path \(call.searchPath)")
  }

  private func ownPlugin() throws(CNIError) -> (any Plugin.Type)? {
    guard let plugin: any Plugin.Type = PluginMain.plugins.first(where: { $0.name == type }) else { return nil }
    guard let found = PluginSystem.identity(try path()), let own = PluginSystem.identity("/proc/self/exe") else {
      return nil
    }
    return found == own ? plugin : nil
  }

  private func execute(_ command: PluginCall.Command) throws(CNIError) -> [UInt8] {
    let program: String = try path()
    let environment: [String] = PluginSystem.environmentList(replacing: ["CNI_COMMAND": command.rawValue])
    let answer: (output: [UInt8], isSuccess: Bool) = try PluginSystem.run(
      program, input: call.configuration.bytes, environment: environment)
    if answer.isSuccess { return answer.output }
    if let json: JSONValue = try? JSONValue(parsing: answer.output), let error = CNIError(json: json) { throw error }
    throw CNIError(
      CNIError.Code.plugin, "IPAM plugin \(type) failed", details: String(decoding: answer.output, as: UTF8.self))
  }
}
