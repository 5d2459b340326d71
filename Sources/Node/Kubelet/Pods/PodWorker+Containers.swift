// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging

/// Why a container could not be started: what it waits with.
struct StartFailure: Error, Sendable {
  var reason: String
  var message: String
  var retryAfter: Duration
}

extension PodWorker {
  /// How long a container that could not be made waits for the next try.
  private static let retryAfter: Duration = .seconds(10)

  /// Starts containers, one after another.
  func start(_ names: [String], sandboxAttempt: UInt32?) async {
    guard !names.isEmpty, let sandbox: CRIPodSandboxStatus = observed.readySandbox else { return }
    do {
      try writeHostsFile()
    } catch {
      services.logger.warning("cannot write a pod's hosts file", metadata: ["pod": "\(pod.display)", "error": "\(error)"])
    }
    let config: CRIPodSandboxConfig = services.sandboxes.make(
      for: pod, attempt: sandbox.metadata.attempt, users: observedUsers())
    for name: String in names {
      if Task.isCancelled { return }
      guard let role: ContainerRole = pod.role(named: name) else { continue }
      do {
        try await start(role, in: sandbox, config)
        waiting[name] = nil
      } catch let failure as StartFailure {
        note(role, failure)
      } catch let failure as ImageFailure {
        if failure.reason != "ImagePullBackOff" || waiting[name]?.reason != "ImagePullBackOff" {
          tell(pod, "Warning", "Failed", "Error: \(failure.reason)", fieldPath: role.fieldPath)
        }
        note(role, StartFailure(reason: failure.reason, message: failure.message, retryAfter: failure.retryAfter ?? Self.retryAfter))
      } catch {
        if Task.isCancelled { return }
        note(role, StartFailure(reason: "RunContainerError", message: "\(error)", retryAfter: Self.retryAfter))
      }
    }
  }

  private func note(_ role: ContainerRole, _ failure: StartFailure) {
    waiting[role.name] = .init(reason: failure.reason, message: failure.message)
    look(after: failure.retryAfter)
  }

  private func start(_ role: ContainerRole, in sandbox: CRIPodSandboxStatus, _ config: CRIPodSandboxConfig) async throws {
    let latest: ObservedContainer? = observed.latest(role.name)
    try holdBack(role, latest)
    let pod: Pod = self.pod
    let image: CRIImage = try await services.images.ensure(role.container, of: pod, sandbox: config) {
      [self] type, reason, message in tell(pod, type, reason, message, fieldPath: role.fieldPath)
    }
    try await ensureImageVolumes(role.container, in: pod, config)
    if Task.isCancelled { throw CancellationError() }
    let attempt: UInt32 = latest.map { UInt32(max($0.restartCount, 0)) + 1 } ?? previousAttempts(role.name)
    let prepared: CRIContainerConfig = try await prepare(role, attempt, image, latest)
    let id: String
    do {
      id = try await services.runtime.createContainer(in: sandbox.id, config: prepared, sandboxConfig: config)
    } catch {
      throw failed(role, "CreateContainerError", error)
    }
    tell(pod, "Normal", "Created", "Container created", fieldPath: role.fieldPath)
    Failpoints.reach("PodWorker.created")
    do {
      try await services.runtime.startContainer(id)
    } catch {
      throw failed(role, "RunContainerError", error)
    }
    tell(pod, "Normal", "Started", "Container started", fieldPath: role.fieldPath)
    Failpoints.reach("PodWorker.started")
    await removeOld(role.name, keeping: id)
    if role.container.lifecycle.hasPostStart { try await postStart(role, id) }
  }

  /// The images that a container mounts as volumes are pulled as those of containers are.
  private func ensureImageVolumes(_ container: Container, in pod: Pod, _ config: CRIPodSandboxConfig) async throws {
    for name: String in Set(container.volumeMounts.map(\.name)) {
      guard let volume: PreparedVolume = volumes[name], !volume.imageReference.isEmpty else { continue }
      var wanted: Container = Container()
      wanted.image = volume.imageReference
      wanted.imagePullPolicy = volume.imagePullPolicy
      _ = try await services.images.ensure(wanted, of: pod, sandbox: config) { [self] type, reason, message in
        tell(pod, type, reason, message)
      }
    }
  }

  /// Tells that the runtime refused a container, in the runtime's own words.
  private func failed(_ role: ContainerRole, _ reason: String, _ error: any Error) -> any Error {
    if Task.isCancelled { return error }
    let message: String = (error as? KubeletError)?.detail ?? "\(error)"
    tell(pod, "Warning", "Failed", "Error: \(message)", fieldPath: role.fieldPath)
    return StartFailure(reason: reason, message: message, retryAfter: Self.retryAfter)
  }

  /// A container that the API knows, but the runtime does not any more, goes on counting.
  private func previousAttempts(_ name: String) -> UInt32 {
    let all: [ContainerStatus] = sender.current.containerStatuses + sender.current.initContainerStatuses
    guard let status: ContainerStatus = all.first(where: { $0.name == name }), !status.containerID.isEmpty else { return 0 }
    return UInt32(max(status.restartCount, 0)) + 1
  }

  /// Makes a crashing container wait.
  private func holdBack(_ role: ContainerRole, _ latest: ObservedContainer?) throws {
    guard let latest, latest.isExited else { return }
    let finished: Timestamp = Timestamp(
      seconds: latest.status.finishedAt / 1_000_000_000, nanoseconds: Int32(latest.status.finishedAt % 1_000_000_000))
    let key: String = "\(role.name)_\(role.container.specHash)"
    let place: String = "container=\(role.name) pod=\(pod.display)"
    if let left: Duration = backOff.remaining(key, since: finished, now: services.now) {
      if waiting[role.name]?.reason != "CrashLoopBackOff" {
        tell(
          pod, "Warning", "BackOff",
          "Back-off restarting failed container \(role.name) in pod \(pod.display)", fieldPath: role.fieldPath)
      }
      throw StartFailure(
        reason: "CrashLoopBackOff", message: "back-off \(backOff.current(key).goText) restarting failed \(place)",
        retryAfter: left)
    }
    backOff.next(key, failure: finished, now: services.now)
  }

  /// What the pod was made with; where that cannot be read, the container's own configuration will say why.
  private func observedUsers() -> CRIIDMapping? { (try? services.users.mapping(of: pod)) ?? nil }

  private func prepare(
    _ role: ContainerRole, _ attempt: UInt32, _ image: CRIImage, _ latest: ObservedContainer?
  ) async throws -> CRIContainerConfig {
    do {
      let fields: DownwardFields = services.fields(pod, podIPs: observed.podIPs)
      let environment: Environment = Environment(pod: pod, fields: fields, objects: services.objects)
      let variables: [(name: String, value: String)] = try await environment.variables(of: role.container)
      let users: CRIIDMapping? = try services.users.mapping(of: pod)
      let mounts: ContainerMounts = ContainerMounts(
        pod: pod, container: role.container, volumes: volumes, paths: services.paths,
        variables: Dictionary(variables.map { ($0.name, $0.value) }) { _, new in new }, users: users)
      let made: (mounts: [CRIMount], devices: [CRIDevice]) = try mounts.make(attempt: attempt)
      let allocated: Pod = self.allocated
      let given: Container = allocated.role(named: role.name)?.container ?? role.container
      let target: String? = role.target.isEmpty ? nil : observed.latest(role.target)?.id
      return try ContainerConfig(
        pod: pod, role: role, attempt: attempt, image: image, imageRef: image.id, variables: variables,
        mounts: made.mounts, devices: made.devices,
        resources: services.groups.resources(of: given, in: allocated), targetID: target, users: users
      ).make()
    } catch {
      if Task.isCancelled { throw error }
      tell(pod, "Warning", "Failed", "Error: \(error)", fieldPath: role.fieldPath)
      throw StartFailure(reason: "CreateContainerConfigError", message: "\(error)", retryAfter: Self.retryAfter)
    }
  }

  private func postStart(_ role: ContainerRole, _ id: String) async throws {
    do {
      try await services.hooks.run(role.container.lifecycle.postStart, role.container, id, pod, podIPs: observed.podIPs)
    } catch {
      if Task.isCancelled { throw error }
      tell(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", fieldPath: role.fieldPath)
      await stopContainer(id, named: role.name, message: "FailedPostStartHook", grace: pod.spec.terminationGracePeriodSeconds)
      throw StartFailure(reason: "PostStartHookError", message: "PostStartHook failed: \(error)", retryAfter: .seconds(1))
    }
  }

  /// Keeps the newest of a container's predecessors, for `logs --previous`, and removes the others.
  private func removeOld(_ name: String, keeping id: String) async {
    let others: [ObservedContainer] = observed.containers.filter { $0.name == name && $0.id != id }
    // One that was made and never started, because somebody died in between, has nothing to tell.
    let unused: [ObservedContainer] = others.filter { $0.status.state == .containerCreated }
    for container: ObservedContainer in others.filter(\.isExited).dropFirst() + unused {
      do {
        try await services.runtime.removeContainer(container.id)
        try Files.remove(logLink(name, container.id))
        if !container.status.logPath.isEmpty { try Files.remove(container.status.logPath) }
      } catch {
        services.logger.debug("cannot remove an old container", metadata: ["id": "\(container.id)", "error": "\(error)"])
      }
    }
  }

  func logLink(_ name: String, _ id: String) -> String {
    "\(services.configuration.containerLogsDirectory)/\(pod.metadata.name)_\(pod.metadata.namespace)_\(name)-\(id).log"
  }

  /// The links by which log collectors find the containers' logs.
  func linkLogs() {
    for container: ObservedContainer in observed.containers where container.isRunning && !container.status.logPath.isEmpty {
      let link: String = logLink(container.name, container.id)
      guard !Files.exists(link) else { continue }
      do {
        try Files.makeDirectories(services.configuration.containerLogsDirectory)
        try Files.remove(link)
        try Files.makeLink(link, to: container.status.logPath)
      } catch {
        services.logger.debug("cannot link a log", metadata: ["error": "\(error)"])
      }
    }
  }

  private func writeHostsFile() throws {
    let path: String = services.paths.hostsFile(uid)
    let host: String = pod.spec.hostNetwork ? String(decoding: try Files.read("/etc/hosts"), as: UTF8.self) : ""
    let text: String = services.dns.hostsFile(for: pod, podIPs: observed.podIPs, hostFile: host)
    if (try? Files.read(path)) == Array(text.utf8) { return }
    try Files.makeDirectories(services.paths.pod(uid))
    // Written in place: running containers have this file mounted.
    try Files.write(path, Array(text.utf8), mode: 0o644)
  }
}
