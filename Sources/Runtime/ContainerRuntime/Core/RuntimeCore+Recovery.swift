// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import Images
import JSON
import Kernel
import Logging
import ShimProtocol

extension RuntimeCore {
  /// Finds again what an earlier runtime left running, records what has ended meanwhile, and removes what belongs to
  /// nobody.
  func recover() async throws {
    try records.load(logger: logger)
    for sandbox: SandboxRecord in records.sandboxes { try await recover(sandbox) }
    for container: ContainerRecord in records.containers where records.sandbox(container.sandboxID) == nil {
      logger.warning("a container without its sandbox is removed", metadata: ["id": "\(container.id)"])
      try await removeRemains(of: container)
    }
    for sandbox: SandboxRecord in records.sandboxes where !sandbox.config.linux.cgroupParent.isEmpty {
      removeUnusedGroups(besides: sandbox)
    }
    let known: Set<String> = Set(records.sandboxes.map(\.id))
    for id: String in try Files.list(configuration.state + "/pods") where !known.contains(id) {
      await removeUnknownPod(id)
    }
    let containers: Set<String> = Set(records.containers.map(\.id))
    for id: String in try Files.list(configuration.state + "/containers") where !containers.contains(id) {
      try Files.removeTree(bundle(id))
    }
    for id: String in await images.rootFileSystems() where !containers.contains(id) {
      if id.hasPrefix("volume-"), containers.contains(String(id.dropFirst(7).prefix(64))) { continue }
      try await images.removeRootFileSystem(id)
    }
  }

  /// Removes groups in a pod's own group that belong to no container and no sandbox: an earlier runtime ended before
  /// the kernel had let go of them.
  private func removeUnusedGroups(besides sandbox: SandboxRecord) {
    guard let parent: String = Files.parent(of: sandbox.cgroupPath) else { return }
    // A pod without a group has none below it either.
    let groups: [Cgroup] = (try? hierarchy.group(parent).children()) ?? []
    for group: Cgroup in groups {
      let id: String = group.path.split(separator: "/").last.map(String.init) ?? ""
      let isUsed: Bool = records.sandbox(id) != nil || (records.container(id).map { $0.state != .exited } ?? false)
      if id.utf8.count == 64, !isUsed { removeCgroup(group.path) }
    }
  }

  private func recover(_ sandbox: SandboxRecord) async throws {
    guard sandbox.isReady || sandbox.pausePID != 0 else {
      logger.warning("a pod that was never finished is removed", metadata: ["id": "\(sandbox.id)"])
      return await dismantle(sandbox)
    }
    let containers: [ContainerRecord] = records.containers(in: sandbox.id)
    if let shim: ShimConnection = try await findShim(sandbox.id),
      let answer = try? await shim.request(ShimMethod.state, [:])
    {
      let state: ShimState = ShimState(answer.result)
      logger.info("found a running pod again", metadata: ["id": "\(sandbox.id)", "containers": "\(state.running.count)"])
      if state.pausePID == 0, sandbox.isReady { try records.updateSandbox(sandbox.id) { $0.isReady = false } }
      for exit: ProcessExit in state.ended { handle(exit) }
      for container: ContainerRecord in containers where container.state == .running {
        guard state.running[container.id] == nil, records.container(container.id)?.state == .running else { continue }
        if container.pid != 0 {
          lost(container)
        } else {
          // The shim was never asked to start it, or could not: it did not run.
          removeCgroup(container.cgroupPath)
          try records.updateContainer(container.id) {
            $0.state = .created
            $0.startedAt = 0
          }
        }
      }
      // Started, but its process was not recorded before the runtime ended.
      for (id, pid) in state.running { try records.updateContainer(id) { $0.pid = pid } }
      return
    }
    forgetShim(sandbox.id)
    for container: ContainerRecord in containers where container.state == .running { lost(container) }
    if sandbox.isReady {
      logger.warning("a pod's shim is gone", metadata: ["id": "\(sandbox.id)"])
      try records.updateSandbox(sandbox.id) { $0.isReady = false }
    }
    try? hierarchy.group(sandbox.cgroupPath).signal(9)
  }

  /// A container that should run and that no shim knows: its bundle may tell how it ended.
  private func lost(_ container: ContainerRecord) {
    try? hierarchy.group(container.cgroupPath).signal(9)
    if let bytes: [UInt8] = try? Files.read(bundle(container.id) + "/exit.json"),
      let json: JSONValue = try? JSONValue(parsing: bytes), let exit = ProcessExit(json)
    {
      return handle(exit)
    }
    handle(ProcessExit(id: container.id, exitCode: 137, finishedAt: SystemClock.now, isOutOfMemory: false))
  }

  /// The runtime ended in the middle of making this pod: nobody was told of it.
  private func removeUnknownPod(_ id: String) async {
    logger.warning("a pod without a record is removed", metadata: ["id": "\(id)"])
    do { try await stopShim(id) } catch {
      logger.warning("the shim of a pod is left", metadata: ["id": "\(id)", "error": "\(error)"])
    }
    removePodState(id)
  }

  /// Takes away a pod's pinned namespaces, shared memory and files below the state directory.
  func removePodState(_ id: String) {
    let directory: String = podState(id)
    do throws(SystemError) {
      for name: String in ["net", "ipc", "uts", "user"] { try Namespaces.unpin(directory + "/" + name) }
      try Mounts.unmount(directory + "/shm")
      try Files.removeTree(directory)
    } catch {
      logger.warning("files of a pod are left", metadata: ["id": "\(id)", "error": "\(error)"])
    }
  }

  func removeRemains(of container: ContainerRecord) async throws {
    removeCgroup(container.cgroupPath)
    try await removeImageVolumes(of: container)
    try await images.removeRootFileSystem(container.id)
    Failpoints.reach("RemoveContainer.root")
    try Files.removeTree(bundle(container.id))
    try records.removeContainer(container.id)
  }

  func removeImageVolumes(of container: ContainerRecord) async throws {
    for (number, mount) in container.config.mounts.enumerated() where mount.hasImage && !mount.image.image.isEmpty {
      try await images.removeRootFileSystem("volume-\(container.id)-\(number)")
    }
  }
}
