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

  /// Attaches the sandbox. Returns what to keep for `delete`; when a plugin fails, all are asked to undo.
  func add(_ request: NetworkRequest) async throws -> JSONValue {
    let list: CNIConfigurationList = try configuration()
    var previous: JSONValue?
    do {
      for plugin: CNIConfigurationList.Plugin in list.plugins {
        previous = try await call("ADD", plugin, list, request, previous: previous)
      }
    } catch {
      // The first failure is the one to tell.
      try? await delete(record(list, request, previous ?? .null), request)
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
    let previous: JSONValue? = list.version.hasCheck && !record["result"].isNull ? record["result"] : nil
    var failure: (any Error)?
    for plugin: CNIConfigurationList.Plugin in list.plugins.reversed() {
      do { _ = try await call("DEL", plugin, list, request, previous: previous) } catch {
        failure = failure ?? error
      }
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

  private func call(
    _ command: String, _ plugin: CNIConfigurationList.Plugin, _ list: CNIConfigurationList, _ request: NetworkRequest,
    previous: JSONValue?
  ) async throws -> JSONValue {
    guard let path: String = binaryDirectories.map({ $0 + "/" + plugin.type }).first(where: Files.isExecutable) else {
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
      path, environment: environment, input: input.bytes, reactor: reactor)
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
