// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

/// Removes what is left over: sandboxes, containers, directories and groups of pods that are gone; old images; long logs.
struct Housekeeping: Sendable {
  private static let interval: Duration = .seconds(10)
  /// The hexadecimal digits of a container's ID.
  private static let containerIDLength: Int = 64
  /// Images are looked at this often, in rounds.
  private static let imageRounds: Int = 30

  let services: PodServices
  let supervisor: PodSupervisor
  let tracked: ReferencedObjects?
  /// Looks at what the machine lacks; nil without an API server to tell.
  let pressure: PressureWatch?

  /// Runs until cancelled.
  func run() async throws {
    var round: Int = 0
    var unused: [String: Timestamp] = [:]
    // Orphans are looked for as soon as it is known which pods there are.
    while await !supervisor.isReady { try await Task.sleep(for: .milliseconds(500)) }
    while !Task.isCancelled {
      await removeOrphans()
      await removeDirectories()
      await removeLogs()
      await releaseObjects()
      await LogRotation(services: services).run()
      if let pressure { await pressure.run() }
      if round % Self.imageRounds == 0 { await ImageCollection(services: services, pods: supervisor.pods()).run(&unused) }
      round += 1
      try await Task.sleep(for: Self.interval)
    }
  }

  /// Ends pods that still run though nobody wants them, and removes dead sandboxes that a pod has replaced.
  private func removeOrphans() async {
    do {
      var newest: [String: CRIPodSandbox] = [:]
      for sandbox: CRIPodSandbox in try await services.runtime.podSandboxes(of: nil) {
        // Sandboxes of others on the same runtime are not ours to end.
        guard sandbox.labels[RuntimeLabel.podUID] != nil else { continue }
        let uid: String = sandbox.metadata.uid
        if await supervisor.hasWorker(PodUID(uid)) {
          if let other: CRIPodSandbox = newest[uid] {
            let (old, new): (CRIPodSandbox, CRIPodSandbox) =
              other.createdAt < sandbox.createdAt ? (other, sandbox) : (sandbox, other)
            newest[uid] = new
            if old.state == .sandboxNotready { try await services.runtime.removePodSandbox(old.id) }
          } else {
            newest[uid] = sandbox
          }
          continue
        }
        await supervisor.adopt(
          orphan: PodUID(uid), name: sandbox.metadata.name, namespace: sandbox.metadata.namespace,
          grace: try await promisedGrace(PodUID(uid)))
      }
    } catch {
      services.logger.debug("cannot look for orphans", metadata: ["error": "\(error)"])
    }
  }

  /// The grace period of a pod of which only the containers are left.
  private func promisedGrace(_ uid: PodUID) async throws -> Int64 {
    let promises: [Int64] = try await services.runtime.containers(of: uid).compactMap { container in
      let text: String? =
        container.annotations[RuntimeLabel.podDeletionGracePeriod] ?? container.annotations[RuntimeLabel.podGracePeriod]
      return text.flatMap { Int64($0) }
    }
    return promises.max() ?? 1
  }

  private func removeDirectories() async {
    for uid: PodUID in services.volumes.podsWithDirectories() where await !supervisor.hasWorker(uid) {
      do {
        try await services.volumes.tearDown(uid)
        services.logger.info("removed the directory of a pod that is gone", metadata: ["uid": "\(uid)"])
      } catch {
        services.logger.warning("cannot remove a pod's directory", metadata: ["uid": "\(uid)", "error": "\(error)"])
      }
    }
    for uid: PodUID in services.groups.podsWithGroups() where await !supervisor.hasWorker(uid) {
      services.groups.remove(for: uid)
    }
  }

  /// Logs of pods that are gone: their worker ended between removing the sandbox and the logs.
  private func removeLogs() async {
    let (pods, links): (String, String) =
      (services.configuration.podLogsDirectory, services.configuration.containerLogsDirectory)
    // No directory yet: no logs.
    for name: String in (try? Files.list(pods)) ?? [] {
      // NAMESPACE_NAME_UID, of which none contains an underscore.
      let parts: [Substring] = name.split(separator: "_")
      guard parts.count == 3, await !supervisor.hasWorker(PodUID(String(parts[2]))) else { continue }
      do { try Files.removeTree("\(pods)/\(name)") } catch {
        services.logger.debug("cannot remove logs", metadata: ["path": "\(pods)/\(name)", "error": "\(error)"])
      }
    }
    // A link's name ends with its container's ID; the runtime is asked after the links are listed.
    guard let names: [String] = try? Files.list(links), !names.isEmpty,
      let known: Set<String> = try? await Set(services.runtime.containers(of: nil).map(\.id))
    else { return }
    for name: String in names where !known.contains(String(name.dropLast(".log".count).suffix(Self.containerIDLength))) {
      let path: String = "\(links)/\(name)"
      guard let target: String = try? Files.readLink(path), target.hasPrefix(pods + "/") else { continue }
      // Somebody else was faster, or the next round tries again.
      try? Files.remove(path)
    }
  }

  private func releaseObjects() async {
    guard let tracked else { return }
    for uid: PodUID in tracked.users where await !supervisor.hasWorker(uid) { tracked.release(uid) }
  }
}
