// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import ShimProtocol

/// One client joined to a container's streams.
final class Attachment {
  private let loop: EventLoop
  private var stdin: SharedDescriptor?
  private var outputs: [LogStream: OutputQueue] = [:]
  /// The client reads no more.
  var onEnd: (() -> Void)?
  /// The client writes no more.
  var onInputEnd: (() -> Void)?

  /// Input that the container has not taken yet; beyond it the client waits.
  private static let pendingInputMax: Int = 256 << 10

  init(
    stdin: SharedDescriptor?, stdout: SharedDescriptor?, stderr: SharedDescriptor?, loop: EventLoop
  ) throws(SystemError) {
    self.loop = loop
    self.stdin = stdin
    if let stdout { outputs[.stdout] = try OutputQueue(stdout, loop) }
    if let stderr { outputs[.stderr] = try OutputQueue(stderr, loop) }
    for (stream, queue) in outputs {
      queue.onChange = { [weak self, weak queue] in
        guard let self, let queue, queue.isClosed else { return }
        self.outputs[stream] = nil
        if self.outputs.isEmpty, self.stdin == nil { self.onEnd?() }
      }
    }
  }

  func take(_ bytes: [UInt8], _ stream: LogStream) { outputs[stream]?.write(bytes) }

  /// Takes the client's input to the container.
  func readInput(into input: OutputQueue) throws(SystemError) {
    guard let stdin else { return }
    try Kernel.setNonblocking(stdin.raw)
    try loop.watch(stdin.raw, .readable) { [weak self, weak input] _ in
      guard let self, let input else { return }
      self.relay(stdin, input)
    }
  }

  private func relay(_ stdin: SharedDescriptor, _ input: OutputQueue) {
    do throws(SystemError) {
      let bytes: [UInt8] = try Kernel.read(stdin.raw, upTo: 32 << 10)
      if bytes.isEmpty { return endInput() }
      input.write(bytes)
      if input.pendingBytes > Self.pendingInputMax {
        loop.change(stdin.raw, [])
        input.onChange = { [weak self, weak input] in
          guard let self, let input, input.pendingBytes < Self.pendingInputMax / 2 else { return }
          input.onChange = nil
          self.loop.change(stdin.raw, .readable)
        }
      }
    } catch { if error.errno != .wouldBlock { endInput() } }
  }

  private func endInput() {
    guard let stdin else { return }
    loop.forget(stdin.raw)
    self.stdin = nil
    onInputEnd?()
    if outputs.isEmpty { onEnd?() }
  }

  /// The container has ended: the client gets what is left and then the end of its streams.
  func finish() {
    if let stdin { loop.forget(stdin.raw) }
    stdin = nil
    onInputEnd = nil
    // The queues live on in the loop's handlers until they are empty.
    for (_, queue) in outputs {
      queue.onChange = { _ = queue }
      queue.finish()
    }
    outputs = [:]
  }
}
