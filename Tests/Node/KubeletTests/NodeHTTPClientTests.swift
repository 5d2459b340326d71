// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import KubeCore
import KubeMeta
import NIOCore
import NIOPosix
import NIOSSL
import PKI
import SwiftProtobuf
import Synchronization
import Testing

@testable import Kubelet

/// Answers every request with the same bytes, or says nothing, or hangs up.
private final class Canned: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Answer: Sendable {
    case bytes(String, closes: Bool)
    case nothing
    case hangUp
  }
  let answer: Answer
  let requests: Mutex<[String]> = Mutex([])
  init(_ answer: Answer) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    requests.withLock { $0.append(String(buffer: unwrapInboundIn(data))) }
    switch answer {
    case .bytes(let text, let closes):
      let sent: EventLoopFuture<Void> = context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)))
      if closes { context.close(promise: nil) }
      sent.whenFailure { _ in }
    case .nothing: break
    case .hangUp: context.close(promise: nil)
    }
  }
}

@Suite struct NodeHTTPClientTests {
  /// A certificate that nobody vouches for.
  private static func serverTLS() throws -> NIOSSLContext {
    let key: CertifiedKey = try CertificateAuthority(commonName: "nobody").issue(
      CertificateSubject(commonName: "elsewhere", usages: [.server]))
    return try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: NIOSSLCertificate.fromPEMBytes(Array(key.certificatePEM.utf8)).map { .certificate($0) },
        privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.keyPEM.utf8), format: .pem))))
  }

  private func probe(
    _ answer: Canned.Answer, tls: NIOSSLContext? = nil, timeout: Duration = .seconds(5),
    change: (inout HTTPGetAction) -> Void = { _ in }
  ) async throws -> (outcome: Prober.Outcome, port: Int, requests: [String]) {
    let canned: Canned = Canned(answer)
    let server: any Channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.addHandler(canned)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port: Int = server.localAddress?.port ?? 0
    var action: HTTPGetAction = .with {
      $0.path = "/healthz?full=1"
      $0.port.intVal = Int32(port)
    }
    change(&action)
    let outcome: Prober.Outcome = try await NodeHTTPClient().get(
      action, container: Container(), host: "127.0.0.1", timeout: timeout)
    try await server.close()
    return (outcome, port, canned.requests.withLock { $0 })
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    ("HTTP/1.1 204 No Content\r\n\r\n", false),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false),
    ("HTTP/1.0 200 OK\r\n\r\nuntil the end", true),
  ])
  func `a good status is a success`(text: String, closes: Bool) async throws {
    #expect(try await probe(.bytes(text, closes: closes)).outcome == .success)
  }

  @Test func `an encrypted server needs no known certificate`() async throws {
    let answer: Canned.Answer = .bytes("HTTP/1.1 200 OK\r\n\r\nuntil the end", closes: true)
    #expect(try await probe(answer, tls: Self.serverTLS()) { $0.scheme = "HTTPS" }.outcome == .success)
    let plain = try await probe(.bytes("HTTP/1.1 400 Bad Request\r\n\r\n", closes: true), timeout: .seconds(5)) {
      $0.scheme = "HTTPS"
    }
    guard case .failure(let message) = plain.outcome else {
      Issue.record("a server without TLS was taken for one with it")
      return
    }
    #expect(message.hasPrefix("Get \"https://127.0.0.1:\(plain.port)/healthz?full=1\": "))
  }

  @Test func `of a long text only the beginning is read`() async throws {
    let text: String = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + String(repeating: "x", count: 20 << 10)
    #expect(try await probe(.bytes(text, closes: false)).outcome == .success)
  }

  @Test func `a bad status is told`() async throws {
    let outcome: Prober.Outcome = try await probe(.bytes("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", closes: false)).outcome
    #expect(outcome == .failure("HTTP probe failed with statuscode: 503"))
  }

  @Test(arguments: ["http://elsewhere.example/", "//[::1]:8080/x", "ftp://127.0.0.1/"])
  func `a redirection to another host is a success with a warning`(location: String) async throws {
    let answer: String = "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 5\r\n\r\nthere"
    #expect(
      try await probe(.bytes(answer, closes: false)).outcome
        == .warning("Probe terminated redirects, Response body: there"))
  }

  @Test func `a redirection on the same host is followed`() async throws {
    let circle = try await probe(.bytes("HTTP/1.1 302 Found\r\nLocation: next?\r\nContent-Length: 0\r\n\r\n", closes: false))
    #expect(
      circle.outcome == .failure("Get \"http://127.0.0.1:\(circle.port)/next?\": stopped after 10 redirects"))
    #expect(circle.requests.count == 10)
    let plain = try await probe(.bytes("HTTP/1.1 304 Not Modified\r\n\r\n", closes: false))
    #expect(plain.outcome == .warning("Probe terminated redirects, Response body: "))
  }

  @Test func `a connection that does not come is a time-out in Go's words`() {
    // As the library tells of it, and as the kernel does.
    let late: ChannelError = .connectTimeout(.seconds(1))
    #expect(Prober.isTimeout(late))
    #expect(Prober.reason(late) == "i/o timeout")
    #expect(Prober.reason(IOError(errnoCode: 110, reason: "connect")) == "i/o timeout")
    #expect(Prober.reason(IOError(errnoCode: 111, reason: "connect")) == "connect: connection refused")
  }

  @Test func `references are resolved`() {
    let here: ProbeURL = ProbeURL(isEncrypted: false, host: "10.0.0.1", port: 8080, path: "/a/b?c=d")
    let resolved: [(String, String?)] = [
      ("/x?y#z", "http://10.0.0.1:8080/x?y"), ("x", "http://10.0.0.1:8080/a/x"), ("?e", "http://10.0.0.1:8080/a/b?e"),
      ("https://h", "https://h:443/"), ("https://u@[fd00::1]:99/p", "https://[fd00::1]:99/p"),
      ("//h:1?q", "http://h:1/?q"), ("HTTP://h:/", "http://h:80/"), ("http://h:0/", nil), ("http://", nil),
      ("mailto://x", nil), ("/to=http://h/", "http://10.0.0.1:8080/to=http://h/"), ("../x", "http://10.0.0.1:8080/x"), ("", nil),
    ]
    for (reference, expected) in resolved {
      #expect(here.resolve(reference)?.description == expected, "\(reference)")
    }
  }

  @Test func `what goes wrong is told in Go's words`() async throws {
    let silent = try await probe(.nothing, timeout: .milliseconds(200))
    let url: String = "http://127.0.0.1:\(silent.port)/healthz?full=1"
    #expect(
      silent.outcome
        == .failure("Get \"\(url)\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
    let closed = try await probe(.hangUp)
    #expect(closed.outcome == .failure("Get \"http://127.0.0.1:\(closed.port)/healthz?full=1\": EOF"))
    // A port that is taken, so that nobody else listens on it, and on which nobody listens.
    let taken: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(taken) }
    var address: sockaddr_in = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length: socklen_t = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        #expect(bind(taken, $0, length) == 0)
        #expect(getsockname(taken, $0, &length) == 0)
      }
    }
    let port: UInt16 = UInt16(bigEndian: address.sin_port)
    let action: HTTPGetAction = .with { $0.port.intVal = Int32(port) }
    let refused: Prober.Outcome = try await NodeHTTPClient().get(
      action, container: Container(), host: "127.0.0.1", timeout: .seconds(1))
    #expect(
      refused
        == .failure(
          "Get \"http://127.0.0.1:\(port)/\": dial tcp 127.0.0.1:\(port): connect: connection refused"))
  }

  @Test func `the request is upstream's, with the probe's headers`() async throws {
    let asked = try await probe(.hangUp) { action in
      action.httpHeaders = [
        .with { ($0.name, $0.value) = ("X-Probe", "yes") }, .with { ($0.name, $0.value) = ("Host", "example.com") },
        .with { ($0.name, $0.value) = ("Accept", "") },
      ]
    }
    let lines: Set<Substring> = Set(asked.requests.joined().split(separator: "\r\n"))
    #expect(
      lines == [
        "GET /healthz?full=1 HTTP/1.1", "Host: example.com", "User-Agent: kube-probe/1.36", "X-Probe: yes",
        "Connection: close",
      ])
  }
}
