// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCSockets
import Glibc
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Kernel
public import Logging
public import ServiceLifecycle

/// The kubelet: runs the pods of its node on a container runtime.
///
/// Pods come from the API (those bound to this node) and from manifests; a worker for each brings it to what its object
/// says. The node's object, status and lease are kept, and a server answers for logs, exec and figures.
public struct Kubelet: ServiceLifecycle.Service {
  private let configuration: KubeletConfiguration
  private let logger: Logger

  /// A kubelet; nothing happens before `run`.
  public init(configuration: KubeletConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Runs until graceful shutdown or cancellation. Pods go on running.
  public func run() async throws {
    try Files.makeDirectories(configuration.rootDirectory, mode: 0o750)
    let connection: UnixGRPCClient = try UnixGRPCClient(configuration.runtimeEndpoint)
    let images: UnixGRPCClient = try configuration.imageEndpoint.map { try UnixGRPCClient($0) } ?? connection
    let deadlines: CallDeadlines = CallDeadlines()
    let runtime: GRPCRuntimeService = GRPCRuntimeService(runtime: connection, images: images, deadlines: deadlines)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await deadlines.watch() }
      group.addTask { await self.attempt("the runtime's connection") { try await connection.runConnections() } }
      if configuration.imageEndpoint != nil {
        group.addTask { await self.attempt("the image service's connection") { try await images.runConnections() } }
      }
      group.addTask {
        await cancelWhenGracefulShutdown { await self.attempt("the kubelet") { try await self.work(runtime) } }
      }
      // The work ends by shutdown, or by an error that has been told; either ends everything.
      await group.next()
      group.cancelAll()
    }
  }

  private func attempt(_ what: String, _ body: () async throws -> Void) async {
    do {
      try await body()
    } catch is CancellationError {
    } catch {
      if !Task.isCancelled { logger.error("\(what) failed", metadata: ["error": "\(error)"]) }
    }
  }

  /// Waits until the runtime answers, and gives its version.
  private func awaitRuntime(_ runtime: any RuntimeService) async throws -> CRIVersionResponse {
    var hasTold: Bool = false
    while true {
      do {
        return try await runtime.version()
      } catch {
        try Task.checkCancellation()
        if !hasTold {
          logger.info("waiting for the container runtime", metadata: ["endpoint": "\(configuration.runtimeEndpoint)"])
          hasTold = true
        }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private func work(_ runtime: GRPCRuntimeService) async throws {
    let version: CRIVersionResponse = try await awaitRuntime(runtime)
    logger.info("container runtime", metadata: ["name": "\(version.runtimeName)", "version": "\(version.runtimeVersion)"])
    let parts: KubeletParts = try KubeletParts(
      configuration: configuration, runtime: runtime, runtimeName: version.runtimeName, logger: logger)
    parts.services.groups.makeClasses()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for job in parts.jobs { group.addTask { try await job() } }
      try await group.next()
      group.cancelAll()
    }
  }
}

extension Kubelet: CustomStringConvertible {
  /// The name of the node; the configuration holds keys and must not be written into logs.
  public var description: String { "kubelet of \(configuration.nodeName)" }
}
