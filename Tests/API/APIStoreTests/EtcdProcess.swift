// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import Foundation
import Logging

/// Real etcd servers, each with a folder and sockets of its own; all end with the tests.
///
/// etcd takes Unix sockets by names of the form host:port, below its working directory.
actor EtcdProcess {
  static let shared: EtcdProcess = EtcdProcess()

  /// One server.
  struct Server: Sendable {
    let process: Process
    let folder: String

    var endpoint: String { "unix://\(folder)/client:1" }
  }

  struct StartError: Error { var text: String }

  private var running: [Server] = []

  private init() {
    atexit { EtcdProcess.killAll() }
  }

  // Only the exit handler, which cannot wait for an actor, reads it beside the actor; by then no test runs.
  nonisolated(unsafe) private static var processes: [pid_t] = []
  nonisolated(unsafe) private static var folders: [String] = []

  private static func killAll() {
    for process: pid_t in processes { kill(process, SIGKILL) }
    for folder: String in folders { try? FileManager.default.removeItem(atPath: folder) }
  }

  /// Starts a server, in a folder that an earlier one may have left.
  func start(folder: String? = nil) async throws -> Server {
    let folder: String = folder ?? "/tmp/apus-etcd-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    Self.folders.append(folder)
    let process: Process = Process()
    process.executableURL = URL(filePath: "/usr/bin/etcd")
    process.currentDirectoryURL = URL(filePath: folder)
    process.arguments = [
      "--data-dir=\(folder)/data", "--listen-client-urls=unix://client:1", "--advertise-client-urls=http://localhost:1",
      "--listen-peer-urls=unix://peer:1", "--initial-advertise-peer-urls=http://localhost:2",
      "--initial-cluster=default=http://localhost:2", "--logger=zap", "--log-level=error",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    Self.processes.append(process.processIdentifier)
    return Server(process: process, folder: folder)
  }

  /// An empty store on a server of its own.
  func store() async throws -> any Store {
    let server: Server = try await start()
    running.append(server)
    let store: EtcdStore = try EtcdStore(EtcdStore.Configuration(endpoints: [server.endpoint]), logger: Logger(label: "test"))
    // It waits for the server.
    _ = try await store.currentRevision()
    return store
  }
}
