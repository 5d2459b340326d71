// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import KubeCore
import KubeMeta
import NIOCore
import NIOPosix

/// Carries a probe out, once.
struct Prober: Sendable {
  /// What came of it.
  enum Outcome: Sendable, Equatable {
    case success
    /// It went well, with something to tell.
    case warning(String)
    case failure(String)
    /// The probe itself could not be carried out: that says nothing about the container.
    case unknown(String)
  }

  /// Upstream cuts what it shows of an answer.
  private static let bodyBytesMax: Int = 10 << 10
  /// How often in a row a probe is tried that cannot be carried out.
  private static let triesMax: Int = 3

  let runtime: any RuntimeService
  let http: NodeHTTPClient

  /// Probes.
  func probe(_ loop: ProbeLoop) async -> Outcome {
    var tries: Int = 1
    while true {
      let outcome: Outcome = await probeOnce(loop)
      guard case .unknown = outcome, tries < Self.triesMax, !Task.isCancelled else { return outcome }
      tries += 1
    }
  }

  private func probeOnce(_ loop: ProbeLoop) async -> Outcome {
    let handler: ProbeHandler = loop.probe.handler
    let host: String = loop.podIP ?? "127.0.0.1"
    if handler.hasExec { return await exec(loop) }
    if handler.hasHTTPGet {
      return await http.get(handler.httpGet, container: loop.container, host: host, timeout: loop.timeout)
    }
    if handler.hasTcpSocket {
      guard let port: Int = Self.port(handler.tcpSocket.port, loop.container) else { return .unknown("unknown port") }
      return await Self.connect(handler.tcpSocket.host.isEmpty ? host : handler.tcpSocket.host, port, loop.timeout)
    }
    if handler.hasGrpc {
      return await GRPCHealth.check(host: host, port: Int(handler.grpc.port), service: handler.grpc.service, timeout: loop.timeout)
    }
    return .unknown("missing probe handler")
  }

  private func exec(_ loop: ProbeLoop) async -> Outcome {
    // Of the environment only what the specification says literally can be named.
    let literal: [String: String] = Dictionary(
      loop.container.env.filter { !$0.hasValueFrom }.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    let command: [String] = loop.probe.handler.exec.command.map { Expansion.expand($0) { literal[$0] } }
    do {
      let answer: CRIExecSyncResponse = try await runtime.execSync(loop.target.id, command: command, timeout: loop.timeout)
      if answer.exitCode == 0 { return .success }
      let output: String = String(decoding: answer.stdout + answer.stderr, as: UTF8.self)
      return .failure(String(output.prefix(Self.bodyBytesMax)))
    } catch {
      guard (error as? KubeletError)?.code == .timedOut else { return .unknown("\(error)") }
      return .failure(
        "command timed out: \"\(command.joined(separator: " "))\" timed out after \(loop.timeout.components.seconds)s")
    }
  }

  /// The number of a port that may be given by its name.
  static func port(_ value: IntOrString, _ container: Container) -> Int? {
    if value.type == 0 { return Int(value.intVal) }
    if let number: Int = Int(value.strVal) { return number }
    return container.ports.first { $0.name == value.strVal }.map { Int($0.containerPort) }
  }

  private static func connect(_ host: String, _ port: Int, _ timeout: Duration) async -> Outcome {
    do {
      let channel: any Channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connectTimeout(TimeAmount(timeout)).connect(toHost: host, port: port).get()
      channel.close(promise: nil)
      return .success
    } catch {
      return .failure("dial tcp \(host):\(port): \(Self.reason(error))")
    }
  }

  /// A connection's failure in Go's words, which users know.
  static func reason(_ error: any Error) -> String {
    if isTimeout(error) { return "i/o timeout" }
    let text: String = "\(error)"
    if text.contains("refused") { return "connect: connection refused" }
    return text
  }

  /// Whether there was no connection in time.
  static func isTimeout(_ error: any Error) -> Bool {
    if case .connectTimeout = error as? ChannelError { return true }
    let text: String = "\(error)"
    return text.contains("timed out") || text.contains("imeout")
  }
}

/// The standard health service of gRPC servers.
enum GRPCHealth {
  private struct RequestSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ service: String) throws -> Bytes {
      let text: [UInt8] = Array(service.utf8.prefix(127))
      return Bytes(service.isEmpty ? [] : [0x0A, UInt8(text.count)] + text)
    }
  }
  /// Reads field 1 of the answer: 1 is SERVING.
  private struct AnswerDeserializer: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Int {
      bytes.withUnsafeBytes { $0.count >= 2 && $0[0] == 0x08 ? Int($0[1]) : 0 }
    }
  }

  static func check(host: String, port: Int, service: String, timeout: Duration) async -> Prober.Outcome {
    do {
      let transport: HTTP2ClientTransport.Posix = try HTTP2ClientTransport.Posix(
        target: host.contains(":") ? .ipv6(address: host, port: port) : .ipv4(address: host, port: port),
        transportSecurity: .plaintext)
      let status: Int = try await withGRPCClient(transport: transport) { client in
        var options: CallOptions = .defaults
        options.timeout = timeout
        return try await client.unary(
          request: ClientRequest(message: service),
          descriptor: MethodDescriptor(fullyQualifiedService: "grpc.health.v1.Health", method: "Check"),
          serializer: RequestSerializer(), deserializer: AnswerDeserializer(), options: options
        ) { try $0.message }
      }
      return status == 1 ? .success : .failure("service unhealthy (responded with \"NOT_SERVING\")")
    } catch {
      return .failure("error: health rpc probe failed: \(error)")
    }
  }
}

extension ClientBootstrap {
  /// Connects to an address at once; to a name, once it is resolved.
  func connect(toHost host: String, port: Int) -> EventLoopFuture<any Channel> {
    guard let address: NIOCore.SocketAddress = try? NIOCore.SocketAddress(ipAddress: host, port: port) else {
      return connect(host: host, port: port)
    }
    return connect(to: address)
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    self = .nanoseconds(duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
  }
}
