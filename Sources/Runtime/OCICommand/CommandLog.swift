// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel

/// Where commands say what went wrong: a file that an engine reads, or standard error.
struct CommandLog {
  enum Format: String {
    case text
    case json
  }

  /// The file; nil is standard error.
  var path: String?
  var format: Format = .text
  var isVerbose: Bool = false

  func error(_ message: String) {
    write("error", message)
    // Who keeps a log reads the error on standard error as well.
    if path != nil { Self.complain(message + "\n") }
  }

  func warn(_ message: String) { write("warning", message) }

  func debug(_ message: String) {
    if isVerbose { write("debug", message) }
  }

  private func write(_ level: String, _ message: String) {
    let time: String = String(SystemClock.rfc3339(SystemClock.now).prefix(19)) + "Z"
    var line: String
    switch format {
    case .json:
      let json: JSONValue = ["level": .string(level), "msg": .string(message), "time": .string(time)]
      line = json.text
    case .text: line = "time=\"\(time)\" level=\(level) msg=\(JSONValue.string(message).text)"
    }
    line += "\n"
    guard let path else { return Self.complain(line) }
    // A log that cannot be written is no reason to fail: the error itself goes to standard error.
    try? Files.write(path, Array(line.utf8), flags: [.writeOnly, .create, .append], mode: 0o644)
  }

  private static func complain(_ text: String) {
    // There is nowhere else to complain.
    try? Kernel.write(2, Array(text.utf8))
  }
}
