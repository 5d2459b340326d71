// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import GRPCSockets
import Glibc
import Kernel
public import Logging

/// `apus down`: stops the daemons, removes the pods, and gives back what they took of the machine.
///
/// The order matters: the kubelet stops first, so that nothing starts pods again; the runtime then removes the
/// pods with their networks; what a crash may have left is swept up last.
public struct ClusterDown {
  private let cluster: ClusterConfiguration
  private let logger: Logger
  private let say: @Sendable (String) -> Void

  /// - Parameter say: shows a line of progress to the person who waits.
  public init(_ cluster: ClusterConfiguration, logger: Logger, say: @escaping @Sendable (String) -> Void) {
    self.cluster = cluster
    self.logger = logger
    self.say = say
  }

  /// Takes the cluster down.
  ///
  /// - Parameter isPurging: also removes what the cluster kept on disk: objects, images, volumes, certificates.
  public func run(isPurging: Bool) async throws {
    guard getuid() == 0 else { throw ClusterError(.unsupported, "only root can take a cluster down") }
    let supervisor: RunningComponents.Identity? = running[Supervisor.name]
    let leftovers: Leftovers = Leftovers(cluster)
    if let supervisor {
      try Processes.signal(supervisor.pid, SIGUSR1)
      try await waitUntilOnlyRuntime()
      say("stopped the daemons")
    } else {
      try leftovers.endDaemons()
    }
    // Pods outlive a runtime that was killed, and only a runtime can take them away.
    let runtime: RunningComponents.Identity? = try running["runtime"] ?? leftovers.runtime()
    if runtime != nil || cluster.foreignRuntime.map(Files.exists) == true {
      let count: Int = try await removePods()
      say("removed \(count) pods")
    }
    try stopTheRest(supervisor)
    // One that the supervisor did not know, because it was itself only starting again.
    try leftovers.endRuntime()
    try MachineSweep(cluster: cluster).run()
    if isPurging {
      try purge()
      say("removed everything that the cluster kept on disk")
    }
  }

  private var running: [String: RunningComponents.Identity] {
    RunningComponents(runDirectory: cluster.runDirectory).alive
  }

  private func waitUntilOnlyRuntime() async throws {
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + .seconds(40)
    while Set(running.keys).subtracting([Supervisor.name, "runtime"]).isEmpty == false {
      guard clock.now < deadline else {
        throw ClusterError(.timeout, "the daemons \(running.keys.sorted()) do not end; see \(cluster.logDirectory)")
      }
      try await clock.sleep(for: .milliseconds(20))
    }
  }

  private func removePods() async throws -> Int {
    try await withUnixGRPCClient(cluster.runtimeSocket) { client in
      let runtime: CRIRuntimeService.Client<UnixGRPCClient.Transport> =
        CRIRuntimeService.Client(wrapping: client.client)
      // It may have been started a moment ago, and look after many pods first.
      var options: CallOptions = .defaults
      options.waitForReady = true
      options.timeout = .seconds(60)
      let sandboxes: [CRIPodSandbox] = try await runtime.listPodSandbox(
        CRIListPodSandboxRequest(), options: options
      ).items
      try await withThrowingTaskGroup(of: Void.self) { group in
        for sandbox: CRIPodSandbox in sandboxes {
          group.addTask {
            var stop: CRIStopPodSandboxRequest = CRIStopPodSandboxRequest()
            stop.podSandboxID = sandbox.id
            _ = try await runtime.stopPodSandbox(stop)
            var remove: CRIRemovePodSandboxRequest = CRIRemovePodSandboxRequest()
            remove.podSandboxID = sandbox.id
            _ = try await runtime.removePodSandbox(remove)
          }
        }
        try await group.waitForAll()
      }
      return sandboxes.count
    }
  }

  private func stopTheRest(_ supervisor: RunningComponents.Identity?) throws {
    let keeper: RunningComponents.Identity? =
      RunningComponents(runDirectory: cluster.runDirectory, file: Keeper.file).alive[Keeper.name]
    if let supervisor {
      try Processes.signal(supervisor.pid, SIGTERM)
      try Processes.waitForEnd(of: supervisor.pid, milliseconds: 40_000)
    }
    if let keeper {
      // Its supervisor has ended with the plan gone; it ends by itself, and this only hurries it.
      try Processes.signal(keeper.pid, SIGTERM)
      try Processes.waitForEnd(of: keeper.pid, milliseconds: 10_000)
    }
    // Daemons that outlived a killed supervisor.
    for (_, identity) in running {
      try Processes.signal(identity.pid, SIGKILL)
      try Processes.waitForEnd(of: identity.pid, milliseconds: 10_000)
    }
  }

  private func purge() throws {
    let made: [String] = try MachineState.restore(cluster)
    for plugin: String in ClusterFiles.plugins {
      let path: String = cluster.cniBinDirectory + "/" + plugin
      // Plugins that somebody else installed under the same names are theirs.
      if let target: String = try? Files.readLink(path), target.hasSuffix("/apus-cni") { try Files.remove(path) }
    }
    for path: String in [ClusterFiles(cluster: cluster).conflistPath] where Files.exists(path) { try Files.remove(path) }
    for tree: String in [
      cluster.kubernetesDirectory, cluster.kubeletDirectory, cluster.dataDirectory, cluster.runDirectory,
      cluster.logDirectory, cluster.podLogDirectory, cluster.root + "/var/log/containers",
    ] where Files.exists(tree) {
      do throws(SystemError) { try Files.removeTree(tree) } catch {
        // A file system of its own that is mounted there stays, empty.
        if error != SystemError(.busy, "rmdir", tree) { throw error }
      }
    }
    // Folders that hold something of others stay.
    for folder: String in made where Files.exists(folder) { try? Files.removeDirectory(folder) }
  }
}
