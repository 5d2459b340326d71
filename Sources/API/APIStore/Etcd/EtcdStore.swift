// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import GRPCCore
public import Logging

/// A store in etcd, over its v3 API: for clusters with several API servers.
///
/// Several endpoints are one cluster: calls go to one of them, and to the next when it fails. Other processes may write to the same keys;
/// so a write is seen by watches some time after it returned.
public final class EtcdStore: Store {
  /// Where etcd is, and how it knows us.
  public struct Configuration: Sendable {
    /// The members' client URLs, such as `https://10.0.0.1:2379`; without a scheme they are plain. Also `unix:///PATH`.
    public var endpoints: [String]
    /// The file of the authority that signed etcd's certificate; nil for the system's authorities.
    public var caFile: String?
    /// Our own certificate, for etcd that asks for one.
    public var certificateFile: String?
    /// The key of our certificate.
    public var keyFile: String?
    /// How long old revisions can be read, and the time between compactions; zero leaves compacting to others.
    public var compactionInterval: Duration
    /// The largest message in either direction.
    public var messageBytesMax: Int

    /// A configuration.
    public init(
      endpoints: [String], caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
      compactionInterval: Duration = .seconds(300), messageBytesMax: Int = 512 << 20
    ) {
      self.endpoints = endpoints
      self.caFile = caFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.compactionInterval = compactionInterval
      self.messageBytesMax = messageBytesMax
    }
  }

  /// How long a call may take, and how long a member is looked for that takes it.
  private static let callTimeout: Duration = .seconds(30)
  private static let searchTimeout: Duration = .seconds(10)
  /// The pauses between rounds through the members.
  private static let pauseMin: Duration = .milliseconds(50)
  private static let pauseMax: Duration = .seconds(1)

  typealias Keys = EtcdKV.Client<EtcdMembers.Transport>

  private let members: EtcdMembers
  private let compaction: Task<Void, Never>
  private let logger: Logger

  public var deliversSynchronously: Bool { false }

  /// Begins to connect; calls wait some seconds for a member that answers.
  public init(_ configuration: Configuration, logger: Logger) throws(StoreError) {
    let members: EtcdMembers = try EtcdMembers(configuration, logger: logger)
    self.members = members
    self.logger = logger
    let compactor: EtcdCompactor = EtcdCompactor(
      members: members, interval: configuration.compactionInterval, logger: logger)
    // It belongs to the store and ends with it.
    compaction = Task { await compactor.run() }
  }

  deinit { close() }

  /// Ends the connections.
  public func close() {
    compaction.cancel()
    members.close()
  }

  /// A call's answer, or its failure in our words.
  ///
  /// - Parameter isRepeatable: whether the call may be made again where it is not known if it was done.
  private func call<Answer: Sendable>(
    _ what: String, isRepeatable: Bool, _ body: (Keys, CallOptions) async throws -> Answer
  ) async throws(StoreError) -> Answer {
    var options: CallOptions = .defaults
    options.timeout = Self.callTimeout
    let clock: ContinuousClock = ContinuousClock()
    let deadline: ContinuousClock.Instant = clock.now + Self.searchTimeout
    var pause: Duration = Self.pauseMin
    var tries: Int = 0
    while true {
      let (client, place) = members.current
      let failure: RPCError
      do { return try await body(Keys(wrapping: client), options) } catch {
        failure = error as? RPCError ?? RPCError(code: .unknown, message: "\(error)")
      }
      guard failure.code == .unavailable || failure.code == .deadlineExceeded else {
        throw Self.translated(failure, what)
      }
      members.leave(place)
      // What was on its way may have been done: only the caller can find out.
      guard isRepeatable || failure.wasNotSent, clock.now < deadline, !Task.isCancelled else {
        throw StoreError(.unavailable, "\(what): \(failure.message)")
      }
      tries += 1
      guard tries % members.count == 0 else { continue }
      do { try await Task.sleep(for: pause) } catch { throw StoreError(.unavailable, "\(what): cancelled") }
      pause = min(pause * 2, Self.pauseMax)
    }
  }

  private static func translated(_ error: RPCError, _ what: String) -> StoreError {
    let message: String = error.message
    if message.contains("compacted") { return StoreError(.compacted(oldest: 0), "\(what): \(message)") }
    if message.contains("future revision") { return StoreError(.futureRevision(current: 0), "\(what): \(message)") }
    if message.contains("too large") { return StoreError(.tooLarge, message) }
    if message.contains("space exceeded") { return StoreError(.noSpace, "\(what): \(message)") }
    return StoreError(.unavailable, "\(what): \(message)")
  }

  // MARK: Writing

  /// One transaction: every key is as it must be, and all is written; else what is there.
  public func write(_ writes: [StoreWrite]) async throws(StoreError) -> Revision {
    var request: EtcdTxnRequest = EtcdTxnRequest()
    for write: StoreWrite in writes {
      request.compare.append(Self.compare(write))
      if let operation: EtcdRequestOp = Self.operation(write) { request.success.append(operation) }
      var look: EtcdRangeRequest = EtcdRangeRequest()
      look.key = Data(write.key.utf8)
      look.keysOnly = true
      var failure: EtcdRequestOp = EtcdRequestOp()
      failure.request = .requestRange(look)
      request.failure.append(failure)
    }
    let whole: EtcdTxnRequest = request
    let what: String = "write of \(writes.last?.key ?? "nothing")"
    let answer: EtcdTxnResponse = try await call(what, isRepeatable: false) { try await $0.txn(whole, options: $1) }
    if answer.succeeded { return answer.header.revision }
    for (write, found) in zip(writes, answer.responses) {
      if let refusal: StoreError = write.refusal(present: found.responseRange.kvs.first?.modRevision) { throw refusal }
    }
    throw StoreError(.unavailable, "\(what): refused for no reason")
  }

  /// What must be so: no revision is zero.
  private static func compare(_ write: StoreWrite) -> EtcdCompare {
    var compare: EtcdCompare = EtcdCompare()
    compare.result = .equal
    compare.target = .mod
    compare.key = Data(write.key.utf8)
    compare.modRevision = write.expected ?? 0
    return compare
  }

  private static func operation(_ write: StoreWrite) -> EtcdRequestOp? {
    guard write.isChange else { return nil }
    var operation: EtcdRequestOp = EtcdRequestOp()
    if let value: [UInt8] = write.value {
      var put: EtcdPutRequest = EtcdPutRequest()
      put.key = Data(write.key.utf8)
      put.value = Data(value)
      operation.request = .requestPut(put)
    } else {
      var removal: EtcdDeleteRangeRequest = EtcdDeleteRangeRequest()
      removal.key = Data(write.key.utf8)
      operation.request = .requestDeleteRange(removal)
    }
    return operation
  }

  // MARK: Reading

  public func get(
    _ key: String, at revision: Revision
  ) async throws(StoreError) -> (value: StoredValue?, revision: Revision) {
    var request: EtcdRangeRequest = EtcdRangeRequest()
    request.key = Data(key.utf8)
    request.revision = revision
    let whole: EtcdRangeRequest = request
    let answer: EtcdRangeResponse = try await call("read of \(key)", isRepeatable: true) {
      try await $0.range(whole, options: $1)
    }
    return (answer.kvs.first.map(Self.stored), answer.header.revision)
  }

  public func range(_ request: RangeRequest) async throws(StoreError) -> RangeResult {
    var wanted: EtcdRangeRequest = EtcdRangeRequest()
    wanted.key = Data((request.after.map { $0 + "\u{0}" } ?? request.prefix).utf8)
    wanted.rangeEnd = Self.end(of: request.prefix)
    wanted.limit = Int64(request.limit)
    wanted.revision = request.revision
    let whole: EtcdRangeRequest = wanted
    let answer: EtcdRangeResponse = try await call("read of \(request.prefix)", isRepeatable: true) {
      try await $0.range(whole, options: $1)
    }
    return RangeResult(
      values: answer.kvs.map(Self.stored), revision: answer.header.revision,
      remaining: max(0, Int(answer.count) - answer.kvs.count))
  }

  /// The key after all that begin with a prefix.
  static func end(of prefix: String) -> Data {
    prefix.successorOfPrefix.map { Data($0.utf8) } ?? Data([0])
  }

  static func stored(_ value: EtcdKeyValue) -> StoredValue {
    StoredValue(
      key: String(decoding: value.key, as: UTF8.self), value: Array(value.value),
      createRevision: value.createRevision, modRevision: value.modRevision)
  }

  public func currentRevision() async throws(StoreError) -> Revision {
    var request: EtcdRangeRequest = EtcdRangeRequest()
    request.key = Data("/registry/health".utf8)
    request.countOnly = true
    let whole: EtcdRangeRequest = request
    let answer: EtcdRangeResponse = try await call("read of the revision", isRepeatable: true) {
      try await $0.range(whole, options: $1)
    }
    return answer.header.revision
  }

  // MARK: Watching

  public func watch(
    prefix: String, after revision: Revision, _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) async throws(StoreError) -> any StoreWatch {
    // etcd tells of a compacted revision later, in the stream; here it is asked at once.
    if revision > 0 {
      var request: EtcdRangeRequest = EtcdRangeRequest()
      request.key = Data(prefix.utf8)
      request.countOnly = true
      request.revision = revision
      let whole: EtcdRangeRequest = request
      do throws(StoreError) {
        _ = try await call("watch of \(prefix)", isRepeatable: true) { try await $0.range(whole, options: $1) }
      } catch {
        // A revision that has not come yet can be waited for.
        guard case .futureRevision = error.code else { throw error }
      }
    }
    return EtcdWatchStream(members: members, prefix: prefix, after: revision, logger: logger, sink)
  }

  public func compact(before revision: Revision) async throws(StoreError) {
    var request: EtcdCompactionRequest = EtcdCompactionRequest()
    request.revision = revision
    let whole: EtcdCompactionRequest = request
    do throws(StoreError) {
      _ = try await call("compaction", isRepeatable: true) { try await $0.compact(whole, options: $1) }
    } catch {
      // Another API server was first.
      if case .compacted = error.code { return }
      throw error
    }
  }
}

extension RPCError {
  /// Whether the call surely never reached a server: there was no connection that it could have gone through.
  var wasNotSent: Bool { code == .unavailable && message.hasPrefix("Channel is") }
}
