// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import JSON

/// How an exec or attach session ended, and what the client is told on the error stream.
enum SessionOutcome: Sendable {
  /// All went well.
  case success
  /// The command ended with a code that is not zero.
  case exited(code: Int32, command: [String])
  /// The session failed; the text says what and why.
  case failed(String)

  /// The outcome as metav1.Status, with upstream's words: clients take the exit code from `details.causes`.
  var status: JSONValue {
    switch self {
    case .success: return ["metadata": [:], "status": "Success"]
    case .exited(let code, _):
      return [
        "metadata": [:], "status": "Failure", "message": .string(text), "reason": "NonZeroExitCode",
        "details": ["causes": [["reason": "ExitCode", "message": .string(String(code))]]],
      ]
    case .failed(let reason):
      return [
        "metadata": [:], "status": "Failure", "message": .string("Internal error occurred: \(reason)"),
        "reason": "InternalError", "details": ["causes": [["message": .string(reason)]]], "code": 500,
      ]
    }
  }

  /// The outcome for clients that want plain text.
  private var text: String {
    switch self {
    case .success: ""
    case .exited(let code, let command):
      "command terminated with non-zero exit code: error executing command [\(command.joined(separator: " "))], exit code \(code)"
    case .failed(let reason): reason
    }
  }

  /// What goes onto the error stream; nothing, where an old client learns of success by the end.
  func bytes(asStatus: Bool) -> [UInt8]? {
    if asStatus { return status.bytes }
    if case .success = self { return nil }
    return Array(text.utf8)
  }
}

extension StreamRequest {
  /// Runs the session and never throws: what went wrong is an outcome.
  func run(_ backend: any StreamBackend, _ session: StreamSession) async -> SessionOutcome {
    do {
      switch self {
      case .exec(let request):
        let code: Int32 = try await backend.exec(request, session)
        return code == 0 ? .success : .exited(code: code, command: request.command)
      case .attach(let request):
        try await backend.attach(request, session)
        return .success
      case .portForward: return .failed("port-forward is no command")
      }
    } catch {
      if case .attach = self { return .failed("error attaching to container: \(error)") }
      return .failed("error executing command in container: \(error)")
    }
  }

  /// Which streams the client gets, and whether there is a terminal.
  var streams: (stdin: Bool, stdout: Bool, stderr: Bool, hasTerminal: Bool) {
    switch self {
    case .exec(let request):
      (request.stdin, request.stdout, request.stderr && !request.hasTerminal, request.hasTerminal)
    case .attach(let request):
      (request.stdin, request.stdout, request.stderr && !request.hasTerminal, request.hasTerminal)
    case .portForward: (false, false, false, false)
    }
  }
}

/// The sizes that a client sends, one JSON object after the other, in pieces of any length.
struct ResizeDecoder {
  /// A size has some thirty bytes.
  private static let bytesMax: Int = 1024
  private var buffer: [UInt8] = []

  mutating func decode(_ bytes: some Sequence<UInt8>) -> [TerminalSize] {
    buffer += bytes
    var sizes: [TerminalSize] = []
    while let end: Int = buffer.firstIndex(of: UInt8(ascii: "}")) {
      // What is no size is passed over: a wrong one must not end the session.
      if let json: JSONValue = try? JSONValue(parsing: Array(buffer[...end])),
        let width: Int64 = Self.member(json, "width"),
        let height: Int64 = Self.member(json, "height")
      {
        sizes.append(TerminalSize(width: UInt16(clamping: width), height: UInt16(clamping: height)))
      }
      buffer.removeFirst(end + 1)
    }
    if buffer.count > Self.bytesMax { buffer = [] }
    return sizes
  }

  /// Upstream reads the names in any case.
  private static func member(_ json: JSONValue, _ name: String) -> Int64? {
    json.object?.first { $0.key.lowercased() == name }?.value.int
  }
}
