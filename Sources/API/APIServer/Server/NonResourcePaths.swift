// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import NIOHTTP1
import Synchronization

/// Everything that is not an API resource: health, version, discovery, metrics, documents.
struct NonResourcePaths: Sendable {
  let core: ServerCore

  func handle(_ call: APICall) async throws {
    let path: String = call.info.path
    let segments: [Substring] = path.split(separator: "/")
    switch segments.first ?? "" {
    case "healthz", "livez": return try await health(call, isReady: true)
    case "readyz": return try await health(call, isReady: core.isReady.withLock { $0 })
    case "version" where !["GET", "HEAD"].contains(call.request.method): throw ResourceEndpoint.methodNotAllowed
    case "version": return try await call.answer(ServerVersion.json)
    case "metrics": return try await call.send(bytes: Array(core.metrics.text.utf8), "text/plain; version=0.0.4; charset=utf-8", .ok)
    case "api", "apis": if try await core.discovery.handle(call, segments) { return }
    case "openapi": if try await core.discovery.documents.handle(call, segments) { return }
    case ".well-known" where path == "/.well-known/openid-configuration":
      return try await call.answer(core.tokens.openIDConfiguration(core.configuration))
    case "openid" where path == "/openid/v1/jwks":
      return try await call.send(bytes: core.tokens.keySet.bytes, "application/jwk-set+json", .ok)
    case "": if path == "/" { return try await call.answer(["paths": JSONValue(core.discovery.paths)]) }
    default: break
    }
    if segments.first == "openapi" { return try await call.answerNotFound() }
    if segments.first == "apis" || segments.first == "api" { throw ResourceEndpoint.unknownPath }
    try await call.answer(text: "404 page not found\n", status: .notFound)
  }

  private func health(_ call: APICall, isReady: Bool) async throws {
    let name: String = call.info.path.split(separator: "/").first.map(String.init) ?? "healthz"
    if call.query["verbose"] != nil {
      let lines: [String] = [
        "[+]ping ok", "[+]log ok", "[+]store ok", isReady ? "[+]poststarthook ok" : "[-]poststarthook failed: not finished",
        "\(name) check \(isReady ? "passed" : "failed")",
      ]
      return try await call.answer(text: lines.joined(separator: "\n") + "\n", status: isReady ? .ok : .internalServerError)
    }
    if isReady { return try await call.answer(text: "ok") }
    try await call.answer(text: "[-]poststarthook failed: not finished\n\(name) check failed\n", status: .internalServerError)
  }
}

/// The version that the server tells.
enum ServerVersion {
  static let git: String = "v1.36.2"
  /// Major and minor, as the OpenAPI documents show it.
  static let minorVersion: String = "1.36"

  static let json: JSONValue = [
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35", "gitVersion": .string(git), "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z", "goVersion": "swift6.3", "compiler": "swiftc", "platform": "linux/amd64",
  ]
}
