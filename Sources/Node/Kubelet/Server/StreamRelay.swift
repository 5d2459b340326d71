// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import HTTPServing
import JSON
import KubeClient
import KubeCore
import KubeMeta
import Logging
import NIOCore
import NIOHTTP1
import SwiftProtobuf

/// Exec, attach, port-forward and run: asks the runtime for a streaming address and passes the connection on to it.
struct StreamRelay: Sendable {
  private static let runTimeout: Duration = .seconds(240)

  let services: PodServices
  let supervisor: PodSupervisor

  /// `/exec/NAMESPACE/POD[/UID]/CONTAINER`, `/attach/...`, `/run/...`, `/portForward/NAMESPACE/POD[/UID]`.
  func handle(_ path: [String], _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    guard path.count >= 3 else { throw KubeletError(.invalid, "the path has too few parts") }
    let namesContainer: Bool = path[0] != "portForward"
    guard path.count >= (namesContainer ? 4 : 3) else { throw KubeletError(.invalid, "the path names no container") }
    let hasUID: Bool = path.count == (namesContainer ? 5 : 4)
    guard let worker: PodWorker = await supervisor.worker(namespace: path[1], name: path[2], uid: hasUID ? path[3] : nil) else {
      throw KubeletError(.notFound, "pod does not exist")
    }
    let observed: PodObservation = await worker.freshObservation()
    if path[0] == "portForward" { return try await forward(observed, request, response) }
    let name: String = path[path.count - 1]
    guard let container: ObservedContainer = observed.latest(name) else {
      throw KubeletError(.notFound, "container not found (\"\(name)\")")
    }
    guard container.isRunning else { throw KubeletError(.invalid, "container \"\(name)\" is not running") }
    func isOn(_ name: String) -> Bool { ["1", "true"].contains(request.query(name) ?? "") }
    let command: [String] = request.queryItems.filter { $0.name == "command" }.map(\.value)
    switch path[0] {
    case "run":
      let line: [String] = command.isEmpty ? (request.query("cmd") ?? "").split(separator: " ").map(String.init) : command
      let answer: CRIExecSyncResponse = try await services.runtime.execSync(
        container.id, command: line, timeout: Self.runTimeout)
      try await response.sendText(.ok, String(decoding: answer.stdout + answer.stderr, as: UTF8.self))
    case "exec":
      let url: String = try await services.runtime.exec(
        .with {
          $0.containerID = container.id
          $0.cmd = command
          $0.stdin = isOn("input") || isOn("stdin")
          $0.stdout = isOn("output") || isOn("stdout")
          $0.tty = isOn("tty")
          // A terminal has one output.
          $0.stderr = (isOn("error") || isOn("stderr")) && !isOn("tty")
        })
      try await relay(url, request, response)
    default:
      let hasTerminal: Bool = await worker.pod.role(named: name)?.container.tty ?? false
      let url: String = try await services.runtime.attach(
        .with {
          $0.containerID = container.id
          $0.stdin = isOn("input") || isOn("stdin")
          $0.stdout = isOn("output") || isOn("stdout")
          $0.tty = hasTerminal
          $0.stderr = (isOn("error") || isOn("stderr")) && !hasTerminal
        })
      try await relay(url, request, response)
    }
  }

  private func forward(_ observed: PodObservation, _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    guard let sandbox: CRIPodSandboxStatus = observed.readySandbox else {
      throw KubeletError(.notFound, "the pod has no sandbox that runs")
    }
    let ports: [Int32] = request.queryItems.filter { $0.name == "port" || $0.name == "ports" }
      .flatMap { $0.value.split(separator: ",") }.compactMap { Int32($0) }
    let url: String = try await services.runtime.portForward(
      .with {
        $0.podSandboxID = sandbox.id
        $0.port = ports
      })
    try await relay(url, request, response)
  }

  /// Passes the request on to the runtime's server, and then the bytes of both sides.
  private func relay(_ url: String, _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    guard let place: (address: HTTPAddress, target: String, isTLS: Bool) = Self.parse(url) else {
      throw KubeletError(.runtime, "the runtime gave an address that is none: \(url)")
    }
    var headers: HTTPHeaders = HTTPHeaders()
    let dropped: Set<String> = ["host", "authorization", "content-length", "transfer-encoding", "x-forwarded-for"]
    for (name, value) in request.headers where !dropped.contains(name.lowercased()) {
      headers.add(name: name, value: value)
    }
    let answer: HTTPClientResponse = try await UpgradeClient.connect(
      to: place.address, tls: place.isTLS ? try HTTPClientTLS(verifiesServer: false) : nil,
      request: HTTPClientRequest(method: request.method, target: place.target, headers: headers))
    if let remote: RawConnection = answer.connection {
      let local: RawConnection = try await response.upgrade(headers: answer.headers, status: answer.status)
      await HTTPServing.relay(local, remote)
      return
    }
    let body: ByteBuffer = try await answer.body.collect(upTo: 1 << 20)
    var back: HTTPHeaders = HTTPHeaders()
    if let type: String = answer.headers.first(name: "content-type") { back.add(name: "content-type", value: type) }
    try await response.send(status: answer.status, headers: back, body: body)
  }

  /// The parts of `http://host:port/path?query`.
  static func parse(_ url: String) -> (address: HTTPAddress, target: String, isTLS: Bool)? {
    let isTLS: Bool = url.hasPrefix("https://")
    guard isTLS || url.hasPrefix("http://") else { return nil }
    let rest: Substring = url.dropFirst(isTLS ? 8 : 7)
    let authority: Substring = rest.prefix { $0 != "/" && $0 != "?" }
    let target: Substring = rest.dropFirst(authority.count)
    guard let colon: Substring.Index = authority.lastIndex(of: ":"), let port: Int = Int(authority[authority.index(after: colon)...])
    else { return nil }
    let host: Substring = authority[..<colon]
    let name: String = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    return (.tcp(host: name, port: port), target.hasPrefix("/") ? String(target) : "/" + target, isTLS)
  }
}

extension PodWorker {
  /// What the runtime has of the pod now, for those who ask from outside. What the worker acts on stays as it is: it
  /// may have newer news by the time that these come.
  func freshObservation() async -> PodObservation {
    var observer: PodObserver = self.observer
    return (try? await observer.observe(services.runtime)) ?? observed
  }
}
