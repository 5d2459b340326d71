// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Glibc
import SwiftOverlayShims
import Synchronization

/// A name server to ask.
struct Upstream: Hashable, Sendable {
  var address: String
  var port: Int

  /// "1.2.3.4", "1.2.3.4:5353", "fd00::1", "[fd00::1]:5353".
  init?(_ text: String) {
    if IPAddress(text) != nil {
      address = text
      port = 53
      return
    }
    guard let colon: String.Index = text.lastIndex(of: ":"), let number = Int(text[text.index(after: colon)...]),
      (1...65_535).contains(number)
    else { return nil }
    address = String(text[..<colon].filter { $0 != "[" && $0 != "]" })
    port = number
    guard IPAddress(address) != nil else { return nil }
  }
}

/// The name servers of a resolv.conf(5), read again when the file changes.
final class ResolverConfiguration: Sendable {
  private struct State {
    var upstreams: [Upstream]
    var modified: timespec?
    var looked: ContinuousClock.Instant
  }

  /// Looking at the file costs a system call; once in a while is enough.
  private static let interval: Duration = .seconds(5)
  private static let fileBytesMax: Int = 65_536

  private let path: String?
  private let state: Mutex<State>

  /// Fixed servers, or those of a file.
  init(fixed: [Upstream], path: String) {
    self.path = fixed.isEmpty ? path : nil
    let start: [Upstream] = fixed.isEmpty ? Self.read(path) : fixed
    state = Mutex(State(upstreams: start, modified: Self.modified(path), looked: .now))
  }

  /// The servers, in order of preference.
  var upstreams: [Upstream] {
    state.withLock { state in
      guard let path, state.looked.duration(to: .now) > Self.interval else { return state.upstreams }
      state.looked = .now
      let now: timespec? = Self.modified(path)
      if now?.tv_sec != state.modified?.tv_sec || now?.tv_nsec != state.modified?.tv_nsec {
        state.modified = now
        state.upstreams = Self.read(path)
      }
      return state.upstreams
    }
  }

  private static func modified(_ path: String) -> timespec? {
    var status: stat = stat()
    return stat(path, &status) == 0 ? status.st_mtim : nil
  }

  static func parse(_ text: String) -> [Upstream] {
    text.split(separator: "\n").compactMap { line in
      let words: [Substring] = line.split { $0 == " " || $0 == "\t" }
      guard words.count > 1, words[0] == "nameserver" else { return nil }
      // A zone names a link; we do not need it for what is routed.
      return Upstream(String(words[1].prefix { $0 != "%" }))
    }
  }

  private static func read(_ path: String) -> [Upstream] {
    let fd: Int32 = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return [] }
    defer { close(fd) }
    var bytes: [UInt8] = [UInt8](repeating: 0, count: fileBytesMax)
    let count: Int = Glibc.read(fd, &bytes, bytes.count)
    return parse(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self))
  }
}
