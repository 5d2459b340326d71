// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import HTTPServing
import KubeClient
import Logging
import NIOCore
import NIOHTTP1

/// A small server for each Service with a `healthCheckNodePort`: load balancers ask it whether this node has endpoints.
struct ServiceHealthServers {
  let logger: Logger

  private enum Event { case changed, ended }

  /// Serves until the task is cancelled.
  func run(_ health: ProxyHealth) async {
    await withTaskGroup(of: Void.self) { group in
      var running: [UInt16: AsyncStream<Void>.Continuation] = [:]
      for await _ in health.nodePortChanges {
        let wanted: Set<UInt16> = Set(health.snapshot.nodePorts.keys)
        for (port, stop) in running where !wanted.contains(port) {
          stop.finish()
          running[port] = nil
        }
        for port: UInt16 in wanted where running[port] == nil {
          let (stopped, stop): (AsyncStream<Void>, AsyncStream<Void>.Continuation) = AsyncStream.makeStream()
          running[port] = stop
          group.addTask { await serve(port, health, until: stopped) }
        }
      }
      group.cancelAll()
    }
  }

  private func serve(_ port: UInt16, _ health: ProxyHealth, until stopped: AsyncStream<Void>) async {
    let server: HTTPServer = HTTPServer(
      configuration: HTTPServerConfiguration(address: .tcp(host: "0.0.0.0", port: Int(port))),
      handler: ServiceHealthHandler(health: health, port: port), logger: logger)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        do { try await server.run() } catch {
          logger.error("cannot serve a health check node port", metadata: ["port": "\(port)", "error": "\(error)"])
        }
      }
      group.addTask { for await _ in stopped {} }
      await group.next()
      group.cancelAll()
    }
  }
}

/// Answers for one port, whatever the path.
struct ServiceHealthHandler: HTTPHandler {
  let health: ProxyHealth
  let port: UInt16

  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    let snapshot: ProxyHealth.Snapshot = health.snapshot
    guard let entry: ProxyHealth.NodePort = snapshot.nodePorts[port] else {
      return try await text(response, .notFound, "no such service\n", "text/plain")
    }
    let body: String = """
      {"service":{"namespace":"\(entry.service.namespace)","name":"\(entry.service.name)"},\
      "localEndpoints":\(entry.localEndpoints),"serviceProxyHealthy":\(snapshot.isHealthy)}
      """
    let isUp: Bool = entry.localEndpoints > 0 && snapshot.isHealthy
    try await text(response, isUp ? .ok : .serviceUnavailable, body, "application/json")
  }
}
