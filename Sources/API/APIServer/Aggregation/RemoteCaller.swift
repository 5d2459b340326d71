// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import NIOHTTP1

/// Asks another API server on this server's own account.
struct RemoteCaller: Sendable {
  /// An answer, read to its end.
  struct Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
  }

  /// Documents of large servers have some megabytes.
  private static let bodyBytesMax: Int = 64 << 20
  private static let timeout: Duration = .seconds(5)

  let resolver: ServiceResolver

  func get(
    _ entry: APIServiceEntry, _ path: String, accept: String = "application/json", etag: String? = nil
  ) async throws -> Answer {
    guard let service: APIServiceEntry.Service = entry.service, let tls: HTTPClientTLS = try entry.tls?.get() else {
      throw HTTPServingError(.invalidConfiguration, "\(entry.name) has no service")
    }
    let address: HTTPAddress = try await resolver.address(service)
    var headers: HTTPHeaders = RemoteIdentity.headers(RemoteIdentity.aggregator)
    headers.add(name: "host", value: address.description)
    headers.add(name: "accept", value: accept)
    headers.add(name: "user-agent", value: "kube-aggregator")
    if let etag { headers.add(name: "if-none-match", value: etag) }
    let request: HTTPClientRequest = HTTPClientRequest(method: "GET", target: path, headers: headers)
    let url: String = "https://\(address)\(path)"
    return try await withThrowingTaskGroup(of: Answer.self) { group in
      group.addTask {
        do {
          let answer: HTTPClientResponse = try await UpgradeClient.connect(
            to: address, tls: tls, request: request, connectTimeout: Self.timeout)
          defer { answer.close() }
          let body: [UInt8] = Array(buffer: try await answer.body.collect(upTo: Self.bodyBytesMax))
          return Answer(status: Int(answer.status.code), headers: answer.headers, body: body)
        } catch {
          throw HTTPServingError(.connectFailed, "failing or missing response from \(url): \(error)")
        }
      }
      group.addTask {
        try await Task.sleep(for: Self.timeout)
        throw HTTPServingError(.timeout, "timed out waiting for \(url)")
      }
      defer { group.cancelAll() }
      guard let answer: Answer = try await group.next() else { throw CancellationError() }
      return answer
    }
  }

  /// Whether the other server serves the group-version.
  ///
  /// - Throws: Why it seems not to.
  func probe(_ entry: APIServiceEntry) async throws {
    let version: GroupVersion = entry.groupVersion
    let path: String = version.group.isEmpty ? "/api/\(version.version)" : "/apis/\(version)"
    let answer: Answer = try await get(entry, path)
    guard (200..<300).contains(answer.status) else {
      let server: String = entry.service.map { "\($0.serverName):\($0.port)" } ?? ""
      throw HTTPServingError(
        .protocolViolation, "failing or missing response from https://\(server)\(path): bad status: \(answer.status)")
    }
  }
}
