// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import KubeValues
import Logging
import Synchronization

/// Where events go.
protocol AuditSink: Sendable {
  func write(_ event: JSONValue)
}

/// Writes down what happens, by a policy, to a file and to a server.
struct Audit: AuditSink {
  let policy: AuditPolicy
  private let log: AuditLog?
  private let webhook: AuditWebhook?

  /// nil where nothing is to be written down.
  init?(_ configuration: AuditConfiguration, logger: Logger) throws {
    guard let policyFile: String = configuration.policyFile else { return nil }
    policy = try AuditPolicy(path: policyFile)
    log = try configuration.logPath.map { try AuditLog(path: $0, configuration, logger: logger) }
    webhook = try configuration.webhookFile.map { try AuditWebhook(path: $0, configuration, logger: logger) }
    if log == nil, webhook == nil { return nil }
  }

  func write(_ event: JSONValue) {
    log?.write(event)
    webhook?.write(event)
  }

  /// Sends events to the server until the task ends.
  func run() async { await webhook?.run() }
}

/// A file of events, one a line, that is put aside when it gets large.
final class AuditLog: AuditSink {
  private struct State {
    var file: FileHandle
    var size: UInt64
    var hasFailed: Bool = false
  }

  private let path: String
  private let configuration: AuditConfiguration
  private let logger: Logger
  private let state: Mutex<State>

  /// - Parameter path: `-` is the standard output.
  init(path: String, _ configuration: AuditConfiguration, logger: Logger) throws {
    self.path = path
    self.configuration = configuration
    self.logger = logger
    state = Mutex(try Self.open(path))
  }

  private var isFile: Bool { path != "-" }

  private static func open(_ path: String) throws -> State {
    guard path != "-" else { return State(file: .standardOutput, size: 0) }
    let manager: FileManager = FileManager.default
    let folder: String = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty { try? manager.createDirectory(atPath: folder, withIntermediateDirectories: true) }
    if !manager.fileExists(atPath: path) { _ = manager.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) }
    guard let file: FileHandle = FileHandle(forWritingAtPath: path) else {
      throw APIServerError(.invalidConfiguration, "--audit-log-path: cannot write \(path)")
    }
    return State(file: file, size: try file.seekToEnd())
  }

  func write(_ event: JSONValue) {
    let line: Data = Data(event.bytes + [10])
    let failure: (any Error)? = state.withLock { state in
      do {
        if isFile, state.size > 0, state.size + UInt64(line.count) > configuration.maxBytes { try rotate(&state) }
        try state.file.write(contentsOf: line)
        state.size += UInt64(line.count)
        state.hasFailed = false
        return nil
      } catch {
        defer { state.hasFailed = true }
        return state.hasFailed ? nil : error
      }
    }
    // Told once, until it works again.
    if let failure { logger.error("the audit log \(path) cannot be written: \(failure)") }
  }

  // MARK: rotation

  private func rotate(_ state: inout State) throws {
    try state.file.close()
    try FileManager.default.moveItem(atPath: path, toPath: aside(Timestamp.now))
    state = try Self.open(path)
    prune()
  }

  private var nameParts: (folder: String, stem: String, suffix: String) {
    let whole: NSString = path as NSString
    let suffix: String = whole.pathExtension.isEmpty ? "" : ".\(whole.pathExtension)"
    let name: String = whole.lastPathComponent
    return (whole.deletingLastPathComponent, String(name.dropLast(suffix.count)), suffix)
  }

  private func aside(_ time: Timestamp) -> String {
    let (folder, stem, suffix): (String, String, String) = nameParts
    let text: String = String(time.rfc3339Micro.dropLast(4)).replacingOccurrences(of: ":", with: "-")
    return (folder.isEmpty ? "" : "\(folder)/") + "\(stem)-\(text)\(suffix)"
  }

  /// Removes files that were put aside and are too many or too old.
  private func prune() {
    let (folder, stem, suffix): (String, String, String) = nameParts
    let all: [String] = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    // Their names are in the order of their times.
    let old: [String] = all.filter { $0.hasPrefix("\(stem)-2") && $0.hasSuffix(suffix) }.sorted()
    var going: [String] = []
    if configuration.maxBackups > 0 { going += old.dropLast(configuration.maxBackups) }
    if configuration.maxAgeDays > 0 {
      let limit: String = (aside(Timestamp.now + .seconds(-configuration.maxAgeDays * 86_400)) as NSString).lastPathComponent
      going += old.filter { $0 < limit }
    }
    for name: String in Set(going) {
      // Somebody else may have taken it away.
      try? FileManager.default.removeItem(atPath: (folder.isEmpty ? "" : "\(folder)/") + name)
    }
  }
}
