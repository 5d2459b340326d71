// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON
import Kernel

/// Who a network is made for.
struct NetworkRequest: Sendable {
  var sandboxID: String
  var namespacePath: String
  var podName: String
  var podNamespace: String
  var podUID: String
  /// `portMappings`, `bandwidth`, `dns` and the like, for the plugins that declare the capability.
  var capabilityArguments: JSONObject
  /// Locked while a plugin runs. The plugin inherits the lock, so that after a kill of the runtime the next one
  /// waits for a plugin that is still at work before it calls another for the same sandbox.
  var lockPath: String
}

/// Calls the CNI plugins of the first configuration in a directory (CNI 0.3.0 to 1.1.0, "Section 4: Plugin Delegation"
/// and "Section 3: Execution of Network Configurations").
struct CNINetwork: Sendable {
  let configurationDirectory: String
  let binaryDirectories: [String]
  let reactor: Reactor

  static let interfaceName: String = "eth0"

  /// The configuration in force, read anew each time: whoever manages the network may change it at any time.
  func configuration() throws -> CNIConfigurationList {
    let names: [String]
    do throws(SystemError) { names = try Files.list(configurationDirectory) } catch {
      throw RuntimeError(
        .unavailable, "cni config uninitialized: no network configuration in \(configurationDirectory): \(error)")
    }
    var problem: String = "none found"
    for name: String in names where [".conflist", ".conf", ".json"].contains(where: name.hasSuffix) {
      do {
        return try CNIConfigurationList(parsing: try Files.read(configurationDirectory + "/" + name))
      } catch {
        problem = "\(name): \(error)"
      }
    }
    throw RuntimeError(
      .unavailable, "cni config uninitialized: no network configuration in \(configurationDirectory): \(problem)")
  }

  /// What is kept of an ADD, so that DEL gets the same whatever has changed since.
  private func record(
    _ list: CNIConfigurationList, _ request: NetworkRequest, _ result: JSONValue
  ) -> JSONValue {
    var json: JSONValue = ["name": .string(list.name), "cniVersion": .string(list.version.description)]
    json["plugins"] = .array(list.plugins.map(\.json))
    return ["configuration": json, "capabilityArguments": .object(request.capabilityArguments), "result": result]
  }

  /// What `delete` needs when `add` was begun and its outcome is not known.
  func intention(_ request: NetworkRequest) throws -> JSONValue {
    record(try configuration(), request, .null)
  }

  /// Takes the turn of a sandbox; nil where its directory is gone, and with it whoever worked on it.
  private func turn(_ request: NetworkRequest) async throws -> FileLock? {
    guard let directory: String = Files.parent(of: request.lockPath), Files.exists(directory) else { return nil }
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + Self.pluginPatience
    while clock.now < deadline {
      if let lock: FileLock = try FileLock.take(request.lockPath) { return lock }
      try await clock.sleep(for: .milliseconds(5))
    }
    throw RuntimeError(
      .timedOut, "a network plugin of an earlier call is still at work for sandbox \"\(request.sandboxID)\"")
  }

  /// How long a plugin of an earlier call may go on.
  private static let pluginPatience: Duration = .seconds(30)

  /// Attaches the sandbox. Returns what to keep for `delete`; when a plugin fails, all are asked to undo.
  func add(_ request: NetworkRequest) async throws -> JSONValue {
    let list: CNIConfigurationList = try configuration()
    let turn: FileLock? = try await turn(request)
    var previous: JSONValue?
    do {
      for plugin: CNIConfigurationList.Plugin in list.plugins {
        previous = try await call("ADD", plugin, list, request, previous: previous, turn)
        Failpoints.reach("CNI.ADD.\(plugin.type)")
      }
    } catch {
      // The first failure is the one to tell.
      try? await delete(list, request, previous: list.version.hasCheck ? previous : nil, isAdded: false, turn)
      throw RuntimeError(.failed, "failed to setup network for sandbox \"\(request.sandboxID)\": \(error)")
    }
    return record(list, request, previous ?? .null)
  }

  /// Detaches the sandbox, in the opposite order; a second time is fine.
  func delete(_ record: JSONValue, _ request: NetworkRequest) async throws {
    guard !record["configuration"].isNull else { return }
    let list: CNIConfigurationList = try CNIConfigurationList(json: record["configuration"])
    var request: NetworkRequest = request
    request.capabilityArguments = record["capabilityArguments"].object ?? JSONObject()
    let isAdded: Bool = !record["result"].isNull
    let previous: JSONValue? = list.version.hasCheck && isAdded ? record["result"] : nil
    try await delete(list, request, previous: previous, isAdded: isAdded, try await turn(request))
  }

  private func delete(
    _ list: CNIConfigurationList, _ request: NetworkRequest, previous: JSONValue?, isAdded: Bool, _ turn: FileLock?
  ) async throws {
    var failure: (any Error)?
    for plugin: CNIConfigurationList.Plugin in list.plugins.reversed() {
      // A plugin that is not there is why the ADD failed: it has made nothing.
      if !isAdded, executable(plugin) == nil { continue }
      do { _ = try await call("DEL", plugin, list, request, previous: previous, turn) } catch {
        failure = failure ?? error
      }
      Failpoints.reach("CNI.DEL.\(plugin.type)")
    }
    if let failure {
      throw RuntimeError(.failed, "failed to destroy network for sandbox \"\(request.sandboxID)\": \(failure)")
    }
  }

  /// The addresses in a result, IPv4 first.
  static func addresses(_ record: JSONValue) -> [String] {
    let result: JSONValue = record["result"]
    var found: [String] = result["ips"].items.compactMap { $0["address"].string }
    if let address: String = result["ip4"]["ip"].string { found.append(address) }
    if let address: String = result["ip6"]["ip"].string { found.append(address) }
    let bare: [String] = found.map { String($0.prefix { $0 != "/" }) }
    return bare.filter { !$0.contains(":") } + bare.filter { $0.contains(":") }
  }

  private func executable(_ plugin: CNIConfigurationList.Plugin) -> String? {
    binaryDirectories.map { $0 + "/" + plugin.type }.first(where: Files.isExecutable)
  }

  private func call(
    _ command: String, _ plugin: CNIConfigurationList.Plugin, _ list: CNIConfigurationList, _ request: NetworkRequest,
    previous: JSONValue?, _ turn: FileLock?
  ) async throws -> JSONValue {
    guard let path: String = executable(plugin) else {
      throw RuntimeError(
        .failed,
        "plugin type=\"\(plugin.type)\" failed (\(command.lowercased())): "
          + "failed to find plugin \"\(plugin.type)\" in path [\(binaryDirectories.joined(separator: " "))]")
    }
    let input: JSONValue = list.request(
      for: plugin, capabilityArguments: request.capabilityArguments, previous: previous)
    let environment: [String] = [
      "CNI_COMMAND=\(command)", "CNI_CONTAINERID=\(request.sandboxID)", "CNI_NETNS=\(request.namespacePath)",
      "CNI_IFNAME=\(Self.interfaceName)", "CNI_PATH=\(binaryDirectories.joined(separator: ":"))",
      "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=\(request.podNamespace);K8S_POD_NAME=\(request.podName);"
        + "K8S_POD_INFRA_CONTAINER_ID=\(request.sandboxID);K8S_POD_UID=\(request.podUID)",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    let output: ChildProcess.Output = try await ChildProcess.run(
      path, environment: environment + Failpoints.environment, input: input.bytes, keeping: turn, reactor: reactor)
    if output.exitCode != 0 {
      throw RuntimeError(.failed, "plugin type=\"\(plugin.type)\" name=\"\(list.name)\" failed (\(command.lowercased())): \(Self.reason(output))")
    }
    if output.standardOutput.isEmpty { return .null }
    do { return try JSONValue(parsing: output.standardOutput) } catch {
      throw RuntimeError(.failed, "plugin type=\"\(plugin.type)\" answered no JSON to \(command): \(error)")
    }
  }

  private static func reason(_ output: ChildProcess.Output) -> String {
    if let json: JSONValue = try? JSONValue(parsing: output.standardOutput), let error = CNIError(json: json) {
      return error.description
    }
    let text: String = String(decoding: output.standardError.suffix(1024), as: UTF8.self)
    return text.isEmpty ? "exit code \(output.exitCode)" : text
  }
}
