// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import Synchronization

/// One request and its response, between a handler's task and the connection's event loop.
///
/// Life of the response: `waiting` -> `send` -> `done`, or `waiting` -> `begin` -> `streaming` -> `finish`
/// -> `done`, or `waiting` -> `upgrade` -> `done`.
final class HTTPExchange: Sendable {
  private enum Phase { case waiting, streaming, done }

  private let connection: ServerConnectionHandler
  private let phase: Mutex<Phase> = Mutex(.waiting)
  private let task: Mutex<Task<Void, Never>?> = Mutex(nil)
  let gate: WriteGate
  let isHead: Bool

  init(connection: ServerConnectionHandler, gate: WriteGate, isHead: Bool) {
    self.connection = connection
    self.gate = gate
    self.isHead = isHead
  }

  var hasBegun: Bool { phase.withLock { $0 != .waiting } }
  var isStreaming: Bool { phase.withLock { $0 == .streaming } }

  private func move(from: Phase, to: Phase) throws {
    try phase.withLock { phase in
      guard phase == from else {
        throw HTTPServingError(.invalidState, "the response was sent already")
      }
      phase = to
    }
    if gate.isClosed { throw HTTPServingError(.connectionClosed, "the peer closed the connection") }
  }

  func send(status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) throws {
    try move(from: .waiting, to: .done)
    connection.onLoop { [connection] in connection.send(self, status: status, headers: headers, body: body) }
  }

  func begin(status: HTTPResponseStatus, headers: HTTPHeaders) throws {
    try move(from: .waiting, to: .streaming)
    connection.onLoop { [connection] in connection.begin(self, status: status, headers: headers) }
  }

  func write(_ bytes: ByteBuffer) async throws {
    try await gate.pass()
    guard bytes.readableBytes > 0 else { return }
    connection.onLoop { [connection] in connection.write(self, bytes) }
  }

  func finish() {
    let mustEnd: Bool = phase.withLock { phase in
      defer { if phase == .streaming { phase = .done } }
      return phase == .streaming
    }
    if mustEnd { connection.onLoop { [connection] in connection.end(self) } }
  }

  func upgrade(status: HTTPResponseStatus, headers: HTTPHeaders) async throws -> RawConnection {
    try move(from: .waiting, to: .done)
    return try await connection.upgrade(self, status: status, headers: headers)
  }

  /// Ends the exchange after the handler returned or threw.
  func settle(_ error: (any Error)?) {
    let last: Phase = phase.withLock { phase in
      defer { phase = .done }
      return phase
    }
    switch (last, error) {
    case (.done, _): break
    case (.streaming, nil): connection.onLoop { [connection] in connection.end(self) }
    case (.streaming, _?): connection.onLoop { [connection] in connection.abort(self) }
    case (.waiting, let error):
      let tooLarge: Bool = (error as? HTTPServingError)?.code == .bodyTooLarge
      let text: String = error.map { "\($0)\n" } ?? "the request was not answered\n"
      connection.onLoop { [connection] in
        connection.send(
          self, status: tooLarge ? .payloadTooLarge : .internalServerError,
          headers: ["content-type": "text/plain; charset=utf-8"], body: ByteBuffer(string: text))
      }
    }
  }

  /// Remembers the handler's task; called once, before anything can cancel it.
  func attach(_ task: Task<Void, Never>) { self.task.withLock { $0 = task } }

  func cancel() { task.withLock { $0 }?.cancel() }
}

/// Runs a request's task on its connection's event loop, which saves two thread switches a request.
final class EventLoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job: UnownedJob = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
