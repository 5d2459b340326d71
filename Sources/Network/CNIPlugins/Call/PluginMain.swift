// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Glibc
import JSON

/// The program that is every plugin: the name by which it was called decides.
public enum PluginMain {
  /// All plugins by name.
  public static let plugins: [any Plugin.Type] = [
    BandwidthPlugin.self, BridgePlugin.self, FirewallPlugin.self, HostLocalPlugin.self, LoopbackPlugin.self,
    PointToPointPlugin.self, PortmapPlugin.self, StaticPlugin.self, TuningPlugin.self,
  ]

  /// Runs one call and returns the exit code.
  public static func run(arguments: [String]) -> Int32 {
    let name: String = arguments.first.map { String($0.split(separator: "/").last ?? "") } ?? ""
    if let plugin: any Plugin.Type = plugins.first(where: { $0.name == name }) { return serve(plugin) }
    if arguments.count == 3, arguments[1] == "install" { return install(into: arguments[2]) }
    let names: String = plugins.map { $0.name }.joined(separator: ", ")
    let usage: String = """
      usage: apus-cni install DIRECTORY    make a hard link of this program for each plugin
      Called by the name of a plugin (\(names)), it is that plugin: see the CNI specification.

      """
    _ = PluginSystem.writeAll(2, Array(usage.utf8))
    return arguments.count == 2 && ["help", "--help", "-h"].contains(arguments[1]) ? 0 : 2
  }

  private static func serve(_ plugin: any Plugin.Type) -> Int32 {
    if PluginSystem.environment("CNI_COMMAND").isEmpty, isatty(0) == 1 {
      _ = PluginSystem.writeAll(2, Array("CNI plugin \(plugin.name); speaks \(CNIVersion.all)\n".utf8))
    }
    var version: CNIVersion = .current
    do throws(CNIError) {
      let call: PluginCall = try PluginCall.read(supported: CNIVersion.all)
      version = CNIVersion.all.contains(call.version) ? call.version : .current
      if let answer: JSONValue = try perform(plugin, call) { print(answer) }
      return 0
    } catch {
      print(error.json(version: version))
      return 1
    }
  }

  /// Does what the call says; what is to be printed, if anything.
  static func perform(_ plugin: any Plugin.Type, _ call: PluginCall) throws(CNIError) -> JSONValue? {
    switch call.command {
    case .version:
      let version: CNIVersion = CNIVersion.all.contains(call.version) && !call.configuration["cniVersion"].isNull
        ? call.version : .current
      return [
        "cniVersion": .string(version.description), "supportedVersions": JSONValue(CNIVersion.all.map(\.description)),
      ]
    case .add: return try plugin.init(call).add().json(version: call.version)
    case .delete: try plugin.init(call).delete()
    case .check: try plugin.init(call).check()
    case .status: try plugin.init(call).status()
    case .collectGarbage: try plugin.init(call).collectGarbage()
    }
    return nil
  }

  private static func print(_ value: JSONValue) {
    _ = PluginSystem.writeAll(1, value.bytes + [0x0A])
  }

  private static func install(into folder: String) -> Int32 {
    do throws(CNIError) {
      try PluginSystem.makeFolder(folder)
      var own: [CChar] = [CChar](repeating: 0, count: 4096)
      let count: Int = readlink("/proc/self/exe", &own, own.count - 1)
      guard count > 0 else { throw PluginSystem.failure("find this program") }
      let program: String = String(decoding: own[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      for plugin: any Plugin.Type in plugins { try PluginSystem.hardLink(program, "\(folder)/\(plugin.name)") }
      return 0
    } catch {
      _ = PluginSystem.writeAll(2, Array("apus-cni: \(error)\n".utf8))
      return 1
    }
  }
}
