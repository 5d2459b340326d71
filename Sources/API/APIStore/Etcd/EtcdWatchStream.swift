// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Synchronization

/// A watch in etcd: one stream, made anew from where it stood when it breaks.
final class EtcdWatchStream: StoreWatch {
  /// The pauses between streams.
  private static let pauseMin: Duration = .milliseconds(50)
  private static let pauseMax: Duration = .seconds(2)

  private let members: EtcdMembers
  private let prefix: String
  private let sink: @Sendable (StoreNotice) -> Void
  private let logger: Logger
  private let position: Mutex<Revision>
  private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(
    members: EtcdMembers, prefix: String, after revision: Revision, logger: Logger,
    _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) {
    self.members = members
    self.prefix = prefix
    self.sink = sink
    self.logger = logger
    self.position = Mutex(revision)
    // A watch outlives the call that starts it; `cancel` ends it.
    let task: Task<Void, Never> = Task { await self.follow() }
    self.task.withLock { $0 = task }
  }

  func cancel() { task.withLock { $0?.cancel() } }

  private func follow() async {
    var delay: Duration = Self.pauseMin
    while !Task.isCancelled {
      let (client, place) = members.current
      let before: Revision = position.withLock { $0 }
      do {
        if try await stream(client) { return }
      } catch {
        if Task.isCancelled { return }
        logger.debug("the watch of \(prefix) in etcd broke: \(error)")
      }
      members.leave(place)
      if position.withLock({ $0 }) > before { delay = Self.pauseMin }
      // The only error is that of a cancelled task.
      do { try await Task.sleep(for: delay) } catch { return }
      delay = min(delay * 2, Self.pauseMax)
    }
  }

  /// One stream; says whether the watch is over for good.
  private func stream(_ client: GRPCClient<EtcdMembers.Transport>) async throws -> Bool {
    var create: EtcdWatchCreateRequest = EtcdWatchCreateRequest()
    create.key = Data(prefix.utf8)
    create.rangeEnd = EtcdStore.end(of: prefix)
    create.startRevision = position.withLock { $0 } + 1
    // Every ten minutes or so etcd says how far it is. It is not asked for more: etcd before 3.4.25 and 3.5.8
    // answers such questions with revisions whose events are still to come.
    create.progressNotify = true
    var request: EtcdWatchRequest = EtcdWatchRequest()
    request.createRequest = create
    let first: EtcdWatchRequest = request
    let (finished, finish): (AsyncStream<Void>, AsyncStream<Void>.Continuation) = AsyncStream.makeStream()
    defer { finish.finish() }
    let watch: EtcdWatch.Client<EtcdMembers.Transport> = EtcdWatch.Client(wrapping: client)
    return try await watch.watch(
      // A member that has lost its leader ends the stream instead of keeping silent.
      metadata: ["hasleader": "true"],
      requestProducer: { writer in
        try await writer.write(first)
        for await _ in finished {}
      },
      onResponse: { response in
        defer { finish.finish() }
        for try await message: EtcdWatchResponse in response.messages {
          if try self.receive(message) { return true }
        }
        return false
      })
  }

  /// Hands an answer on; says whether the watch is over for good.
  private func receive(_ message: EtcdWatchResponse) throws -> Bool {
    if message.compactRevision > 0 {
      sink(.failed(StoreError(.compacted(oldest: message.compactRevision), "the revision has been compacted")))
      return true
    }
    if message.canceled {
      throw StoreError(.unavailable, message.cancelReason.isEmpty ? "etcd ended the watch" : message.cancelReason)
    }
    if message.created { return false }
    if message.events.isEmpty {
      position.withLock { $0 = max($0, message.header.revision) }
      sink(.progress(message.header.revision))
      return false
    }
    let events: [StoreEvent] = message.events.map { event in
      if event.type == .delete {
        return .delete(key: String(decoding: event.kv.key, as: UTF8.self), revision: event.kv.modRevision)
      }
      return .put(EtcdStore.stored(event.kv))
    }
    sink(.events(events))
    if let last: StoreEvent = events.last { position.withLock { $0 = max($0, last.revision) } }
    return false
  }
}
