// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// Writes to a non-blocking descriptor what it takes now, and the rest when it takes more.
final class OutputQueue {
  private let loop: EventLoop
  /// Nil once it is closed: others may keep the queue, but the reader must see the end.
  private var descriptor: SharedDescriptor?
  private var pending: [UInt8] = []
  private var closesWhenEmpty: Bool = false
  private(set) var isClosed: Bool = false
  /// Called when the other side has gone, and when the queue has become short again.
  var onChange: (() -> Void)?

  /// A reader so slow that this much waits for it is let go: a container must not wait for a spectator.
  static let pendingBytesMax: Int = 4 << 20

  init(_ descriptor: SharedDescriptor, _ loop: EventLoop) throws(SystemError) {
    self.loop = loop
    self.descriptor = descriptor
    try Kernel.setNonblocking(descriptor.raw)
  }

  var pendingBytes: Int { pending.count }

  func write(_ bytes: [UInt8]) {
    guard !isClosed, !closesWhenEmpty else { return }
    pending += bytes
    flush()
    if pending.count > Self.pendingBytesMax { close() }
  }

  /// Closes once all is written.
  func finish() {
    closesWhenEmpty = true
    if pending.isEmpty { close() }
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    if let descriptor { loop.forget(descriptor.raw) }
    descriptor = nil
    pending = []
    onChange?()
    onChange = nil
  }

  private func flush() {
    guard let descriptor else { return }
    while !pending.isEmpty {
      do throws(SystemError) {
        let count: Int = try Kernel.writeSome(descriptor.raw, pending)
        pending.removeFirst(count)
      } catch {
        guard error.errno == .wouldBlock else { return close() }
        do throws(SystemError) {
          try loop.watch(descriptor.raw, .writable) { [weak self] _ in self?.resume() }
        } catch { close() }
        return
      }
    }
    loop.forget(descriptor.raw)
    if closesWhenEmpty { close() }
  }

  private func resume() {
    flush()
    onChange?()
  }
}
