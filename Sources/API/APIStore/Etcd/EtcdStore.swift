// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import Logging

/// A store in etcd, over its v3 API: for clusters with several API servers.
///
/// Several endpoints are one cluster: calls go to whichever answers. Other processes may write to the same keys;
/// so a write is seen by watches some time after it returned.
public final class EtcdStore: Store {
  /// Where etcd is, and how it knows us.
  public struct Configuration: Sendable {
    /// The members' client URLs, such as `https://10.0.0.1:2379`; without a scheme they are plain.
    public var endpoints: [String]
    /// The file of the authority that signed etcd's certificate; nil for the system's authorities.
    public var caFile: String?
    /// Our own certificate, for etcd that asks for one.
    public var certificateFile: String?
    /// The key of our certificate.
    public var keyFile: String?
    /// The largest message in either direction.
    public var messageBytesMax: Int

    /// A configuration.
    public init(
      endpoints: [String], caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
      messageBytesMax: Int = 512 << 20
    ) {
      self.endpoints = endpoints
      self.caFile = caFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.messageBytesMax = messageBytesMax
    }
  }

  typealias Transport = HTTP2ClientTransport.Posix
  private typealias Keys = EtcdKV.Client<Transport>

  private let client: GRPCClient<Transport>
  private let connections: Task<Void, Never>
  private let logger: Logger

  public var deliversSynchronously: Bool { false }

  /// Begins to connect; calls wait until a member answers.
  public init(_ configuration: Configuration, logger: Logger) throws(StoreError) {
    let client: GRPCClient<Transport> = try Self.client(configuration)
    self.client = client
    self.logger = logger
    // The connections live as long as the store; `close` ends them.
    connections = Task {
      do { try await client.runConnections() } catch { logger.error("the connections to etcd ended: \(error)") }
    }
  }

  deinit { connections.cancel() }

  /// Ends the connections.
  public func close() { connections.cancel() }

  private static func client(_ configuration: Configuration) throws(StoreError) -> GRPCClient<Transport> {
    let isSecure: Bool = configuration.endpoints.contains { $0.hasPrefix("https://") }
    var pairs: [(host: String, port: Int)] = []
    for endpoint: String in configuration.endpoints {
      let plain: String = endpoint.replacing("https://", with: "").replacing("http://", with: "").replacing("/", with: "")
      let parts: [Substring] = plain.split(separator: ":")
      guard parts.count == 2, let port: Int = Int(parts[1]) else {
        throw StoreError(.unavailable, "the etcd endpoint \(endpoint) is not of the form scheme://host:port")
      }
      pairs.append((parts[0] == "localhost" ? "127.0.0.1" : String(parts[0]), port))
    }
    guard let first: (host: String, port: Int) = pairs.first else {
      throw StoreError(.unavailable, "no etcd endpoint is given")
    }
    var method: MethodConfig = MethodConfig(names: [MethodConfig.Name(service: "", method: "")])
    method.maxRequestMessageBytes = configuration.messageBytesMax
    method.maxResponseMessageBytes = configuration.messageBytesMax
    method.waitForReady = true
    var config: Transport.Config = .defaults
    config.backoff = HTTP2ClientTransport.Config.Backoff(
      initial: .milliseconds(50), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
    config.connection.maxIdleTime = nil
    config.http2.authority = first.host
    let isNumeric: Bool = pairs.allSatisfy { pair in pair.host.allSatisfy { $0.isNumber || $0 == "." } }
    let target: any ResolvableTarget =
      isNumeric ? .ipv4(pairs: pairs) : .dns(host: first.host, port: first.port)
    do {
      let transport: Transport = try Transport(
        target: target, transportSecurity: isSecure ? security(configuration) : .plaintext, config: config,
        serviceConfig: ServiceConfig(methodConfig: [method]))
      return GRPCClient(transport: transport)
    } catch {
      throw StoreError(.unavailable, "etcd cannot be reached: \(error)")
    }
  }

  private static func security(_ configuration: Configuration) -> Transport.TransportSecurity {
    var tls: Transport.TransportSecurity.TLS = .defaults
    if let path: String = configuration.caFile {
      tls.trustRoots = .certificates([.file(path: path, format: .pem)])
    }
    if let path: String = configuration.certificateFile, let key: String = configuration.keyFile {
      tls.certificateChain = [.file(path: path, format: .pem)]
      tls.privateKey = .file(path: key, format: .pem)
    }
    return .tls(tls)
  }

  /// A call's answer, or its failure in our words.
  private func call<Answer: Sendable>(
    _ what: String, _ body: (Keys) async throws -> Answer
  ) async throws(StoreError) -> Answer {
    do { return try await body(Keys(wrapping: client)) } catch {
      let message: String = (error as? RPCError)?.message ?? "\(error)"
      if message.contains("compacted") { throw StoreError(.compacted(oldest: 0), "\(what): \(message)") }
      if message.contains("future revision") {
        throw StoreError(.futureRevision(current: 0), "\(what): \(message)")
      }
      if message.contains("too large") { throw StoreError(.tooLarge, message) }
      if message.contains("space exceeded") { throw StoreError(.noSpace, "\(what): \(message)") }
      throw StoreError(.unavailable, "\(what): \(message)")
    }
  }

  // MARK: Writing

  public func create(_ key: String, _ value: [UInt8]) async throws(StoreError) -> Revision {
    let answer: EtcdTxnResponse = try await swap(key, expecting: 0, .requestPut(Self.put(key, value)))
    guard answer.succeeded else { throw StoreError(.keyExists, "\(key) exists") }
    return answer.header.revision
  }

  public func update(
    _ key: String, _ value: [UInt8], expecting revision: Revision
  ) async throws(StoreError) -> Revision {
    try Self.checked(await swap(key, expecting: revision, .requestPut(Self.put(key, value))), key, revision)
  }

  public func delete(_ key: String, expecting revision: Revision) async throws(StoreError) -> Revision {
    var request: EtcdDeleteRangeRequest = EtcdDeleteRangeRequest()
    request.key = Data(key.utf8)
    return try Self.checked(await swap(key, expecting: revision, .requestDeleteRange(request)), key, revision)
  }

  private static func put(_ key: String, _ value: [UInt8]) -> EtcdPutRequest {
    var request: EtcdPutRequest = EtcdPutRequest()
    request.key = Data(key.utf8)
    request.value = Data(value)
    return request
  }

  private static func checked(
    _ answer: EtcdTxnResponse, _ key: String, _ revision: Revision
  ) throws(StoreError) -> Revision {
    if answer.succeeded { return answer.header.revision }
    guard let current: EtcdKeyValue = answer.responses.first?.responseRange.kvs.first else {
      throw StoreError(.keyNotFound, "\(key) does not exist")
    }
    throw StoreError(
      .conflict(current: current.modRevision), "\(key) is at \(current.modRevision), not at \(revision)")
  }

  /// One operation if the key is at a revision (zero: is not there); else what is there.
  private func swap(
    _ key: String, expecting revision: Revision, _ operation: EtcdRequestOp.OneOf_Request
  ) async throws(StoreError) -> EtcdTxnResponse {
    var request: EtcdTxnRequest = EtcdTxnRequest()
    var compare: EtcdCompare = EtcdCompare()
    compare.result = .equal
    compare.target = .mod
    compare.key = Data(key.utf8)
    compare.modRevision = revision
    request.compare = [compare]
    var success: EtcdRequestOp = EtcdRequestOp()
    success.request = operation
    request.success = [success]
    var range: EtcdRangeRequest = EtcdRangeRequest()
    range.key = Data(key.utf8)
    range.keysOnly = true
    var failure: EtcdRequestOp = EtcdRequestOp()
    failure.request = .requestRange(range)
    request.failure = [failure]
    let whole: EtcdTxnRequest = request
    return try await call("write of \(key)") { try await $0.txn(whole) }
  }

  // MARK: Reading

  public func get(
    _ key: String, at revision: Revision
  ) async throws(StoreError) -> (value: StoredValue?, revision: Revision) {
    var request: EtcdRangeRequest = EtcdRangeRequest()
    request.key = Data(key.utf8)
    request.revision = revision
    let whole: EtcdRangeRequest = request
    let answer: EtcdRangeResponse = try await call("read of \(key)") { try await $0.range(whole) }
    return (answer.kvs.first.map(Self.stored), answer.header.revision)
  }

  public func range(_ request: RangeRequest) async throws(StoreError) -> RangeResult {
    var wanted: EtcdRangeRequest = EtcdRangeRequest()
    wanted.key = Data((request.after.map { $0 + "\u{0}" } ?? request.prefix).utf8)
    wanted.rangeEnd = Self.end(of: request.prefix)
    wanted.limit = Int64(request.limit)
    wanted.revision = request.revision
    let whole: EtcdRangeRequest = wanted
    let answer: EtcdRangeResponse = try await call("read of \(request.prefix)") { try await $0.range(whole) }
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
    let answer: EtcdRangeResponse = try await call("read of the revision") { try await $0.range(whole) }
    return answer.header.revision
  }

  // MARK: Watching

  public func watch(
    prefix: String, after revision: Revision, _ sink: @escaping @Sendable (StoreNotice) -> Void
  ) async throws(StoreError) -> any StoreWatch {
    EtcdWatchStream(client: client, prefix: prefix, after: revision, logger: logger, sink)
  }

  public func compact(before revision: Revision) async throws(StoreError) {
    var request: EtcdCompactionRequest = EtcdCompactionRequest()
    request.revision = revision
    let whole: EtcdCompactionRequest = request
    do throws(StoreError) {
      _ = try await call("compaction") { try await $0.compact(whole) }
    } catch {
      // Another API server was first.
      if case .compacted = error.code { return }
      throw error
    }
  }
}
