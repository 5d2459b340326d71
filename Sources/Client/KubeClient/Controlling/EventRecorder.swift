// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
public import KubeCore
import KubeMeta
import KubeValues
import Logging
import Synchronization

/// Records events about objects, as `kubectl describe` shows them.
///
/// `record` returns at once; `run()` sends. An event that equals an earlier one raises that one's count. When the
/// server is slow, the newest `backlogMax` events are kept and the others are dropped.
public final class EventRecorder: Sendable {
  /// Whether an event tells of something that went wrong.
  public enum Kind: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  /// What makes two events the same.
  private struct Identity: Hashable, Sendable {
    var uid: String
    var name: String
    var kind: String
    var fieldPath: String
    var type: String
    var reason: String
    var message: String
  }

  private struct Sent: Sendable {
    var name: String
    var namespace: String
    var count: Int32
  }

  /// More than this many unsent events are not kept.
  private static let backlogMax: Int = 1000
  /// More than this many sent events are not remembered.
  private static let rememberedMax: Int = 4096

  private let client: KubeClient
  private let component: String
  private let host: String
  private let sent: Mutex<[Identity: Sent]> = Mutex([:])
  private let stream: AsyncStream<(Identity, Event)>
  private let continuation: AsyncStream<(Identity, Event)>.Continuation

  /// A recorder for a component, as in `kubelet`, on a host.
  public init(client: KubeClient, component: String, host: String = "") {
    self.client = client
    self.component = component
    self.host = host
    (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.backlogMax))
  }

  /// Records an event about an object.
  public func record<Object: KubeObject>(
    _ object: Object, _ kind: Kind, reason: String, message: String, fieldPath: String = "", action: String = ""
  ) {
    record(object.reference(fieldPath: fieldPath), kind, reason: reason, message: message, action: action)
  }

  /// Records an event about the object of a reference.
  public func record(_ object: ObjectReference, _ kind: Kind, reason: String, message: String, action: String = "") {
    let now: Timestamp = .now
    // Upstream cuts at 1024 bytes, too.
    let message: String =
      message.utf8.count > 1024 ? String(decoding: message.utf8.prefix(1020), as: UTF8.self) + "..." : message
    var event: Event = Event()
    event.metadata.namespace = object.namespace.isEmpty ? "default" : object.namespace
    let nanoseconds: Int64 = now.seconds &* 1_000_000_000 &+ Int64(now.nanoseconds)
    event.metadata.name = "\(object.name.prefix(230)).\(String(nanoseconds, radix: 16))"
    event.involvedObject = object
    event.reason = reason
    event.message = message
    event.type = kind.rawValue
    event.source.component = component
    if !host.isEmpty { event.source.host = host }
    event.reportingComponent = component
    event.reportingInstance = host
    if !action.isEmpty { event.action = action }
    event.firstTimestamp = MetaTime(now)
    event.lastTimestamp = MetaTime(now)
    event.count = 1
    let identity: Identity = Identity(
      uid: object.uid, name: object.name, kind: object.kind, fieldPath: object.fieldPath, type: kind.rawValue,
      reason: reason, message: message)
    continuation.yield((identity, event))
  }

  /// Sends what is recorded until the task is cancelled.
  public func run() async throws {
    for await (identity, event) in stream {
      do throws(KubeClientError) {
        try await send(identity, event)
      } catch {
        // An event about a namespace that is going, or of a server that is away, is no loss.
        client.logger.debug("cannot record an event", metadata: ["error": "\(error)", "reason": "\(event.reason)"])
      }
    }
    throw CancellationError()
  }

  private func send(_ identity: Identity, _ event: Event) async throws(KubeClientError) {
    if let earlier: Sent = sent.withLock({ $0[identity] }) {
      let count: Int32 = earlier.count + 1
      let change: JSONValue = [
        "count": .int(Int64(count)), "lastTimestamp": .string(Timestamp(event.lastTimestamp).rfc3339),
      ]
      do throws(KubeClientError) {
        try await client.patch(Event.self, namespace: earlier.namespace, name: earlier.name, .merge(change))
        sent.withLock { $0[identity]?.count = count }
        return
      } catch  where error.isNotFound {
        // The earlier one has expired: this is the first of a new series.
      }
    }
    try await client.create(event)
    sent.withLock { sent in
      if sent.count >= Self.rememberedMax { sent.removeAll() }
      sent[identity] = Sent(name: event.metadata.name, namespace: event.metadata.namespace, count: 1)
    }
  }
}
