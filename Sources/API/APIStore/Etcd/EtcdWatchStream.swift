// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Synchronization

/// A watch in etcd: one stream, made anew from where it stood when it breaks.
final class EtcdWatchStream: StoreWatch {
  private let client: GRPCClient<EtcdStore.Transport>
  private let prefix: String
  private let sink: @Sendable (StoreNotice) -> Void
  private let logger: Logger
  private let position: Mutex<Revision>
  private let requests: Mutex<AsyncStream<EtcdWatchRequest>.Continuation?> = Mutex(nil)
  private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(
    client: GRPCClient<EtcdStore.Transport>, prefix: String, after revision: Revision, logger: Logger,
    _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) {
    self.client = client
    self.prefix = prefix
    self.sink = sink
    self.logger = logger
    self.position = Mutex(revision)
    // A watch outlives the call that starts it; `cancel` ends it.
    let task: Task<Void, Never> = Task { await self.follow() }
    self.task.withLock { $0 = task }
  }

  func requestProgress() {
    var request: EtcdWatchRequest = EtcdWatchRequest()
    request.progressRequest = EtcdWatchProgressRequest()
    requests.withLock { _ = $0?.yield(request) }
  }

  func cancel() {
    task.withLock { $0?.cancel() }
    requests.withLock { $0?.finish() }
  }

  private func follow() async {
    var delay: Duration = .milliseconds(50)
    while !Task.isCancelled {
      do {
        if try await stream() { return }
        delay = .milliseconds(50)
      } catch {
        if Task.isCancelled { return }
        logger.debug("the watch of \(prefix) in etcd broke: \(error)")
      }
      // The only error is that of a cancelled task.
      do { try await Task.sleep(for: delay) } catch { return }
      delay = min(delay * 2, .seconds(2))
    }
  }

  /// One stream; says whether the watch is over for good.
  private func stream() async throws -> Bool {
    let (outgoing, continuation) = AsyncStream<EtcdWatchRequest>.makeStream()
    var create: EtcdWatchCreateRequest = EtcdWatchCreateRequest()
    create.key = Data(prefix.utf8)
    create.rangeEnd = EtcdStore.end(of: prefix)
    create.startRevision = position.withLock { $0 } + 1
    create.progressNotify = true
    var first: EtcdWatchRequest = EtcdWatchRequest()
    first.createRequest = create
    continuation.yield(first)
    requests.withLock { $0 = continuation }
    defer { continuation.finish() }
    let watch: EtcdWatch.Client<EtcdStore.Transport> = EtcdWatch.Client(wrapping: client)
    return try await watch.watch(
      requestProducer: { writer in
        for await request: EtcdWatchRequest in outgoing { try await writer.write(request) }
      },
      onResponse: { response in
        for try await message: EtcdWatchResponse in response.messages {
          if self.receive(message) { return true }
        }
        return false
      })
  }

  /// Hands an answer on; says whether the watch is over for good.
  private func receive(_ message: EtcdWatchResponse) -> Bool {
    if message.compactRevision > 0 {
      sink(.failed(StoreError(.compacted(oldest: message.compactRevision), "the revision has been compacted")))
      return true
    }
    if message.canceled || message.created { return false }
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
