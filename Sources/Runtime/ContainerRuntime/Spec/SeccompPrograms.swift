// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import JSON
import Kernel

/// Compiled seccomp filters, one file a profile: compiling one takes milliseconds, installing it microseconds.
actor SeccompPrograms {
  private let directory: String
  private let initPath: String
  private let reactor: Reactor
  private var known: [String: String] = [:]

  init(directory: String, initPath: String, reactor: Reactor) {
    self.directory = directory
    self.initPath = initPath
    self.reactor = reactor
  }

  /// The path of the compiled filter for a profile of the runtime-spec.
  func path(for profile: JSONValue) async throws -> String {
    let bytes: [UInt8] = profile.bytes
    let name: String = SHA256.hash(data: bytes).prefix(16).map { byte in
      let digits: String = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
    if let path: String = known[name] { return path }
    let path: String = "\(directory)/\(name).bpf"
    if !Files.exists(path) {
      let output: ChildProcess.Output = try await ChildProcess.run(
        initPath, arguments: ["seccomp"], environment: [], input: bytes, reactor: reactor)
      guard output.exitCode == 0, !output.standardOutput.isEmpty else {
        throw RuntimeError(
          .invalid, "seccomp profile: \(String(decoding: output.standardError.suffix(500), as: UTF8.self))")
      }
      try Files.replace(path, output.standardOutput, mode: 0o644)
    }
    known[name] = path
    return path
  }
}
