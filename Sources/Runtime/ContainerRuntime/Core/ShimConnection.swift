// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import ShimProtocol
import Synchronization

/// The runtime's connection to one pod's shim.
final class ShimConnection: Sendable {
  /// An answer with the descriptors that came with it.
  typealias Answer = (result: JSONValue, descriptors: [SharedDescriptor])

  /// How an executed process ended.
  struct ExecEnd: Sendable, Hashable {
    var exitCode: Int32
    /// Whether the shim killed it because its time was over.
    var isTimedOut: Bool
  }

  private struct State {
    var pending: [Int64: CheckedContinuation<Answer, any Error>] = [:]
    var execs: [String: CheckedContinuation<ExecEnd, any Error>] = [:]
    /// Ends of executed processes for which nobody waits yet.
    var execEnds: [String: ExecEnd] = [:]
    var nextID: Int64 = 1
    var isClosed: Bool = false
  }

  private let socket: SharedDescriptor
  private let reactor: Reactor
  private let state: Mutex<State> = Mutex(State())
  private let onExit: @Sendable (ProcessExit) -> Void
  private let onClose: @Sendable () -> Void

  /// Connects to the shim that listens at a path.
  init(
    path: String, reactor: Reactor, onExit: @escaping @Sendable (ProcessExit) -> Void,
    onClose: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    socket = SharedDescriptor(try UnixSocket.connect(path))
    self.reactor = reactor
    self.onExit = onExit
    self.onClose = onClose
  }

  /// Begins to listen; events come from now on.
  func open() throws(SystemError) {
    try reactor.watch(socket.raw, .readable) { [weak self] _ in self?.receive() }
  }

  /// Asks the shim to do something and waits until it is done.
  @discardableResult
  func request(_ method: String, _ parameters: JSONValue, descriptors: [Int32] = []) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      let id: Int64? = state.withLock { state in
        guard !state.isClosed else { return nil }
        let id: Int64 = state.nextID
        state.nextID += 1
        state.pending[id] = continuation
        return id
      }
      guard let id else {
        return continuation.resume(throwing: RuntimeError(.failed, "the pod's shim has ended"))
      }
      let packet: [UInt8] = ShimMessage.request(id: id, method: method, parameters: parameters).bytes
      do throws(SystemError) {
        guard packet.count <= ShimMessage.packetBytesMax else { throw SystemError(.tooBig, "sendmsg", method) }
        try UnixSocket.send(socket.raw, packet, descriptors: descriptors)
      } catch {
        state.withLock { $0.pending.removeValue(forKey: id) }?.resume(throwing: error)
      }
    }
  }

  /// Waits for the end of an executed process.
  func waitForExec(_ name: String) async throws -> ExecEnd {
    try await withCheckedThrowingContinuation { continuation in
      let known: Result<ExecEnd, RuntimeError>? = state.withLock { state in
        if let end: ExecEnd = state.execEnds.removeValue(forKey: name) { return .success(end) }
        if state.isClosed { return .failure(RuntimeError(.failed, "the pod's shim has ended")) }
        state.execs[name] = continuation
        return nil
      }
      switch known {
      case .success(let end): continuation.resume(returning: end)
      case .failure(let error): continuation.resume(throwing: error)
      case nil: break
      }
    }
  }

  private func receive() {
    do throws(SystemError) {
      guard let packet = try UnixSocket.receive(socket.raw, dontWait: true) else { return close() }
      handle(ShimMessage(packet.bytes), packet.descriptors)
    } catch { if error.errno != .wouldBlock { close() } }
  }

  private func handle(_ message: ShimMessage?, _ descriptors: [SharedDescriptor]) {
    switch message {
    case .response(let id, let result):
      state.withLock { $0.pending.removeValue(forKey: id) }?.resume(returning: (result, descriptors))
    case .failure(let id, let message):
      state.withLock { $0.pending.removeValue(forKey: id) }?.resume(throwing: RuntimeError(.failed, message))
    case .event(ShimMethod.exited, let content):
      if let exit: ProcessExit = ProcessExit(content) { onExit(exit) }
    case .event(ShimMethod.execExited, let content):
      let name: String = content["exec"].string ?? ""
      let end: ExecEnd = ExecEnd(
        exitCode: Int32(clamping: content["exitCode"].int ?? 255), isTimedOut: content["timedOut"].bool ?? false)
      let waiting: CheckedContinuation<ExecEnd, any Error>? = state.withLock { state in
        if let waiting = state.execs.removeValue(forKey: name) { return waiting }
        state.execEnds[name] = end
        return nil
      }
      waiting?.resume(returning: end)
    default: break
    }
  }

  /// The shim has gone: everybody who waits learns of it.
  func close() {
    reactor.forget(socket.raw)
    let (waiting, execs) = state.withLock { state in
      let found = (state.pending, state.execs)
      let wasClosed: Bool = state.isClosed
      state.pending = [:]
      state.execs = [:]
      state.isClosed = true
      return wasClosed ? ([:], [:]) : found
    }
    for continuation in waiting.values {
      continuation.resume(throwing: RuntimeError(.failed, "the pod's shim has ended"))
    }
    for continuation in execs.values {
      continuation.resume(throwing: RuntimeError(.failed, "the pod's shim has ended"))
    }
    onClose()
  }
}
