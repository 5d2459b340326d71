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

  /// How often the registry's directory is looked at even though nothing was told of it.
  private static let interval: Duration = .seconds(60)
  /// When a socket that did not answer is asked again: soon, as it is there before its server listens, then rarely.
  private static let retryWaits: [Duration] = [.milliseconds(100), .milliseconds(400), .seconds(1), .seconds(3)]
  /// How long the API server is given to take the news, before it is told again.
  private static let tellingInterval: Duration = .milliseconds(500)

  private struct Answered {
    /// Its name; empty where it is no CSI driver.
    var driver: String
    /// Another number under the same name is another socket: its server has started anew.
    var inode: UInt64
  }

  private struct State {
    var drivers: [String: Registered] = [:]
    /// The plugin behind each socket that has answered.
    var sockets: [String: Answered] = [:]
    /// How often in a row each socket was asked in vain, and when it is asked again.
    var failures: [String: (count: Int, next: ContinuousClock.Instant)] = [:]
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
    let watch: DirectoryWatch = try DirectoryWatch()
    // Stays set until the API server has been told, which needs the node to be registered.
    var hasChanged: Bool = false
    while !Task.isCancelled {
      try Files.makeDirectories(directory)
      _ = watch.watch(directory)
      let present: [String: UInt64] = try sockets()
      let gone: [String] = state.withLock { state in
        let gone: [String] = state.sockets.filter { present[$0.key] != $0.value.inode }.map(\.key)
        state.failures = state.failures.filter { present[$0.key] != nil }
        return gone
      }
      for socket: String in gone {
        state.withLock { state in
          if let plugin: Answered = state.sockets.removeValue(forKey: socket) { state.drivers[plugin.driver] = nil }
        }
        logger.info("a plugin is gone", metadata: ["socket": "\(socket)"])
        hasChanged = true
      }
      for (socket, inode) in present where isDue(socket) {
        if await register(socket, inode) { hasChanged = true }
        count(socket)
      }
      if hasChanged {
        do {
          try await changed(all)
          hasChanged = false
        } catch {
          logger.warning("cannot tell the API server of CSI drivers", metadata: ["error": "\(error)"])
        }
      }
      let retry: Duration = state.withLock { $0.failures.values.map(\.next).min() }.map { $0 - .now } ?? Self.interval
      try await watch.wait(for: hasChanged ? min(retry, Self.tellingInterval) : retry)
    }
  }

  /// Notes whether a socket that was asked has to be asked again.
  private func count(_ socket: String) {
    state.withLock { state in
      guard state.sockets[socket] == nil else { return state.failures[socket] = nil }
      let count: Int = state.failures[socket]?.count ?? 0
      state.failures[socket] = (count + 1, .now + Self.retryWaits[min(count, Self.retryWaits.count - 1)])
    }
  }

  /// The sockets in the registry, with their numbers.
  private func sockets() throws -> [String: UInt64] {
    var sockets: [String: UInt64] = [:]
    for name: String in try Files.list(directory) {
      // What has gone meanwhile is not there.
      guard let status: Files.Status = try? Files.status("\(directory)/\(name)"), status.isSocket else { continue }
      sockets["\(directory)/\(name)"] = status.inode
    }
    return sockets
  }

  private func isDue(_ socket: String) -> Bool {
    state.withLock { state in
      if state.sockets[socket] != nil { return false }
      return (state.failures[socket]?.next ?? .now) <= .now
    }
  }

  /// Asks a socket who it is, and tells it how that went.
  private func register(_ socket: String, _ inode: UInt64) async -> Bool {
    do {
      return try await withUnixGRPCClient(socket) { connection in
        let client = PluginRegistration.Client(wrapping: connection.client)
        var options: CallOptions = .defaults
        options.timeout = .seconds(5)
        let plugin: PluginPluginInfo = try await client.getInfo(PluginInfoRequest(), options: options)
        guard plugin.type == "CSIPlugin" else {
          self.state.withLock { $0.sockets[socket] = Answered(driver: "", inode: inode) }
          return false
        }
        var status: PluginRegistrationStatus = PluginRegistrationStatus()
        do {
          let endpoint: String = plugin.endpoint.isEmpty ? socket : plugin.endpoint
          let driver: Registered = try await Self.interview(plugin.name, endpoint)
          self.state.withLock { state in
            state.drivers[plugin.name] = driver
            state.sockets[socket] = Answered(driver: plugin.name, inode: inode)
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
