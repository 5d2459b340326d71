// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// What to wait for on a descriptor, and what has come.
public struct Readiness: OptionSet, Hashable, Sendable {
  /// The kernel's EPOLL* bits.
  public let rawValue: UInt32
  /// Wraps the kernel's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// There is something to read.
  public static let readable = Readiness(rawValue: 0x001)
  /// There is room to write.
  public static let writable = Readiness(rawValue: 0x004)
  /// An error; always told.
  public static let error = Readiness(rawValue: 0x008)
  /// The other side is gone; always told.
  public static let hangUp = Readiness(rawValue: 0x010)
  /// The other side writes no more.
  public static let readHangUp = Readiness(rawValue: 0x2000)
}

/// An epoll(7) set: waits for many descriptors at once. Level-triggered.
public struct Poller: ~Copyable, Sendable {
  /// The epoll descriptor.
  public let descriptor: FileDescriptor

  /// An empty set.
  public init() throws(SystemError) {
    descriptor = FileDescriptor(
      owning: try systemCall("epoll_create1") { apus_epoll_create() })
  }

  /// Waits for something on a descriptor from now on; `token` comes back with the event.
  public borrowing func add(
    _ watched: Int32, _ readiness: Readiness, token: UInt64
  ) throws(SystemError) {
    try control(1, watched, readiness, token)
  }

  /// Waits for something else on a descriptor.
  public borrowing func change(
    _ watched: Int32, _ readiness: Readiness, token: UInt64
  ) throws(SystemError) {
    try control(3, watched, readiness, token)
  }

  /// Waits no more for a descriptor. Call before closing it.
  public borrowing func remove(_ watched: Int32) {
    // A descriptor that is not in the set needs no removing.
    _ = apus_epoll_control(descriptor.raw, 2, watched, 0, 0)
  }

  private borrowing func control(
    _ operation: Int32, _ watched: Int32, _ readiness: Readiness, _ token: UInt64
  ) throws(SystemError) {
    let raw: Int32 = descriptor.raw
    try systemCall("epoll_ctl") { apus_epoll_control(raw, operation, watched, readiness.rawValue, token) }
  }

  /// Waits until something happens or the time (in milliseconds; -1 for ever) is over.
  public borrowing func wait(milliseconds: Int32 = -1) throws(SystemError) -> [(token: UInt64, readiness: Readiness)] {
    let limit: Int = 64
    let raw: Int32 = descriptor.raw
    var events: [apus_event] = [apus_event](repeating: apus_event(), count: limit)
    let count: Int32 = apus_epoll_wait(raw, &events, Int32(limit), milliseconds)
    if count < 0 {
      let reason: Errno = .current
      if reason == .interrupted { return [] }
      throw SystemError(reason, "epoll_wait")
    }
    return events.prefix(Int(count)).map { ($0.token, Readiness(rawValue: $0.readiness)) }
  }
}
