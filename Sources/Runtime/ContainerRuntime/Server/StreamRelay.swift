// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import NIOCore
import StreamServing
import Synchronization

/// A descriptor that is given away once, so that nobody else keeps it open.
final class DescriptorBox: Sendable {
  private let content: Mutex<SharedDescriptor?>

  init(_ descriptor: SharedDescriptor?) { content = Mutex(descriptor) }

  /// The descriptor; nil when it was taken before.
  func take() -> SharedDescriptor? {
    content.withLock { content in
      defer { content = nil }
      return content
    }
  }
}

/// The pipes of one session: the ends for the process, and ours. A pipe ends with the last owner of its other end: what
/// is handed on must not be kept here.
struct SessionStreams: Sendable {
  /// For each of standard input, output and error, where asked for: the process's end.
  let theirs: [DescriptorBox?]
  /// Our ends: where to write input, and where to read output.
  let ours: [DescriptorBox?]

  /// With a terminal there are no pipes: its master is everything.
  init(_ hasTerminal: Bool, stdin: Bool, stdout: Bool, stderr: Bool) throws(SystemError) {
    var theirs: [DescriptorBox?] = [nil, nil, nil]
    var ours: [DescriptorBox?] = [nil, nil, nil]
    for (number, isWanted) in [stdin, stdout, stderr].enumerated() where isWanted && !hasTerminal {
      let pipe: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
      let reader: DescriptorBox = DescriptorBox(SharedDescriptor(owning: pipe.reader))
      let writer: DescriptorBox = DescriptorBox(SharedDescriptor(owning: pipe.writer))
      theirs[number] = number == 0 ? reader : writer
      ours[number] = number == 0 ? writer : reader
    }
    self.theirs = theirs
    self.ours = ours
  }
}

/// Copies between a client and descriptors.
final class StreamRelay: Sendable {
  private let reactor: Reactor
  private let outputs: Mutex<(open: Int, waiting: [CheckedContinuation<Void, Never>])> = Mutex((0, []))
  /// How long what a finished command left running may hold its output open.
  private static let drainTimeout: Duration = .milliseconds(500)
  private static let chunkBytes: Int = 32 << 10

  init(reactor: Reactor) { self.reactor = reactor }

  /// Begins to copy in tasks of the group; with a terminal, between it and the client.
  func add(
    _ session: StreamSession, _ streams: SessionStreams, terminal: SharedDescriptor?,
    to group: inout ThrowingTaskGroup<Void, any Error>
  ) {
    for (number, output) in [(1, session.stdout), (2, session.stderr)] {
      guard let descriptor = number == 1 && terminal != nil ? terminal : streams.ours[number]?.take() else { continue }
      outputs.withLock { $0.open += 1 }
      let box: DescriptorBox = DescriptorBox(descriptor)
      group.addTask { [self] in
        defer { outputEnded() }
        if let descriptor: SharedDescriptor = box.take() { try await copyOut(descriptor, output) }
      }
    }
    guard let descriptor = terminal ?? streams.ours[0]?.take() else { return }
    let box: DescriptorBox = DescriptorBox(descriptor)
    let isTerminal: Bool = terminal != nil
    group.addTask { [self] in
      guard let descriptor: SharedDescriptor = box.take(), let input: StreamInput = session.stdin else { return }
      try await copyIn(input, descriptor, isTerminal: isTerminal)
    }
  }

  private func copyOut(_ descriptor: SharedDescriptor, _ output: StreamOutput?) async throws {
    try Kernel.setNonblocking(descriptor.raw)
    while !Task.isCancelled {
      do throws(SystemError) {
        let bytes: [UInt8] = try Kernel.read(descriptor.raw, upTo: Self.chunkBytes)
        if bytes.isEmpty { return }
        try await write(bytes, output)
        continue
      } catch {
        // The other side of a terminal that is closed says EIO: an end like any other.
        guard error.errno == .wouldBlock else { return }
      }
      try await wait(descriptor)
    }
  }

  private func write(_ bytes: [UInt8], _ output: StreamOutput?) async throws(SystemError) {
    do { try await output?.write(bytes) } catch { throw SystemError(.brokenPipe, "write") }
  }

  private func copyIn(_ input: StreamInput, _ descriptor: SharedDescriptor, isTerminal: Bool) async throws {
    let writer: PipeWriter = PipeWriter(descriptor, reactor)
    for try await chunk: ByteBuffer in input {
      // A process that reads no more is no reason to end the session.
      do { try await writer.write(Array(chunk.readableBytesView)) } catch { return }
    }
    // The pipe closes with its last owner, here; a terminal gets its end-of-file character.
    if isTerminal { try? await writer.write([4]) }
  }

  /// Waits until there is something to read; ends when the task is cancelled.
  private func wait(_ descriptor: SharedDescriptor) async throws {
    let copy: SharedDescriptor = SharedDescriptor(owning: try Kernel.duplicate(descriptor.raw))
    let waiter: OnceWaiter = OnceWaiter()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        waiter.set(continuation)
        do throws(SystemError) {
          try reactor.watch(copy.raw, .readable) { [reactor] _ in
            reactor.forget(copy.raw)
            waiter.resume()
          }
        } catch { waiter.resume() }
      }
    } onCancel: {
      reactor.forget(copy.raw)
      waiter.resume()
    }
  }

  private func outputEnded() {
    let waiting = outputs.withLock { outputs in
      outputs.open -= 1
      guard outputs.open == 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { outputs.waiting = [] }
      return outputs.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Waits until every output has ended.
  func outputsEnd() async {
    await withCheckedContinuation { continuation in
      let isDone: Bool = outputs.withLock { outputs in
        if outputs.open > 0 { outputs.waiting.append(continuation) }
        return outputs.open <= 0
      }
      if isDone { continuation.resume() }
    }
  }

  /// The process has ended: waits a little for the rest of its output.
  func finishOutputs() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in await outputsEnd() }
      group.addTask { [self] in
        // Cancelled when the outputs end first.
        do { try await Task.sleep(for: Self.drainTimeout) } catch { return }
        let waiting = outputs.withLock { outputs in
          defer { outputs.waiting = [] }
          return outputs.waiting
        }
        for continuation in waiting { continuation.resume() }
      }
      await group.next()
      group.cancelAll()
    }
  }
}

/// Resumes a continuation once, whoever comes first.
final class OnceWaiter: Sendable {
  private let state: Mutex<(continuation: CheckedContinuation<Void, any Error>?, isDone: Bool)> = Mutex((nil, false))

  func set(_ continuation: CheckedContinuation<Void, any Error>) {
    let isLate: Bool = state.withLock { state in
      if !state.isDone { state.continuation = continuation }
      return state.isDone
    }
    if isLate { continuation.resume() }
  }

  func resume() {
    let continuation: CheckedContinuation<Void, any Error>? = state.withLock { state in
      state.isDone = true
      defer { state.continuation = nil }
      return state.continuation
    }
    continuation?.resume()
  }
}

/// Writes to a pipe or terminal without holding up a thread.
final class PipeWriter: Sendable {
  private let descriptor: SharedDescriptor
  private let reactor: Reactor

  init(_ descriptor: SharedDescriptor, _ reactor: Reactor) {
    self.descriptor = descriptor
    self.reactor = reactor
  }

  /// Writes everything; throws when nobody reads any more.
  func write(_ bytes: [UInt8]) async throws {
    try Kernel.setNonblocking(descriptor.raw)
    var rest: [UInt8] = bytes
    while !rest.isEmpty {
      do throws(SystemError) {
        rest.removeFirst(try Kernel.writeSome(descriptor.raw, rest))
      } catch {
        guard error.errno == .wouldBlock else { throw error }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }
}
