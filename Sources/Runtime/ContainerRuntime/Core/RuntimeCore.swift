// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import Images
import JSON
import Kernel
import Logging
import ShimProtocol
import Synchronization

/// What all requests share: the stores, the shims, and how they are reached.
final class RuntimeCore: Sendable {
  let configuration: ContainerRuntimeConfiguration
  let logger: Logger
  let images: ImageStore
  let records: RecordStore
  let reactor: Reactor
  let network: CNINetwork
  let hierarchy: CgroupHierarchy
  let events: EventHub = EventHub()
  let locks: KeyedLock = KeyedLock()
  let seccomp: SeccompPrograms
  let processorSamples: Mutex<[String: ProcessorSample]> = Mutex([:])
  private let shims: Mutex<[String: ShimConnection]> = Mutex([:])
  private let exitWaiters: Mutex<[String: [Int: CheckedContinuation<Void, Never>]]> = Mutex([:])
  private let waiterNumbers: Mutex<Int> = Mutex(0)
  private let exits: AsyncStream<ProcessExit>
  private let exitsContinuation: AsyncStream<ProcessExit>.Continuation

  init(configuration: ContainerRuntimeConfiguration, logger: Logger) async throws {
    self.configuration = configuration
    self.logger = logger
    (exits, exitsContinuation) = AsyncStream.makeStream()
    try Files.makeDirectories(configuration.root, mode: 0o711)
    for directory: String in ["pods", "containers", "seccomp"] {
      try Files.makeDirectories(configuration.state + "/" + directory, mode: 0o711)
    }
    reactor = try Reactor()
    hierarchy = try CgroupHierarchy.detect()
    records = RecordStore(root: configuration.root)
    var imageConfiguration: ImageStoreConfiguration = ImageStoreConfiguration(
      root: configuration.root + "/images", registryConfigDirectory: configuration.registryConfigurationDirectory)
    imageConfiguration.pinnedReferences = [configuration.sandboxImage]
    images = try await ImageStore(configuration: imageConfiguration, logger: logger)
    network = CNINetwork(
      configurationDirectory: configuration.cniConfigurationDirectory,
      binaryDirectories: configuration.cniBinaryDirectories, reactor: reactor)
    seccomp = SeccompPrograms(
      directory: configuration.state + "/seccomp", initPath: configuration.libexecDirectory + "/apus-init",
      reactor: reactor)
    for program: String in ["apus-shim", "apus-init"] {
      let path: String = configuration.libexecDirectory + "/" + program
      guard Files.isExecutable(path) else {
        throw RuntimeError(.invalid, "\(path) is missing; --libexec-dir names the directory of \(program)")
      }
    }
  }

  // MARK: Paths

  func podState(_ id: String) -> String { configuration.state + "/pods/" + id }
  func bundle(_ id: String) -> String { configuration.state + "/containers/" + id }
  func shimSocket(_ sandboxID: String) -> String { podState(sandboxID) + "/shim.sock" }

  /// 64 hexadecimal digits, as everybody expects of an id.
  static func makeID() -> String {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    return (0..<4).map { _ in
      let digits: String = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  // MARK: Lookups

  func sandbox(_ id: String) throws -> SandboxRecord {
    guard let record: SandboxRecord = records.sandbox(id) else { throw RuntimeError.noSandbox(id) }
    return record
  }

  func container(_ id: String) throws -> ContainerRecord {
    guard let record: ContainerRecord = records.container(id) else { throw RuntimeError.noContainer(id) }
    return record
  }

  func runningContainer(_ id: String) throws -> ContainerRecord {
    let record: ContainerRecord = try container(id)
    guard record.state == .running else {
      throw RuntimeError(.wrongState, "container \"\(record.id)\" is in state \(record.state.rawValue), not running")
    }
    return record
  }

  // MARK: Shims

  func shim(_ sandboxID: String) throws -> ShimConnection {
    guard let shim: ShimConnection = shims.withLock({ $0[sandboxID] }) else {
      throw RuntimeError(.wrongState, "the shim of sandbox \"\(sandboxID)\" does not run")
    }
    return shim
  }

  func hasShim(_ sandboxID: String) -> Bool { shims.withLock { $0[sandboxID] != nil } }

  /// Connects to a pod's shim and listens to what it tells.
  @discardableResult
  func connect(_ sandboxID: String) throws(SystemError) -> ShimConnection {
    let connection: ShimConnection = try ShimConnection(
      path: shimSocket(sandboxID), reactor: reactor,
      onExit: { [exitsContinuation] exit in exitsContinuation.yield(exit) },
      onClose: { [weak self] in self?.shimClosed(sandboxID) })
    shims.withLock { $0[sandboxID] = connection }
    try connection.open()
    return connection
  }

  func forgetShim(_ sandboxID: String) { shims.withLock { _ = $0.removeValue(forKey: sandboxID) } }

  /// A shim has gone without being asked to: what it owned is lost.
  private func shimClosed(_ sandboxID: String) {
    let wasKnown: Bool = shims.withLock { $0.removeValue(forKey: sandboxID) != nil }
    guard wasKnown else { return }
    exitsContinuation.yield(
      ProcessExit(id: sandboxID, exitCode: 137, finishedAt: SystemClock.now, isOutOfMemory: false))
  }

  /// Follows what shims tell until the task is cancelled.
  func superviseShims() async throws {
    for await exit: ProcessExit in exits { handle(exit) }
  }

  func handle(_ exit: ProcessExit) {
    do {
      if records.sandbox(exit.id) != nil { try sandboxEnded(exit) } else { try containerEnded(exit) }
    } catch {
      logger.error("an exit cannot be recorded", metadata: ["id": "\(exit.id)", "error": "\(error)"])
    }
  }

  private func containerEnded(_ exit: ProcessExit) throws {
    let record: ContainerRecord? = try records.updateContainer(exit.id) { record in
      guard record.state != .exited else { return }
      record.state = .exited
      record.pid = 0
      record.exitCode = exit.exitCode
      record.finishedAt = exit.finishedAt
      record.reason = exit.isOutOfMemory ? "OOMKilled" : exit.exitCode == 0 ? "Completed" : "Error"
    }
    guard let record else { return }
    removeCgroup(record.cgroupPath)
    processorSamples.withLock { _ = $0.removeValue(forKey: exit.id) }
    let waiting = exitWaiters.withLock { $0.removeValue(forKey: exit.id) ?? [:] }
    for continuation in waiting.values { continuation.resume() }
    tellEvent(.containerStoppedEvent, container: record.id, sandbox: record.sandboxID)
  }

  private func sandboxEnded(_ exit: ProcessExit) throws {
    // A sandbox that is stopped half way is not ready any more, and its shim may go only now.
    guard let record: SandboxRecord = records.sandbox(exit.id) else { return }
    if record.isReady { try records.updateSandbox(exit.id) { $0.isReady = false } }
    if !hasShim(exit.id) {
      // Without its shim nobody reads what the containers say or learns how they end.
      for container: ContainerRecord in records.containers(in: exit.id) where container.state == .running {
        try? hierarchy.group(container.cgroupPath).signal(9)
        try containerEnded(
          ProcessExit(id: container.id, exitCode: 137, finishedAt: exit.finishedAt, isOutOfMemory: false))
      }
    }
    if record.isReady { tellEvent(.containerStoppedEvent, container: exit.id, sandbox: exit.id) }
  }

  /// Waits until a container has ended, or the time is over; says whether it has.
  func waitForExit(_ id: String, timeout: Duration) async throws -> Bool {
    let number: Int = waiterNumbers.withLock { number in
      number += 1
      return number
    }
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask { [self] in
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            exitWaiters.withLock { $0[id, default: [:]][number] = continuation }
            // It may have ended before anyone waited, or nobody may want to know any more.
            if records.container(id)?.state != .running || Task.isCancelled { release(id, number) }
          }
        } onCancel: {
          release(id, number)
        }
        return records.container(id)?.state != .running
      }
      group.addTask {
        // Cancelled when the container ends first.
        try? await Task.sleep(for: timeout)
        return false
      }
      let first: Bool = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }

  private func release(_ id: String, _ number: Int) {
    exitWaiters.withLock { $0[id]?.removeValue(forKey: number) }?.resume()
  }

  /// Removes a group whose processes have ended; the kernel may need a moment to let go of them.
  func removeCgroup(_ path: String) {
    guard !path.isEmpty else { return }
    let group: Cgroup = hierarchy.group(path)
    for attempt: Int in 0..<5 {
      do throws(SystemError) { return try group.remove() } catch {
        try? group.signal(9)
        guard error.errno == .busy else {
          return logger.warning("a cgroup is left", metadata: ["path": "\(path)", "error": "\(error)"])
        }
        if attempt == 4 { return removeLater(group) }
      }
      // A millisecond or less in practice.
      pause(milliseconds: 1 << attempt)
    }
  }

  /// Goes on trying where processes take long to end, as on a busy machine.
  ///
  /// Nobody is signalled again: a container that never ran may be started in its group meanwhile.
  private func removeLater(_ group: Cgroup) {
    Task { [logger] in
      var wait: Duration = .milliseconds(50)
      while true {
        try await Task.sleep(for: wait)
        wait *= 2
        do throws(SystemError) { return try group.remove() } catch {
          if error.errno == .busy, wait < .seconds(60) { continue }
          return logger.warning("a cgroup is left", metadata: ["path": "\(group.path)", "error": "\(error)"])
        }
      }
    }
  }

  // MARK: Events

  func tellEvent(_ type: CRIContainerEventType, container: String, sandbox: String) {
    guard events.hasListeners else { return }
    var event: CRIContainerEventResponse = CRIContainerEventResponse()
    event.containerID = container
    event.containerEventType = type
    event.createdAt = SystemClock.now
    if let record: SandboxRecord = records.sandbox(sandbox) { event.podSandboxStatus = record.status }
    event.containersStatuses = records.containers(in: sandbox).map { $0.status(self) }
    events.tell(event)
  }
}
