// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPServing
import Logging
import NIOCore
import NIOHTTP1
import StreamServing
import Synchronization
import Testing

/// As much of an API server as kubectl needs to reach one pod: it asks the stream server for a URL and relays bytes.
private struct PodAPI: HTTPHandler {
  let server: StreamServer
  let port: Int

  private static let pod: String = """
    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"pod","namespace":"default","uid":"1"},"spec":{"containers":[\
    {"name":"c","image":"i","stdin":true,"tty":false}]},"status":{"phase":"Running","podIP":"127.0.0.1",\
    "containerStatuses":[{"name":"c","ready":true,"state":{"running":{}}}]}}
    """
  private static let resources: String = """
    {"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod",\
    "namespaced":true,"kind":"Pod","verbs":["get","list"]}]}
    """

  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    switch request.path {
    case "/api": try await json(response, #"{"kind":"APIVersions","versions":["v1"]}"#)
    case "/apis": try await json(response, #"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#)
    case "/api/v1": try await json(response, Self.resources)
    case "/api/v1/namespaces/default/pods/pod": try await json(response, Self.pod)
    default: try await stream(request, response)
    }
  }

  private func json(_ response: HTTPResponseWriter, _ text: String) async throws {
    try await response.send(status: .ok, headers: ["Content-Type": "application/json"], body: Array(text.utf8))
  }

  private func stream(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    func flag(_ name: String) -> Bool { ["1", "true"].contains(request.query(name)) }
    let session: StreamRequest
    switch request.path.split(separator: "/").last {
    case "exec":
      session = .exec(
        ExecStreamRequest(
          containerID: "container", command: request.queryItems.filter { $0.name == "command" }.map(\.value),
          hasTerminal: flag("tty"), stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr")))
    case "attach":
      session = .attach(
        AttachStreamRequest(
          containerID: "container", hasTerminal: flag("tty"), stdin: flag("stdin"), stdout: flag("stdout"),
          stderr: flag("stderr")))
    case "portforward":
      let ports: [UInt16] = request.queryItems.filter { $0.name == "ports" }.flatMap {
        $0.value.split(separator: ",").compactMap { UInt16($0) }
      }
      session = .portForward(PortForwardStreamRequest(sandboxID: "sandbox", ports: ports))
    default: return try await response.send(status: .notFound, body: Array("\(request.path)".utf8))
    }
    let url: URL = try #require(URL(string: try await server.url(for: session)))
    let answer: HTTPClientResponse = try await UpgradeClient.connect(
      to: .tcp(host: "127.0.0.1", port: url.port ?? 0),
      request: HTTPClientRequest(method: request.method, target: url.path, headers: request.headers))
    guard let far: RawConnection = answer.connection else {
      return try await response.send(
        status: answer.status, headers: answer.headers, body: try await answer.body.collect(upTo: 1 << 20))
    }
    let near: RawConnection = try await response.upgrade(headers: answer.headers)
    await relay(near, far)
  }
}

/// Where kubectl is; nil where the machine has none.
private let kubectlProgram: String? = {
  let path: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
  let places: [String] = path.split(separator: ":").map { "\($0)/kubectl" }
  let named: [String] = ProcessInfo.processInfo.environment["KUBECTL"].map { [$0] } ?? []
  return (named + places).first { FileManager.default.isExecutableFile(atPath: $0) }
}()

private struct Outcome: Sendable {
  var status: Int32
  var output: String
  var errors: String
}

/// Runs a program to its end without holding up a thread of the cooperative pool.
private func run(
  _ program: String, _ arguments: [String], input: Data = Data(), environment: [String: String] = [:]
) async throws -> Outcome {
  let process: Process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let (stdin, stdout, stderr): (Pipe, Pipe, Pipe) = (Pipe(), Pipe(), Pipe())
  process.standardInput = stdin
  process.standardOutput = stdout
  process.standardError = stderr
  try process.run()
  return await withCheckedContinuation { continuation in
    DispatchQueue.global().async {
      DispatchQueue.global().async {
        // A program that ends early says why on its own.
        try? stdin.fileHandleForWriting.write(contentsOf: input)
        try? stdin.fileHandleForWriting.close()
      }
      let output: Data = stdout.fileHandleForReading.readDataToEndOfFile()
      let errors: Data = stderr.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      continuation.resume(
        returning: Outcome(
          status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
          errors: String(decoding: errors, as: UTF8.self)))
    }
  }
}

/// Serves the API on a port of its own while `body` runs.
private func withAPI(
  _ body: @escaping @Sendable (_ port: Int, _ backend: ProcessBackend) async throws -> Void
) async throws {
  let logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let backend: ProcessBackend = ProcessBackend()
  let server: StreamServer = StreamServer(configuration: StreamServerConfiguration(), backend: backend, logger: logger)
  let (ports, listening): (AsyncStream<Int>, AsyncStream<Int>.Continuation) = AsyncStream.makeStream()
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run() }
    group.addTask {
      let api: HTTPServer = HTTPServer(
        configuration: HTTPServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
        handler: PodAPI(server: server, port: 0),
        logger: logger)
      try await api.run { if case .tcp(_, let port) = $0 { listening.yield(port) } }
    }
    var iterator: AsyncStream<Int>.AsyncIterator = ports.makeAsyncIterator()
    let port: Int = try #require(await iterator.next())
    do {
      try await body(port, backend)
    } catch {
      group.cancelAll()
      throw error
    }
    group.cancelAll()
  }
}

@Suite(.enabled(if: kubectlProgram != nil, "needs kubectl in PATH or KUBECTL"), .serialized)
struct StreamServingTests {
  /// What makes kubectl speak the one or the other.
  static let transports: [[String: String]] = [
    ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true"],
    ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"],
  ]

  private func kubectl(
    _ port: Int, _ arguments: [String], input: Data = Data(), _ transport: [String: String]
  ) async throws -> Outcome {
    try await run(
      try #require(StreamServingTests.program),
      ["--server", "http://127.0.0.1:\(port)", "--kubeconfig", "/dev/null"] + arguments,
      input: input, environment: transport)
  }

  private static let program: String? = kubectlProgram

  @Test(.timeLimit(.minutes(1)), arguments: transports)
  func `kubectl exec gets output, errors and the exit code`(_ transport: [String: String]) async throws {
    try await withAPI { port, _ in
      let done: Outcome = try await kubectl(
        port, ["exec", "pod", "--", "sh", "-c", "echo out; echo err >&2; exit 3"], transport)
      #expect(done.output == "out\n")
      #expect(done.errors.contains("err\n") && done.errors.contains("exit code 3"))
      #expect(done.status == 3)
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: transports)
  func `megabytes go in and come back, and the end of input is seen`(_ transport: [String: String]) async throws {
    let data: Data = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: 32 + $0 % 90) })
    try await withAPI { port, _ in
      let done: Outcome = try await kubectl(port, ["exec", "-i", "pod", "--", "cat"], input: data, transport)
      #expect(done.status == 0 && done.output == String(decoding: data, as: UTF8.self))
      let attached: Outcome = try await kubectl(port, ["attach", "-i", "pod"], input: Data("hello\n".utf8), transport)
      #expect(attached.output.contains("hello"))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: transports)
  func `kubectl cp copies both ways`(_ transport: [String: String]) async throws {
    let directory: URL = FileManager.default.temporaryDirectory.appendingPathComponent("apus-cp-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data("copied".utf8).write(to: directory.appendingPathComponent("a"))
    try await withAPI { port, _ in
      let there: Outcome = try await kubectl(port, ["cp", "\(directory.path)/a", "pod:\(directory.path)/b"], transport)
      #expect(there.status == 0, "\(there.errors)")
      let back: Outcome = try await kubectl(port, ["cp", "pod:\(directory.path)/b", "\(directory.path)/c"], transport)
      #expect(back.status == 0, "\(back.errors)")
      #expect(try Data(contentsOf: directory.appendingPathComponent("c")) == Data("copied".utf8))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: transports)
  func `a terminal has the client's size`(_ transport: [String: String]) async throws {
    try await withAPI { port, backend in
      let program: String = try #require(StreamServingTests.program)
      let line: String =
        "stty cols 77 rows 33; \(program) --server http://127.0.0.1:\(port) --kubeconfig /dev/null exec -it pod -- sh -c 'tty; echo done'"
      let done: Outcome = try await run("/usr/bin/script", ["-qfec", line, "/dev/null"], environment: transport)
      #expect(done.output.contains("/dev/pts/") && done.output.contains("done"), "\(done)")
      #expect(backend.sizes.withLock { $0.first } == TerminalSize(width: 77, height: 33))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: transports)
  func `kubectl port-forward carries many connections, and a refused one is told`(
    _ transport: [String: String]
  ) async throws {
    try await withAPI { port, _ in
      let program: String = try #require(StreamServingTests.program)
      let script: String = """
        python3 -u -m http.server --bind 127.0.0.1 --directory /etc 0 >/tmp/http-$$ 2>&1 & web=$!
        while ! grep -q port /tmp/http-$$; do sleep 0.05; done
        to=$(sed 's/.*port \\([0-9]*\\).*/\\1/' /tmp/http-$$ | head -n 1)
        : >/tmp/forward-$$
        \(program) --server http://127.0.0.1:\(port) --kubeconfig /dev/null port-forward pod :$to :1 >/tmp/forward-$$ 2>&1 & forward=$!
        while [ "$(grep -c 127.0.0.1 /tmp/forward-$$)" -lt 2 ]; do sleep 0.05; done
        from=$(sed -n "s/.*127.0.0.1:\\([0-9]*\\) -> $to/\\1/p" /tmp/forward-$$)
        dead=$(sed -n "s/.*127.0.0.1:\\([0-9]*\\) -> 1$/\\1/p" /tmp/forward-$$)
        for i in 1 2 3 4 5 6 7 8; do curl -s http://127.0.0.1:$from/passwd | cmp - /etc/passwd && echo same & pids="$pids $!"; done
        wait $pids
        curl -s -m 3 http://127.0.0.1:$dead/ || echo refused
        cat /tmp/forward-$$
        kill -9 $web $forward; rm -f /tmp/http-$$ /tmp/forward-$$
        """
      let done: Outcome = try await run("/bin/bash", ["-c", script], environment: transport)
      #expect(done.output.components(separatedBy: "same\n").count == 9, "\(done)")
      #expect(done.output.contains("refused") && done.output.contains("Connection refused"), "\(done)")
    }
  }

  @Test(.timeLimit(.minutes(1))) func `a URL is good for one session`() async throws {
    try await withAPI { port, _ in
      let answer: Outcome = try await run(
        "/usr/bin/env",
        [
          "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
          "http://127.0.0.1:\(port)/api/v1/namespaces/default/pods/pod/exec?command=true",
        ])
      #expect(answer.output == "400")
    }
  }

  /// A Python with the `websocket` module, named by APUS_PYTHON.
  private static let python: String? = ProcessInfo.processInfo.environment["APUS_PYTHON"]

  private static let client: String = """
    import base64, json, socket, sys, threading, websocket
    base = "ws://127.0.0.1:%s/api/v1/namespaces/default/pods/pod/" % sys.argv[1]
    def talk(protocol, encode, decode):
        ws = websocket.create_connection(base + "exec?command=sh&command=-c&command=cat;exit%204&stdin=1&stdout=1&stderr=1",
            subprotocols=[protocol])
        seen = {}
        ws.send(encode(0, b"hello"), opcode=2 if protocol[0] == "v" and "base64" not in protocol else 1)
        while True:
            try: code, data = ws.recv_data()
            except websocket.WebSocketConnectionClosedException: break
            if code == 8: break
            channel, text = decode(data)
            seen[channel] = seen.get(channel, b"") + text
            if seen.get(1) == b"hello": ws.close(); break
        return seen.get(1)
    plain = lambda c, d: bytes([c]) + d, lambda m: (m[0], m[1:])
    coded = lambda c, d: b"%d" % c + base64.b64encode(d), lambda m: (m[0] - 48, base64.b64decode(m[1:]))
    for name, codec in (("v4.channel.k8s.io", plain), ("v5.channel.k8s.io", plain), ("base64.channel.k8s.io", coded), ("v4.base64.channel.k8s.io", coded)):
        print(name, talk(name, *codec))
    ws = websocket.create_connection(base + "exec?command=false&stdout=1", subprotocols=["v4.channel.k8s.io"])
    while True:
        code, data = ws.recv_data()
        if code == 8: break
        if data[:1] == b"\\x03": print(json.loads(data[1:])["details"]["causes"][0])
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    def echo():
        near, _ = server.accept()
        near.sendall(near.recv(100).upper())
        near.close()
    threading.Thread(target=echo, daemon=True).start()
    ws = websocket.create_connection(base + "portforward?ports=%d" % port, subprotocols=["v4.channel.k8s.io"])
    assert sorted(ws.recv_data()[1] for _ in "ab") == [bytes([c, port & 255, port >> 8]) for c in (0, 1)]
    ws.send(b"\\x00ping", opcode=2)
    print(ws.recv_data()[1])
    """

  @Test(.timeLimit(.minutes(1)), .enabled(if: python != nil, "needs APUS_PYTHON with the websocket module"))
  func `other clients speak every channel protocol`() async throws {
    try await withAPI { port, _ in
      let done: Outcome = try await run(try #require(Self.python), ["-c", Self.client, String(port)])
      #expect(
        done.output == """
          v4.channel.k8s.io b'hello'
          v5.channel.k8s.io b'hello'
          base64.channel.k8s.io b'hello'
          v4.base64.channel.k8s.io b'hello'
          {'reason': 'ExitCode', 'message': '1'}
          b'\\x00PING'

          """, "\(done.errors)")
    }
  }
}
