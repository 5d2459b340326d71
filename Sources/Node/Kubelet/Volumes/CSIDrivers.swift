// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import GRPCCore
import GRPCSockets
import Kernel
import KubeletPlugins
import Logging
import Synchronization

/// The CSI drivers of this node, found by the sockets they put into the plugin registry.
final class CSIDrivers: Sendable {
  /// A driver that can be called.
  struct Registered: Sendable, Equatable {
    var name: String
    var endpoint: String
    var nodeID: String
    var maxVolumes: Int64
    var topology: [String: String]
    /// Whether volumes are staged before they are published.
    var stages: Bool
  }

  /// How often the registry's directory is looked at.
  private static let interval: Duration = .milliseconds(500)
  /// How often a socket that did not answer is asked again, in looks.
  private static let retryLooks: Int = 6

  private struct State {
    var drivers: [String: Registered] = [:]
    /// The name that came from each socket; nil while it has not answered.
    var sockets: [String: String] = [:]
    var failures: [String: Int] = [:]
  }

  private let state: Mutex<State> = Mutex(State())
  private let directory: String
  private let logger: Logger

  init(directory: String, logger: Logger) {
    self.directory = directory
    self.logger = logger
  }

  /// A driver by its name.
  func registered(_ name: String) -> Registered? { state.withLock { $0.drivers[name] } }
  var all: [Registered] { state.withLock { Array($0.drivers.values) }.sorted { $0.name < $1.name } }

  /// Watches the registry until cancelled; `changed` is called when a driver has come or gone.
  func run(changed: @Sendable @escaping ([Registered]) async throws -> Void) async throws {
    try Files.makeDirectories(directory)
    // Stays set until the API server has been told, which needs the node to be registered.
    var hasChanged: Bool = false
    while !Task.isCancelled {
      let present: Set<String> = Set(try Files.list(directory).map { "\(directory)/\($0)" }.filter(Self.isSocket))
      let gone: [String] = state.withLock { state in state.sockets.keys.filter { !present.contains($0) } }
      for socket: String in gone {
        state.withLock { state in
          if let name: String = state.sockets.removeValue(forKey: socket) { state.drivers[name] = nil }
          state.failures[socket] = nil
        }
        logger.info("a plugin is gone", metadata: ["socket": "\(socket)"])
        hasChanged = true
      }
      for socket: String in present where isDue(socket) {
        if await register(socket, changed) { hasChanged = true }
      }
      if hasChanged {
        do {
          try await changed(all)
          hasChanged = false
        } catch {
          logger.warning("cannot tell the API server of CSI drivers", metadata: ["error": "\(error)"])
        }
      }
      try await Task.sleep(for: Self.interval)
    }
  }

  private static func isSocket(_ path: String) -> Bool {
    (try? Files.status(path).isSocket) ?? false
  }

  private func isDue(_ socket: String) -> Bool {
    state.withLock { state in
      if state.sockets[socket] != nil { return false }
      let count: Int = state.failures[socket] ?? 0
      state.failures[socket] = count + 1
      return count % Self.retryLooks == 0
    }
  }

  /// Asks a socket who it is, and tells it how that went.
  private func register(
    _ socket: String, _ changed: @Sendable @escaping ([Registered]) async throws -> Void
  ) async -> Bool {
    do {
      return try await withUnixGRPCClient(socket) { connection in
        let client = PluginRegistration.Client(wrapping: connection.client)
        var options: CallOptions = .defaults
        options.timeout = .seconds(5)
        let plugin: PluginPluginInfo = try await client.getInfo(PluginInfoRequest(), options: options)
        guard plugin.type == "CSIPlugin" else {
          self.state.withLock { $0.sockets[socket] = "" }
          return false
        }
        var status: PluginRegistrationStatus = PluginRegistrationStatus()
        do {
          let endpoint: String = plugin.endpoint.isEmpty ? socket : plugin.endpoint
          let driver: Registered = try await Self.interview(plugin.name, endpoint)
          self.state.withLock { state in
            state.drivers[plugin.name] = driver
            state.sockets[socket] = plugin.name
          }
          self.logger.info("CSI driver registered", metadata: ["driver": "\(plugin.name)", "endpoint": "\(endpoint)"])
          status.pluginRegistered = true
        } catch {
          status.error = "\(error)"
          self.logger.warning("cannot register a CSI driver", metadata: ["driver": "\(plugin.name)", "error": "\(error)"])
        }
        _ = try await client.notifyRegistrationStatus(status, options: options)
        return status.pluginRegistered
      }
    } catch {
      logger.debug("a plugin does not answer", metadata: ["socket": "\(socket)", "error": "\(error)"])
      return false
    }
  }

  private static func interview(_ name: String, _ endpoint: String) async throws -> Registered {
    try await withUnixGRPCClient(endpoint) { connection in
      let node = CSINode.Client(wrapping: connection.client)
      var options: CallOptions = .defaults
      options.timeout = .seconds(15)
      let identity: CSINodeGetInfoResponse = try await node.nodeGetInfo(CSINodeGetInfoRequest(), options: options)
      let abilities: CSINodeGetCapabilitiesResponse = try await node.nodeGetCapabilities(
        CSINodeGetCapabilitiesRequest(), options: options)
      return Registered(
        name: name, endpoint: endpoint, nodeID: identity.nodeID, maxVolumes: identity.maxVolumesPerNode,
        topology: identity.accessibleTopology.segments,
        stages: abilities.capabilities.contains { $0.rpc.type == .stageUnstageVolume })
    }
  }
}
