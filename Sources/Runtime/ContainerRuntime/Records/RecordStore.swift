// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import Logging
import Synchronization

/// The records of all sandboxes and containers, in memory and on disk.
///
/// A change is written before it is seen; files are replaced whole. They are not synced: after a loss of power every
/// process is gone anyway, and a record that is then missing or broken is cleaned away like any other remains.
final class RecordStore: Sendable {
  private struct State {
    var sandboxes: [String: SandboxRecord] = [:]
    var containers: [String: ContainerRecord] = [:]
  }

  private let state: Mutex<State> = Mutex(State())
  private let root: String

  init(root: String) { self.root = root }

  /// The directory of a sandbox's lasting files.
  func sandboxDirectory(_ id: String) -> String { "\(root)/pods/\(id)" }
  /// The directory of a container's lasting files.
  func containerDirectory(_ id: String) -> String { "\(root)/containers/\(id)" }

  /// Reads everything from disk.
  func load(logger: Logger) throws {
    for kind: String in ["pods", "containers"] { try Files.makeDirectories("\(root)/\(kind)", mode: 0o711) }
    for id: String in try Files.list("\(root)/pods") {
      do {
        let record = try SandboxRecord(try JSONValue(parsing: try Files.read(sandboxDirectory(id) + "/sandbox.json")))
        state.withLock { $0.sandboxes[id] = record }
      } catch {
        logger.warning("a sandbox's record cannot be read and is removed", metadata: ["id": "\(id)", "error": "\(error)"])
        try Files.removeTree(sandboxDirectory(id))
      }
    }
    for id: String in try Files.list("\(root)/containers") {
      do {
        let record = try ContainerRecord(
          try JSONValue(parsing: try Files.read(containerDirectory(id) + "/container.json")))
        state.withLock { $0.containers[id] = record }
      } catch {
        logger.warning("a container's record cannot be read and is removed", metadata: ["id": "\(id)", "error": "\(error)"])
        try Files.removeTree(containerDirectory(id))
      }
    }
  }

  // MARK: Sandboxes

  var sandboxes: [SandboxRecord] { state.withLock { Array($0.sandboxes.values) } }

  /// The sandbox with this id or an unambiguous beginning of it.
  func sandbox(_ id: String) -> SandboxRecord? {
    state.withLock { state in Self.find(id, in: state.sandboxes) }
  }

  /// Adds a sandbox unless one with its name is there.
  func add(_ record: SandboxRecord) throws {
    try state.withLock { state in
      if let other = state.sandboxes.values.first(where: { $0.uniqueName == record.uniqueName }) {
        throw RuntimeError(.alreadyExists, "sandbox name \"\(record.uniqueName)\" is reserved for \"\(other.id)\"")
      }
      state.sandboxes[record.id] = record
    }
    try save(record)
  }

  @discardableResult
  func updateSandbox(_ id: String, _ change: (inout SandboxRecord) -> Void) throws -> SandboxRecord? {
    // Under the lock, so that the file of a record is written in the order of its changes.
    try state.withLock { state in
      guard var record: SandboxRecord = state.sandboxes[id] else { return nil }
      change(&record)
      state.sandboxes[id] = record
      try save(record)
      return record
    }
  }

  func removeSandbox(_ id: String) throws {
    try Files.removeTree(sandboxDirectory(id))
    state.withLock { _ = $0.sandboxes.removeValue(forKey: id) }
  }

  private func save(_ record: SandboxRecord) throws {
    let directory: String = sandboxDirectory(record.id)
    try Files.makeDirectory(directory, mode: 0o711)
    try Files.replace(directory + "/sandbox.json", try record.json().bytes)
  }

  // MARK: Containers

  var containers: [ContainerRecord] { state.withLock { Array($0.containers.values) } }

  func containers(in sandbox: String) -> [ContainerRecord] {
    state.withLock { state in state.containers.values.filter { $0.sandboxID == sandbox } }
  }

  /// The container with this id or an unambiguous beginning of it.
  func container(_ id: String) -> ContainerRecord? {
    state.withLock { state in Self.find(id, in: state.containers) }
  }

  /// Adds a container unless one with its name is there.
  func add(_ record: ContainerRecord) throws {
    try state.withLock { state in
      if let other = state.containers.values.first(where: { $0.uniqueName == record.uniqueName }) {
        throw RuntimeError(.alreadyExists, "container name \"\(record.uniqueName)\" is reserved for \"\(other.id)\"")
      }
      state.containers[record.id] = record
    }
    try save(record)
  }

  @discardableResult
  func updateContainer(_ id: String, _ change: (inout ContainerRecord) -> Void) throws -> ContainerRecord? {
    // Under the lock, so that the file of a record is written in the order of its changes.
    try state.withLock { state in
      guard var record: ContainerRecord = state.containers[id] else { return nil }
      change(&record)
      state.containers[id] = record
      try save(record)
      return record
    }
  }

  func removeContainer(_ id: String) throws {
    try Files.removeTree(containerDirectory(id))
    state.withLock { _ = $0.containers.removeValue(forKey: id) }
  }

  private func save(_ record: ContainerRecord) throws {
    let directory: String = containerDirectory(record.id)
    try Files.makeDirectory(directory, mode: 0o711)
    try Files.replace(directory + "/container.json", try record.json().bytes)
  }

  private static func find<Record>(_ id: String, in records: [String: Record]) -> Record? {
    if let exact: Record = records[id] { return exact }
    guard !id.isEmpty, id.utf8.count < 64 else { return nil }
    let matches: [String] = records.keys.filter { $0.hasPrefix(id) }
    return matches.count == 1 ? records[matches[0]] : nil
  }
}
