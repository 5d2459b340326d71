// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPServing
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import YAML

/// Sends events in batches to a server that a kubeconfig names.
final class AuditWebhook: AuditSink {
  /// Events that wait for the server; what is more is lost.
  private static let bufferSize: Int = 10_000
  private static let answerBytesMax: Int = 1 << 20
  private static let attempts: Int = 5
  private static let timeout: Duration = .seconds(30)

  private let server: WebhookServer
  private let configuration: AuditConfiguration
  private let logger: Logger
  private let waiting: Mutex<(events: [JSONValue], lost: Int)> = Mutex(([], 0))
  private let signals: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)

  init(path: String, _ configuration: AuditConfiguration, logger: Logger) throws {
    server = try WebhookServer(kubeconfig: path)
    self.configuration = configuration
    self.logger = logger
    signals = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func write(_ event: JSONValue) {
    let mustWake: Bool = waiting.withLock { waiting in
      guard waiting.events.count < Self.bufferSize else {
        waiting.lost += 1
        return false
      }
      waiting.events.append(event)
      return waiting.events.count == 1 || waiting.events.count == configuration.webhookBatchSize
    }
    if mustWake { signals.continuation.yield() }
  }

  func run() async {
    for await _ in signals.stream {
      await gather()
      while let batch: [JSONValue] = take() {
        await send(batch)
        if Task.isCancelled { return }
      }
    }
  }

  /// Waits until a batch is full, or its first event has waited long enough.
  private func gather() async {
    let deadline: ContinuousClock.Instant = .now + configuration.webhookBatchWait
    while !Task.isCancelled, waiting.withLock({ $0.events.count }) < configuration.webhookBatchSize, .now < deadline {
      try? await Task.sleep(for: min(.milliseconds(100), deadline - .now))
    }
  }

  private func take() -> [JSONValue]? {
    let (batch, lost): ([JSONValue], Int) = waiting.withLock { waiting in
      let batch: [JSONValue] = Array(waiting.events.prefix(configuration.webhookBatchSize))
      waiting.events.removeFirst(batch.count)
      defer { waiting.lost = 0 }
      return (batch, waiting.lost)
    }
    if lost > 0 { logger.error("\(lost) audit events are lost: the webhook does not keep up") }
    return batch.isEmpty ? nil : batch
  }

  private func send(_ batch: [JSONValue]) async {
    let list: JSONValue = [
      "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": .object(JSONObject()), "items": .array(batch),
    ]
    var pause: Duration = configuration.webhookBackoff
    for attempt: Int in 1...Self.attempts {
      do { return try await post(list.bytes) } catch {
        if Task.isCancelled { return }
        guard attempt < Self.attempts else {
          return logger.error("\(batch.count) audit events are lost: \(error)")
        }
        logger.warning("the audit webhook does not take events now: \(error)")
        try? await Task.sleep(for: pause)
        pause = pause * 3 / 2
      }
    }
  }

  private func post(_ body: [UInt8]) async throws {
    var headers: HTTPHeaders = [
      "host": server.host, "content-type": "application/json", "accept": "application/json",
      "content-length": String(body.count), "user-agent": "kube-apiserver-audit",
    ]
    if let token: String = server.token { headers.add(name: "authorization", value: "Bearer \(token)") }
    let request: HTTPClientRequest = HTTPClientRequest(
      method: "POST", target: server.path, headers: headers, body: HTTPBody(bytes: body))
    let server: WebhookServer = server
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        let answer: HTTPClientResponse = try await UpgradeClient.connect(
          to: server.address, tls: server.tls, request: request)
        defer { answer.close() }
        _ = try await answer.body.collect(upTo: Self.answerBytesMax)
        guard (200..<300).contains(answer.status.code) else {
          throw HTTPServingError(.protocolViolation, "the server answers with status \(answer.status.code)")
        }
      }
      group.addTask {
        try await Task.sleep(for: Self.timeout)
        throw HTTPServingError(.timeout, "no answer within \(Self.timeout)")
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }
}

/// A server as a kubeconfig's current context names it.
struct WebhookServer: Sendable {
  let address: HTTPAddress
  let host: String
  let path: String
  let tls: HTTPClientTLS?
  let token: String?

  init(kubeconfig file: String) throws {
    func wrong(_ what: String) -> APIServerError {
      APIServerError(.invalidConfiguration, "--audit-webhook-config-file: \(file): \(what)")
    }
    guard let text: String = try? String(contentsOfFile: file, encoding: .utf8), let config: JSONValue = try? YAML.document(text)
    else { throw wrong("cannot be read") }
    func named(_ list: String, _ name: JSONValue) -> JSONValue {
      config[list].items.first { $0["name"] == name } ?? config[list].items.first ?? .null
    }
    let context: JSONValue = named("contexts", config["current-context"])["context"]
    let cluster: JSONValue = named("clusters", context["cluster"])["cluster"]
    let user: JSONValue = named("users", context["user"])["user"]
    guard let url: URLComponents = URLComponents(string: cluster["server"].string ?? ""), let host: String = url.host else {
      throw wrong("its cluster has no server")
    }
    let isSecure: Bool = url.scheme == "https"
    address = .tcp(host: host, port: url.port ?? (isSecure ? 443 : 80))
    self.host = url.port.map { "\(host):\($0)" } ?? host
    path = (url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath) + (url.percentEncodedQuery.map { "?\($0)" } ?? "")
    func bytes(_ value: JSONValue, _ key: String) throws -> [UInt8]? {
      if let data: String = value["\(key)-data"].string { return Data(base64Encoded: data).map { [UInt8]($0) } }
      guard let path: String = value[key].string else { return nil }
      guard let content: Data = FileManager.default.contents(atPath: path) else { throw wrong("\(key): cannot read \(path)") }
      return [UInt8](content)
    }
    token = user["token"].string
    guard isSecure else {
      tls = nil
      return
    }
    tls = try HTTPClientTLS(
      trustRootsPEM: try bytes(cluster, "certificate-authority"), certificateChainPEM: try bytes(user, "client-certificate"),
      privateKeyPEM: try bytes(user, "client-key"), serverName: cluster["tls-server-name"].string,
      verifiesServer: cluster["insecure-skip-tls-verify"].bool != true)
  }
}
