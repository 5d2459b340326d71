// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Foundation
import JSON
import Netlink
import Testing

@testable import CNIPlugins

/// A host and a container, each a fresh network namespace, and a folder for leases. All blocking, on one thread.
struct Stage {
  let folder: String
  let container: Int32

  /// Another process finds the namespace by it, too.
  var namespacePath: String { "/proc/\(getpid())/fd/\(container)" }

  static func run<Result>(_ body: (Stage) throws -> Result) throws -> Result {
    let folder: String = NSTemporaryDirectory() + "apus-cni-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // The plugin that manages addresses is found on the path; that it is this very program makes it a call.
    for name: String in ["host-local", "static"] {
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "/proc/self/exe")
    }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try NetworkNamespace.withNew {
      let container: Int32 = try newNamespace()
      defer { close(container) }
      return try body(Stage(folder: folder, container: container))
    }
  }

  static func newNamespace() throws -> Int32 {
    try NetworkNamespace.withNew { open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) }
  }

  func call(
    _ command: PluginCall.Command, _ configuration: JSONValue, id: String = "c1", arguments: String = ""
  ) throws -> PluginCall {
    let call: PluginCall = try PluginCall(
      command: command, containerID: id, namespacePath: namespacePath, interfaceName: "eth0", argumentText: arguments,
      path: folder, input: configuration.bytes)
    try call.validate(supported: CNIVersion.all)
    return call
  }

  /// Calls one of our plugins as its executable does; what it would print.
  func ours(
    _ command: PluginCall.Command, _ configuration: JSONValue, id: String = "c1", arguments: String = ""
  ) throws -> JSONValue {
    let plugin: any Plugin.Type = try #require(PluginMain.plugins.first { $0.name == configuration["type"].string })
    return try PluginMain.perform(plugin, try call(command, configuration, id: id, arguments: arguments)) ?? [:]
  }

  /// Calls the reference plugin of the same type; what it printed. Throws the error that it told.
  func reference(
    _ command: PluginCall.Command, _ configuration: JSONValue, id: String = "c1", arguments: String = ""
  ) throws -> JSONValue {
    let environment: [String] = PluginSystem.environmentList(replacing: [
      "CNI_COMMAND": command.rawValue, "CNI_CONTAINERID": id, "CNI_NETNS": namespacePath, "CNI_IFNAME": "eth0",
      "CNI_ARGS": arguments, "CNI_PATH": Reference.folder,
    ])
    let answer: (output: [UInt8], isSuccess: Bool) = try PluginSystem.run(
      "\(Reference.folder)/\(configuration["type"].string ?? "")", input: configuration.bytes, environment: environment)
    let json: JSONValue = answer.output.isEmpty ? [:] : try JSONValue(parsing: answer.output)
    if !answer.isSuccess { throw CNIError(json: json) ?? CNIError(CNIError.Code.internalFailure, json.text) }
    return json
  }

  var bridge: JSONValue {
    [
      "cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br-test", "isGateway": true, "ipMasq": true,
      "hairpinMode": true,
      "ipam": [
        "type": "host-local", "dataDir": .string(folder + "/leases"), "ranges": [[["subnet": "10.88.0.0/24"]]],
        "routes": [["dst": "0.0.0.0/0"]],
      ],
    ]
  }

  var leases: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/leases/net")) ?? []).filter { IPAddress($0) != nil }
  }

  /// Runs a body in the container's namespace.
  func inside<Result>(_ body: () throws -> Result) throws -> Result {
    try NetworkNamespace(path: namespacePath).withEntered(body)
  }
}

/// The reference plugins, as Debian installs them.
enum Reference {
  static let folder: String = "/usr/lib/cni"

  static var isInstalled: Bool { access(folder + "/ptp", X_OK) == 0 }
}

/// What a namespace has, without what is chosen by chance: one line a link, address and route.
func picture() throws -> [String] {
  var socket: NetlinkSocket = try NetlinkSocket(.route)
  var lines: [String] = []
  var names: [Int32: String] = [:]
  for link: Link in try socket.links() {
    let name: String = link.name.hasPrefix("veth") ? "veth" : link.name
    names[link.index] = name
    if link.isLoopback { continue }
    lines.append(
      "link \(name) \(link.kind) mtu \(link.mtu) up \(link.isUp) promiscuous \(link.isPromiscuous) "
        + "multicast \(link.receivesAllMulticast)")
    lines.append("queue \(name) \(link.transmitQueueLength)")
  }
  // The kernel makes an address of its own for a link of IPv6, when it is ready to.
  for address: InterfaceAddress in try socket.addresses() where address.scope == 0 {
    lines.append("address \(address.prefix) \(names[address.link] ?? "?")")
  }
  for family: IPFamily in IPFamily.allCases {
    for route: Route in try socket.routes(family) where !route.destination.address.description.hasPrefix("fe80") {
      let scope: String = family == .v4 ? "\(route.scope ?? 0)" : ""
      lines.append(
        "route \(route.destination) via \(route.gateway?.description ?? "-") \(names[route.link ?? 0] ?? "?") "
          + "source \(route.preferredSource?.description ?? "-") scope \(scope)")
    }
  }
  return lines.sorted()
}

/// A result without names and addresses that are chosen by chance.
func plain(_ result: JSONValue) -> JSONValue {
  var result: JSONValue = result
  guard !result["interfaces"].isNull else { return result }
  result["interfaces"] = .array(
    result["interfaces"].items.map { interface in
      var interface: JSONValue = interface
      if interface["name"].string?.hasPrefix("veth") == true { interface["name"] = "veth" }
      interface["mac"] = .bool(interface["mac"].string?.isEmpty == false)
      interface["sandbox"] = .bool(interface["sandbox"].string?.isEmpty == false)
      return interface
    })
  return result
}
