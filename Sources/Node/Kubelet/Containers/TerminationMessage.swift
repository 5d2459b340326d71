// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel

/// The last words of a container: what it wrote into its message file, or the end of its log.
enum TerminationMessage {
  static let defaultPath: String = "/dev/termination-log"
  private static let bytesMax: Int = 4096
  private static let logBytesMax: Int = 2048
  private static let logLinesMax: Int = 80

  /// The message of a container that has ended.
  static func read(_ status: CRIContainerStatus) -> String {
    var path: String = status.annotations[RuntimeLabel.terminationMessagePath] ?? ""
    if path.isEmpty { path = defaultPath }
    var message: String = ""
    if let mount: CRIMount = status.mounts.first(where: { $0.containerPath == path }),
      let bytes: [UInt8] = try? Files.read(mount.hostPath, limit: 1 << 20)
    {
      message = String(decoding: bytes.prefix(bytesMax), as: UTF8.self)
    }
    let policy: String = status.annotations[RuntimeLabel.terminationMessagePolicy] ?? ""
    if message.isEmpty, policy == "FallbackToLogsOnError", status.exitCode != 0, !status.logPath.isEmpty {
      message = logEnd(status.logPath)
    }
    if message.isEmpty { return status.message }
    return status.message.isEmpty ? message : "\(status.message): \(message)"
  }

  private static func logEnd(_ path: String) -> String {
    guard let bytes: [UInt8] = try? Files.read(path) else { return "" }
    let lines: [ArraySlice<UInt8>] = bytes.suffix(64 << 10).split(separator: UInt8(ascii: "\n")).suffix(logLinesMax)
    var text: [UInt8] = []
    for line: ArraySlice<UInt8> in lines {
      guard let entry: LogLine = LogLine(line) else { continue }
      text += entry.content
      if !entry.isPartial { text.append(UInt8(ascii: "\n")) }
    }
    return String(decoding: text.suffix(logBytesMax), as: UTF8.self)
  }
}

/// One line of a container's log as runtimes write it: `2026-11-21T08:12:59.1Z stdout F text`.
struct LogLine: Sendable {
  var time: ArraySlice<UInt8>
  var stream: ArraySlice<UInt8>
  var isPartial: Bool
  var content: ArraySlice<UInt8>

  /// Reads a line without its line feed; nil where it is none.
  init?(_ line: ArraySlice<UInt8>) {
    let space: UInt8 = UInt8(ascii: " ")
    guard let first: Int = line.firstIndex(of: space) else { return nil }
    let afterTime: ArraySlice<UInt8> = line[(first + 1)...]
    guard let second: Int = afterTime.firstIndex(of: space) else { return nil }
    let afterStream: ArraySlice<UInt8> = afterTime[(second + 1)...]
    let third: Int = afterStream.firstIndex(of: space) ?? afterStream.endIndex
    time = line[..<first]
    stream = afterTime[..<second]
    isPartial = afterStream[..<third].first == UInt8(ascii: "P")
    content = third < afterStream.endIndex ? afterStream[(third + 1)...] : []
  }
}
