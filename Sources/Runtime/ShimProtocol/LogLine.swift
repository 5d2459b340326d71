// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// Which standard stream of a container a line came from.
public enum LogStream: String, Sendable, Hashable {
  /// Standard output.
  case stdout
  /// Standard error.
  case stderr
}

/// Turns a stream of bytes into lines of CRI's log format: `<RFC 3339 time> stdout|stderr F|P <line>\n`.
///
/// `P` marks a part of a line that goes on in the next one: a line longer than `lineBytesMax`, or one that had no
/// end when the stream ended.
public struct LogLineWriter: Sendable {
  /// Longer lines are split. The kubelet joins them; containerd splits at the same length.
  public static let lineBytesMax: Int = 16 << 10

  private let stream: LogStream
  private var pending: [UInt8] = []

  /// A writer for one stream of one container.
  public init(_ stream: LogStream) { self.stream = stream }

  /// Takes bytes in and appends the lines that are now whole to `output`.
  public mutating func take(_ bytes: [UInt8], at nanoseconds: Int64, into output: inout [UInt8]) {
    let stamp: [UInt8] = SystemClock.rfc3339Bytes(nanoseconds)
    var start: Int = 0
    while start < bytes.count {
      let room: Int = Self.lineBytesMax - pending.count
      let end: Int = min(bytes.count, start + room)
      if let newline: Int = bytes[start..<end].firstIndex(of: UInt8(ascii: "\n")) {
        append(stamp, UInt8(ascii: "F"), bytes[start..<newline], to: &output)
        start = newline + 1
      } else if end - start == room, end < bytes.count || pending.count + (end - start) >= Self.lineBytesMax {
        append(stamp, UInt8(ascii: "P"), bytes[start..<end], to: &output)
        start = end
      } else {
        pending += bytes[start..<end]
        start = end
      }
    }
  }

  /// The stream has ended: appends what had no line feed.
  public mutating func finish(at nanoseconds: Int64, into output: inout [UInt8]) {
    guard !pending.isEmpty else { return }
    append(SystemClock.rfc3339Bytes(nanoseconds), UInt8(ascii: "P"), [], to: &output)
  }

  private mutating func append(_ stamp: [UInt8], _ tag: UInt8, _ rest: ArraySlice<UInt8>, to output: inout [UInt8]) {
    output += stamp
    output.append(UInt8(ascii: " "))
    output += stream.rawValue.utf8
    output.append(UInt8(ascii: " "))
    output.append(tag)
    output.append(UInt8(ascii: " "))
    output += pending
    output += rest
    output.append(UInt8(ascii: "\n"))
    pending.removeAll(keepingCapacity: true)
  }
}
