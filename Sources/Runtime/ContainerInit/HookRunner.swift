// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
public import JSON
import Kernel
public import OCISpec

/// Why a hook failed.
public struct HookError: Error, Sendable, CustomStringConvertible {
  /// Which one, why, and what it said.
  public var description: String
}

/// Runs hooks one after the other, each with the container's state on its standard input.
public enum HookRunner {
  /// Runs the hooks of one kind; the first that fails ends it.
  public static func run(_ hooks: [Hook], _ kind: Hook.Kind, state: JSONValue) throws(HookError) {
    for (number, hook) in hooks.enumerated() {
      var failure: String?
      do throws(SystemError) { failure = try run(hook, state) } catch { failure = error.description }
      if let failure {
        throw HookError(description: "error running \(kind.rawValue) hook #\(number): \(failure)")
      }
    }
  }

  /// Why it failed, or nil.
  private static func run(_ hook: Hook, _ state: JSONValue) throws(SystemError) -> String? {
    // Files in memory and not pipes: neither side waits for the other.
    let input: FileDescriptor = try Memory.file("state")
    let output: FileDescriptor = try Memory.file("output")
    try input.write(state.bytes)
    let raw: Int32 = input.raw
    try systemCall("lseek") { lseek(raw, 0, SEEK_SET) }
    var request: SpawnRequest = SpawnRequest(
      path: hook.path, arguments: hook.arguments.isEmpty ? [hook.path] : hook.arguments,
      environment: hook.environment)
    request.descriptors = [(input.raw, 0), (output.raw, 1), (output.raw, 2)]
    let process: SpawnedProcess = try Processes.spawn(request)
    if let seconds: Int64 = hook.timeoutSeconds {
      let poller: Poller = try Poller()
      try poller.add(process.descriptor.raw, .readable, token: 0)
      let end: Int64 = SystemClock.monotonic + seconds * 1_000_000_000
      while true {
        let left: Int64 = (end - SystemClock.monotonic) / 1_000_000
        if left < 0 {
          try Processes.signal(descriptor: process.descriptor.raw, SIGKILL)
          _ = try Processes.wait(for: process.pid)
          return "\(hook.path) did not end within \(seconds) s"
        }
        if try !poller.wait(milliseconds: Int32(clamping: left + 1)).isEmpty { break }
      }
    }
    let code: Int32 = try Processes.wait(for: process.pid)
    guard code != 0 else { return nil }
    let written: Int32 = output.raw
    try systemCall("lseek") { lseek(written, 0, SEEK_SET) }
    let said: String = String(decoding: try output.read(upTo: 4096), as: UTF8.self)
    return "\(hook.path) ended with \(code)\(said.isEmpty ? "" : ": " + said)"
  }
}

extension ContainerInitError {
  init(_ error: HookError) { description = error.description }
}
