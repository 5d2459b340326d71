// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import Logging
import ShimProtocol

extension RuntimeCore {
  /// Starts a pod's shim and waits until its pause process runs.
  func startShim(_ shimConfiguration: ShimConfiguration) async throws -> ShimState {
    let id: String = shimConfiguration.sandboxID
    let path: String = podState(id) + "/shim.json"
    try Files.write(path, shimConfiguration.json.bytes, mode: 0o600)
    let pipe: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
    let reader: SharedDescriptor = SharedDescriptor(owning: pipe.reader)
    let log: SharedDescriptor
    let null: SharedDescriptor
    // Held by the shim for as long as it lives: who finds it free knows that there is no shim.
    guard let life: FileLock = try FileLock.take(shimLock(id)) else {
      throw RuntimeError(.failed, "sandbox \"\(id)\" has a shim already")
    }
    let process: (pid: Int32, descriptor: Int32)
    do {
      defer { closeDescriptor(pipe.writer) }
      log = SharedDescriptor(
        try FileDescriptor.open(podState(id) + "/shim.log", [.writeOnly, .create, .append], mode: 0o600))
      null = SharedDescriptor(try FileDescriptor.open("/dev/null"))
      var request: SpawnRequest = SpawnRequest(
        path: configuration.libexecDirectory + "/apus-shim", arguments: ["apus-shim", path])
      request.descriptors = [(null.raw, 0), (log.raw, 1), (log.raw, 2), (pipe.writer, 3), (life.raw, 4)]
      request.environment = Failpoints.environment
      request.startsSession = true
      request.workingDirectory = "/"
      process = try Processes.spawn(request).release()
    }
    reap(process.pid, SharedDescriptor(owning: process.descriptor))
    let bytes: [UInt8] = try await reactor.readAll(reader, limit: 64 << 10)
    guard !bytes.isEmpty, let json: JSONValue = try? JSONValue(parsing: bytes) else {
      let words: String = (try? Files.readText(podState(id) + "/shim.log")) ?? ""
      throw RuntimeError(.failed, "the shim of sandbox \"\(id)\" ended while it started: \(words.suffix(1000))")
    }
    if let message: String = json["error"].string {
      throw RuntimeError(.failed, "failed to start sandbox \"\(id)\": \(message)")
    }
    return ShimState(json)
  }

  private func shimLock(_ id: String) -> String { podState(id) + "/shim.lock" }

  /// The connection to the shim of a pod that this runtime did not start itself; nil where none lives.
  ///
  /// A shim that was started a moment before its runtime was killed may not listen yet.
  func findShim(_ id: String) async throws -> ShimConnection? {
    if let shim: ShimConnection = try? shim(id) { return shim }
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + Self.shimPatience
    while true {
      do throws(SystemError) { return try connect(id) } catch {
        // Without the pod's directory, which a restart of the machine takes away, there is no shim either.
        guard Files.exists(podState(id)), try FileLock.take(shimLock(id)) == nil else { return nil }
        guard clock.now < deadline else {
          throw RuntimeError(.failed, "the shim of sandbox \"\(id)\" lives and does not answer: \(error)")
        }
      }
      try await clock.sleep(for: .milliseconds(10))
    }
  }

  /// How long a shim may take until it listens.
  private static let shimPatience: Duration = .seconds(10)

  /// Ends a pod's shim, if one runs, and with it the pause process; returns when it has gone.
  func stopShim(_ id: String) async throws {
    guard let shim: ShimConnection = try await findShim(id) else { return }
    forgetShim(id)
    // Whatever it answers, it is on its way out.
    _ = try? await shim.request(ShimMethod.shutdown, [:])
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + Self.shimPatience
    while Files.exists(podState(id)), try FileLock.take(shimLock(id)) == nil {
      guard clock.now < deadline else { throw RuntimeError(.timedOut, "the shim of sandbox \"\(id)\" does not end") }
      try await clock.sleep(for: .milliseconds(1))
    }
  }

  /// Buries the shim when it ends, as long as this runtime is its parent.
  private func reap(_ pid: Int32, _ descriptor: SharedDescriptor) {
    do throws(SystemError) {
      try reactor.watch(descriptor.raw, .readable) { [reactor] _ in
        reactor.forget(descriptor.raw)
        // It has ended: this does not wait.
        _ = try? Processes.wait(for: pid)
      }
    } catch {
      logger.warning("a shim cannot be watched", metadata: ["pid": "\(pid)", "error": "\(error)"])
    }
  }
}
