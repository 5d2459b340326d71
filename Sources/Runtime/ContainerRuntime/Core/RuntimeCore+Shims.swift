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
    let process: (pid: Int32, descriptor: Int32)
    do {
      defer { closeDescriptor(pipe.writer) }
      log = SharedDescriptor(
        try FileDescriptor.open(podState(id) + "/shim.log", [.writeOnly, .create, .append], mode: 0o600))
      null = SharedDescriptor(try FileDescriptor.open("/dev/null"))
      var request: SpawnRequest = SpawnRequest(
        path: configuration.libexecDirectory + "/apus-shim", arguments: ["apus-shim", path])
      request.descriptors = [(null.raw, 0), (log.raw, 1), (log.raw, 2), (pipe.writer, 3)]
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
