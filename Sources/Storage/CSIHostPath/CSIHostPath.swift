// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import GRPCCore
internal import GRPCSockets
internal import Kernel
internal import KubeletPlugins
public import Logging
public import ServiceLifecycle

/// How the host-path driver is run.
public struct CSIHostPathConfiguration: Sendable {
  /// The driver's name, as storage classes call it.
  public var driverName: String
  /// The socket of CSI.
  public var endpoint: String
  /// The node's name.
  public var nodeID: String
  /// Where volumes are.
  public var stateDirectory: String
  /// What all volumes together may promise, in bytes.
  public var capacityBytes: Int64 = 100 << 30
  /// The largest volume, in bytes.
  public var volumeBytesMax: Int64 = 1 << 40
  /// Where the kubelet looks for plugins; nil where somebody else registers the driver.
  public var registrationDirectory: String?

  /// Makes a configuration.
  public init(driverName: String, endpoint: String, nodeID: String, stateDirectory: String) {
    self.driverName = driverName
    self.endpoint = endpoint
    self.nodeID = nodeID
    self.stateDirectory = stateDirectory
  }

  /// The key by which volumes say on which node they are.
  /// Below no domain of Kubernetes: kubelets may not set labels there on their nodes.
  var topologyKey: String { "topology.hostpath.csi/node" }
}

/// A CSI driver whose volumes are directories and disk images of this machine.
public struct CSIHostPath: Service {
  /// What the driver says of itself.
  static let vendorVersion: String = "1.0.0"

  private let configuration: CSIHostPathConfiguration
  private let logger: Logger

  /// Makes a driver; nothing is opened before `run`.
  public init(configuration: CSIHostPathConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Serves until the task is cancelled or the process is asked to stop.
  public func run() async throws {
    let store: VolumeStore = try VolumeStore(
      root: configuration.stateDirectory, capacityBytes: configuration.capacityBytes)
    let services: [any RegistrableRPCService] = [
      IdentityService(configuration: configuration),
      ControllerService(configuration: configuration, store: store),
      GroupControllerService(store: store),
      NodeService(configuration: configuration, store: store),
    ]
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await withGRPCServer(
            unixSocket: configuration.endpoint, services: services, interceptors: [ErrorTranslator()], logger: logger)
        }
        if let directory: String = configuration.registrationDirectory {
          let registration: RegistrationService = RegistrationService(configuration: configuration, logger: logger)
          group.addTask {
            try await withGRPCServer(
              unixSocket: "\(directory)/\(configuration.driverName)-reg.sock", services: [registration], logger: logger)
          }
        }
        do {
          try await group.waitForAll()
        } catch is CancellationError {}
      }
    }
  }
}

/// Tells the kubelet where the driver is (the kubelet's plugin registration).
struct RegistrationService: PluginRegistration.SimpleServiceProtocol {
  let configuration: CSIHostPathConfiguration
  let logger: Logger

  func getInfo(request: PluginInfoRequest, context: ServerContext) async throws -> PluginPluginInfo {
    var info: PluginPluginInfo = PluginPluginInfo()
    info.type = "CSIPlugin"
    info.name = configuration.driverName
    info.endpoint = strippingUnixScheme(configuration.endpoint)
    info.supportedVersions = ["1.0.0"]
    return info
  }

  func notifyRegistrationStatus(
    request: PluginRegistrationStatus, context: ServerContext
  ) async throws -> PluginRegistrationStatusResponse {
    if request.pluginRegistered {
      logger.info("registered with the kubelet", metadata: ["driver": "\(configuration.driverName)"])
    } else {
      logger.error("the kubelet refused the driver", metadata: ["error": "\(request.error)"])
    }
    return PluginRegistrationStatusResponse()
  }
}
