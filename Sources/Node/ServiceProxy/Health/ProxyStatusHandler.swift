// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import HTTPServing
import NIOCore
import NIOHTTP1

/// `/healthz`, `/livez`, `/readyz`, `/proxyMode` and `/metrics` of the proxy.
struct ProxyStatusHandler: HTTPHandler {
  let health: ProxyHealth
  let nodeName: String

  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    let snapshot: ProxyHealth.Snapshot = health.snapshot
    switch request.path {
    case "/healthz", "/livez", "/readyz":
      let status: HTTPResponseStatus = snapshot.isHealthy ? .ok : .serviceUnavailable
      try await text(response, status, "{\"nodeEligible\":true,\"serviceProxyHealthy\":\(snapshot.isHealthy)}", "application/json")
    case "/proxyMode": try await text(response, .ok, "nftables", "text/plain")
    case "/metrics": try await text(response, .ok, metrics(snapshot), "text/plain; version=0.0.4")
    default: try await text(response, .notFound, "404 page not found\n", "text/plain")
    }
  }

  private func metrics(_ snapshot: ProxyHealth.Snapshot) -> String {
    """
    # TYPE kubeproxy_sync_proxy_rules_duration_seconds summary
    kubeproxy_sync_proxy_rules_duration_seconds_sum \(snapshot.secondsTotal)
    kubeproxy_sync_proxy_rules_duration_seconds_count \(snapshot.rounds)
    # TYPE kubeproxy_sync_proxy_rules_nftables_sync_failures_total counter
    kubeproxy_sync_proxy_rules_nftables_sync_failures_total \(snapshot.failures)
    # TYPE apus_proxy_services gauge
    apus_proxy_services \(snapshot.serviceCount)

    """
  }
}

/// Sends a short text.
func text(_ response: HTTPResponseWriter, _ status: HTTPResponseStatus, _ body: String, _ type: String) async throws {
  try await response.send(
    status: status, headers: ["content-type": type, "x-content-type-options": "nosniff"], body: ByteBuffer(string: body))
}
