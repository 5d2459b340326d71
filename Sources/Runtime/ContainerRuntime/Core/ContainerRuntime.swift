// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCSockets
import Images
import Kernel
public import Logging
public import ServiceLifecycle
import StreamServing

/// How the runtime is set up.
public struct ContainerRuntimeConfiguration: Sendable {
  /// The socket of CRI, as a path or `unix://` URL.
  public var address: String
  /// Lasting data: images, records, the changes of containers.
  public var root: String
  /// What is gone with a boot: bundles, sockets, pinned namespaces.
  public var state: String
  /// The CNI configurations.
  public var cniConfigurationDirectory: String
  /// The CNI plugins, searched in this order.
  public var cniBinaryDirectories: [String]
  /// Mirrors of registries, `<host>/hosts.toml`; nil for none.
  public var registryConfigurationDirectory: String?
  /// The directory with `apus-shim` and `apus-init`.
  public var libexecDirectory: String
  /// The sandbox image to report; no image is used for sandboxes.
  public var sandboxImage: String
  /// The control group of pods for which the caller names none.
  public var cgroupParent: String = "/apus"
  /// Where exec, attach and port-forward sessions are served.
  public var streamAddress: String = "127.0.0.1"
  /// The port of it; 0 lets the kernel choose.
  public var streamPort: Int = 0

  /// Makes a configuration.
  public init(
    address: String, root: String, state: String, cniConfigurationDirectory: String, cniBinaryDirectories: [String],
    registryConfigurationDirectory: String?, libexecDirectory: String, sandboxImage: String
  ) {
    self.address = address
    self.root = root
    self.state = state
    self.cniConfigurationDirectory = cniConfigurationDirectory
    self.cniBinaryDirectories = cniBinaryDirectories
    self.registryConfigurationDirectory = registryConfigurationDirectory
    self.libexecDirectory = libexecDirectory
    self.sandboxImage = sandboxImage
  }
}

/// The container runtime: serves CRI until it is told to stop. Pods go on without it, and are found again at the next start.
public struct ContainerRuntime: Service {
  private let configuration: ContainerRuntimeConfiguration
  private let logger: Logger

  /// Makes a runtime; it serves once `run` is called.
  public init(configuration: ContainerRuntimeConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Opens the stores, finds the pods that run, and serves.
  public func run() async throws {
    let core: RuntimeCore = try await RuntimeCore(configuration: configuration, logger: logger)
    try await core.recover()
    let backend: RuntimeStreamBackend = RuntimeStreamBackend(core: core)
    let streams: StreamServer = StreamServer(
      configuration: StreamServerConfiguration(address: configuration.streamAddress, port: configuration.streamPort),
      backend: backend, logger: logger)
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await streams.run() }
        group.addTask { try await core.superviseShims() }
        // Compiled before the first container asks for it; one that cannot be compiled is told when it is needed.
        async let _ = try? core.seccomp.path(
          for: DefaultSeccompProfile.make(capabilities: ContainerCapabilities.standard))
        group.addTask {
          try await withGRPCServer(
            unixSocket: configuration.address,
            services: [RuntimeServer(core: core, streams: streams), ImageServer(core: core)],
            interceptors: [ErrorTranslation(logger: logger)], logger: logger,
            onListening: { logger.info("serving CRI", metadata: ["address": "\(configuration.address)"]) })
        }
        // The first to end, ends all: none of them ends by itself.
        defer { group.cancelAll() }
        do { try await group.next() } catch is CancellationError {}
      }
    }
  }
}
