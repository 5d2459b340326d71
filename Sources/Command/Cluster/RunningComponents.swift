// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel

/// Which process each component is, as the supervisor keeps it on disk.
///
/// A process is named by its pid and its start time, so that a pid that was given out again is not mistaken for it.
struct RunningComponents: Sendable {
  /// One process.
  struct Identity: Sendable, Hashable {
    var pid: Int32
    var startTime: UInt64

    /// Whether the process is still there.
    var isAlive: Bool { Processes.startTime(pid) == startTime }

    /// The identity of a process that runs now; nil when it does not.
    init?(_ pid: Int32) {
      guard let startTime: UInt64 = Processes.startTime(pid) else { return nil }
      self.pid = pid
      self.startTime = startTime
    }

    init?(json: JSONValue) {
      guard let pid: Int64 = json["pid"].int, let start: Int64 = json["startTime"].int else { return nil }
      self.pid = Int32(truncatingIfNeeded: pid)
      startTime = UInt64(bitPattern: start)
    }

    var json: JSONValue { ["pid": JSONValue(pid), "startTime": JSONValue(Int64(bitPattern: startTime))] }
  }

  private let path: String
  /// The processes by component name.
  var processes: [String: Identity] = [:]

  /// What is known of the components below a run directory; nothing when nothing was ever started.
  ///
  /// - Parameter file: the supervisor and the keeper each write a file of their own.
  init(runDirectory: String, file: String = "components.json") {
    path = runDirectory + "/" + file
    // A file that is not there, or damaged by a crash of the machine, names nobody.
    guard let bytes: [UInt8] = try? Files.read(path), let json: JSONValue = try? JSONValue(parsing: bytes) else { return }
    for (name, value) in json.object ?? JSONObject() {
      processes[name] = Identity(json: value)
    }
  }

  /// Those that are still there.
  var alive: [String: Identity] { processes.filter { $0.value.isAlive } }

  /// The process with exactly this command line; for one that nobody wrote down.
  static func find(_ arguments: [String]) -> Identity? {
    let wanted: [UInt8] = arguments.flatMap { Array($0.utf8) + [0] }
    for name: String in (try? Files.list("/proc")) ?? [] {
      // Processes come and go while one looks.
      guard let pid: Int32 = Int32(name), (try? Files.read("/proc/\(name)/cmdline")) == wanted else { continue }
      if let identity: Identity = Identity(pid) { return identity }
    }
    return nil
  }

  /// Writes the file anew.
  func save() throws(SystemError) {
    var json: JSONValue = .object(JSONObject())
    for (name, identity) in processes.sorted(by: { $0.key < $1.key }) { json[name] = identity.json }
    try Files.replace(path, json.bytes, mode: 0o644)
  }
}
