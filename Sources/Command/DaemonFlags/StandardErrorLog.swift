// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import SwiftOverlayShims
public import Logging

/// Writes log lines to standard error: `2026-01-02T03:04:05.678Z info kubelet: message key=value`.
public struct StandardErrorLog: LogHandler {
  private let label: String
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info

  /// A handler for the daemon of this name.
  public init(label: String) { self.label = label }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var line: String = "\(Self.now()) \(event.level) \(label): \(event.message)"
    let all: Logger.Metadata = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
    line += "\n"
    // One write a line, so that lines of several threads do not mix.
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func now() -> String {
    var time: timespec = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts: tm = tm()
    gmtime_r(&time.tv_sec, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let milliseconds: Int = time.tv_nsec / 1_000_000
    let fraction: String = String(repeating: "0", count: 3 - String(milliseconds).count) + String(milliseconds)
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
  }
}
