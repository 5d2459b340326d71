// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
public import ServiceLifecycle

/// Gives memory back that the allocator keeps after a burst of work.
///
/// glibc returns only what is free at the end of an arena. One long list is a few hundred megabytes of short-lived
/// values with some longer-lived ones between them: without this they stay with the process for good.
public struct MemoryKeeper: Service {
  private let interval: Duration
  private let slack: Int

  /// - Parameters:
  ///   - interval: how often to look; looking takes some microseconds.
  ///   - slack: the bytes by which the process may grow before what is free is given back.
  public init(interval: Duration = .seconds(30), slack: Int = 4 << 20) {
    self.interval = interval
    self.slack = slack
  }

  /// Sets the allocator up, before threads are started.
  ///
  /// Fewer arenas leave fewer half-empty ones. A fixed threshold keeps large buffers out of the arenas: they go back
  /// to the kernel when they are freed, where glibc would raise the threshold to the largest one seen.
  public static func configureAllocator() {
    typealias Option = @convention(c) (_ parameter: Int32, _ value: Int32) -> Int32
    guard let mallopt: Option = function("mallopt") else { return }
    let trimThreshold: Int32 = -1
    let mapThreshold: Int32 = -3
    let arenas: Int32 = -8
    _ = mallopt(arenas, 4)
    _ = mallopt(mapThreshold, 1 << 20)
    _ = mallopt(trimThreshold, 1 << 20)
  }

  /// Looks now and then whether the process has grown, and gives back what is free; ends with the daemon.
  public func run() async throws {
    typealias Trim = @convention(c) (_ pad: Int) -> Int32
    guard let trim: Trim = Self.function("malloc_trim") else { return await restUntilTheEnd() }
    // What a daemon does to start is a burst as well.
    var left: Int = 0
    while await rest() {
      guard Self.residentBytes > left + slack else { continue }
      _ = trim(0)
      left = Self.residentBytes
    }
  }

  /// A function of the C library that has no header in the Glibc module.
  private static func function<Function>(_ name: String) -> Function? {
    dlsym(nil, name).map { unsafeBitCast($0, to: Function.self) }
  }

  /// The bytes of memory that the process has now.
  private static var residentBytes: Int {
    let file: Int32 = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
      let count: Int = max(0, read(file, buffer.baseAddress, buffer.count))
      let words = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
      return words.count > 1 ? (Int(words[1]) ?? 0) * Int(getpagesize()) : 0
    }
  }

  private func restUntilTheEnd() async {
    while await rest() {}
  }

  /// Waits for the next look; false when the daemon ends.
  private func rest() async -> Bool {
    await cancelWhenGracefulShutdown {
      do {
        try await Task.sleep(for: interval, tolerance: .seconds(1))
        return true
      } catch {
        return false
      }
    }
  }
}
