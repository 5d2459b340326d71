// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import GRPCSockets
import Testing

@Suite struct GRPCSocketServerTests {
  private func temporarySocket() -> String { "/tmp/apus-grpc-\(UUID().uuidString.prefix(8))/dir/test.sock" }

  /// Serves nothing on a socket while `body` runs.
  private func serving(_ path: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let (listening, listens): (AsyncStream<Void>, AsyncStream<Void>.Continuation) = AsyncStream.makeStream()
      group.addTask {
        try await withGRPCServer(unixSocket: "unix://\(path)", mode: 0o600, services: []) { listens.finish() }
      }
      for await _ in listening {}
      try await body()
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  @Test func `the socket has its mode, and is gone at the end`() async throws {
    let path: String = temporarySocket()
    try await serving(path) {
      let mode: Any? = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `a socket that somebody serves is refused, a stale one is replaced`() async throws {
    let path: String = temporarySocket()
    try await serving(path) {
      let error: GRPCSocketsError? = await #expect(throws: GRPCSocketsError.self) {
        try await withGRPCServer(unixSocket: path, services: [])
      }
      #expect(error?.code == .addressInUse)
      // A dead server leaves its file behind, as a second name of it stands for here.
      try FileManager.default.linkItem(atPath: path, toPath: path + ".stale")
    }
    #expect(FileManager.default.fileExists(atPath: path + ".stale"))
    try await serving(path + ".stale") {}
  }

  @Test(arguments: ["relative.sock", "/tmp/" + String(repeating: "x", count: 100)])
  func `a path that cannot be a socket is refused`(_ path: String) async {
    let error: GRPCSocketsError? = await #expect(throws: GRPCSocketsError.self) {
      try await withGRPCServer(unixSocket: path, services: [])
    }
    #expect(error?.code == .invalidPath)
  }
}
