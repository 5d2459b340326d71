// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// What a group has read from and written to one block device.
public struct CgroupDeviceFigures: Sendable, Hashable {
  /// The device's major number.
  public var major: UInt32
  /// The device's minor number.
  public var minor: UInt32
  /// Bytes read.
  public var readBytes: UInt64 = 0
  /// Bytes written.
  public var writtenBytes: UInt64 = 0
  /// Reads.
  public var reads: UInt64 = 0
  /// Writes.
  public var writes: UInt64 = 0

  /// The device's file, such as `/dev/sda`; its numbers where it has none.
  public var name: String {
    let link: String? = try? Files.readLink("/sys/dev/block/\(major):\(minor)")
    return link?.split(separator: "/").last.map { "/dev/" + $0 } ?? "\(major):\(minor)"
  }

  init?(_ numbers: Substring) {
    let parts: [Substring] = numbers.split(separator: ":")
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
    self.major = major
    self.minor = minor
  }

  /// Reads lines of `8:0 rbytes=1 wbytes=2 rios=3 wios=4` (io.stat of v2).
  static func unified(_ text: String) -> [CgroupDeviceFigures] {
    text.split(separator: "\n").compactMap { line in
      let words: [Substring] = line.split(separator: " ")
      guard let first: Substring = words.first, var figures = CgroupDeviceFigures(first) else { return nil }
      for word: Substring in words.dropFirst() {
        let pair: [Substring] = word.split(separator: "=")
        guard pair.count == 2, let number = UInt64(pair[1]) else { continue }
        switch pair[0] {
        case "rbytes": figures.readBytes = number
        case "wbytes": figures.writtenBytes = number
        case "rios": figures.reads = number
        case "wios": figures.writes = number
        default: break
        }
      }
      return figures
    }
  }

  /// Reads lines of `8:0 Read 1` (the files of v1), one file for bytes, one for their number.
  static func legacy(bytes: String, operations: String) -> [CgroupDeviceFigures] {
    var found: [CgroupDeviceFigures] = []
    func read(_ text: String, _ read: WritableKeyPath<Self, UInt64>, _ write: WritableKeyPath<Self, UInt64>) {
      for line: Substring in text.split(separator: "\n") {
        let words: [Substring] = line.split(separator: " ")
        guard words.count == 3, let number = UInt64(words[2]), let device = CgroupDeviceFigures(words[0]) else { continue }
        let place: Int
        if let known: Int = found.firstIndex(where: { $0.major == device.major && $0.minor == device.minor }) {
          place = known
        } else {
          place = found.count
          found.append(device)
        }
        if words[1] == "Read" { found[place][keyPath: read] = number }
        if words[1] == "Write" { found[place][keyPath: write] = number }
      }
    }
    read(bytes, \.readBytes, \.writtenBytes)
    read(operations, \.reads, \.writes)
    return found
  }
}

extension Cgroup {
  /// What it has read from and written to block devices; empty where the controller is missing.
  public func deviceFigures() -> [CgroupDeviceFigures] {
    if hierarchy.isUnified {
      return directories.first.map { CgroupDeviceFigures.unified((try? Files.readText($0 + "/io.stat")) ?? "") } ?? []
    }
    guard let directory: String = directory("blkio") else { return [] }
    func text(_ name: String) -> String { (try? Files.readText("\(directory)/blkio.throttle.\(name)_recursive")) ?? "" }
    return CgroupDeviceFigures.legacy(bytes: text("io_service_bytes"), operations: text("io_serviced"))
  }
}
