// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOCore

/// What a session is about, as CRI's Exec, Attach and PortForward ask for it.
public enum StreamRequest: Sendable, Hashable {
  /// Run a command in a container.
  case exec(ExecStreamRequest)
  /// Join a running container's streams.
  case attach(AttachStreamRequest)
  /// Reach ports in a sandbox.
  case portForward(PortForwardStreamRequest)
}

/// Run a command in a container.
public struct ExecStreamRequest: Sendable, Hashable {
  /// The container.
  public var containerID: String
  /// The command and its arguments.
  public var command: [String]
  /// Whether it gets a terminal; then there is no separate standard error.
  public var hasTerminal: Bool
  /// Which streams the client wants.
  public var stdin: Bool, stdout: Bool, stderr: Bool

  /// Makes a request.
  public init(containerID: String, command: [String], hasTerminal: Bool, stdin: Bool, stdout: Bool, stderr: Bool) {
    self.containerID = containerID
    self.command = command
    self.hasTerminal = hasTerminal
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
  }
}

/// Join a running container's streams.
public struct AttachStreamRequest: Sendable, Hashable {
  /// The container.
  public var containerID: String
  /// Whether the container has a terminal.
  public var hasTerminal: Bool
  /// Which streams the client wants.
  public var stdin: Bool, stdout: Bool, stderr: Bool

  /// Makes a request.
  public init(containerID: String, hasTerminal: Bool, stdin: Bool, stdout: Bool, stderr: Bool) {
    self.containerID = containerID
    self.hasTerminal = hasTerminal
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
  }
}

/// Reach ports in a sandbox.
public struct PortForwardStreamRequest: Sendable, Hashable {
  /// The sandbox.
  public var sandboxID: String
  /// The ports; a SPDY client names them with its streams instead.
  public var ports: [UInt16]

  /// Makes a request.
  public init(sandboxID: String, ports: [UInt16]) {
    self.sandboxID = sandboxID
    self.ports = ports
  }
}

/// The size of a terminal, in characters.
public struct TerminalSize: Sendable, Hashable {
  /// Columns.
  public var width: UInt16
  /// Rows.
  public var height: UInt16

  /// Makes a size.
  public init(width: UInt16, height: UInt16) {
    self.width = width
    self.height = height
  }
}

/// Where a session's bytes go to the client; writing waits while the client is slow.
public struct StreamOutput: Sendable {
  let writeBytes: @Sendable (ByteBuffer) async throws -> Void

  /// Makes an output of a closure.
  public init(_ write: @escaping @Sendable (ByteBuffer) async throws -> Void) { self.writeBytes = write }

  /// Sends bytes. Throws when the client has gone.
  public func write(_ bytes: ByteBuffer) async throws { try await writeBytes(bytes) }
  /// Sends bytes. Throws when the client has gone.
  public func write(_ bytes: some Sequence<UInt8>) async throws { try await writeBytes(ByteBuffer(bytes: bytes)) }
}

/// The client's side of an exec or attach session.
public struct StreamSession: Sendable {
  /// What the client types; ends when the client closes its standard input, and when it goes. Nil where not asked for.
  public var stdin: StreamInput?
  /// Where standard output goes. Nil where not asked for.
  public var stdout: StreamOutput?
  /// Where standard error goes. Nil where not asked for, or with a terminal.
  public var stderr: StreamOutput?
  /// The sizes of the client's terminal, the first one at once; ends when the client goes.
  public var resizes: AsyncStream<TerminalSize>

  /// Makes a session.
  public init(stdin: StreamInput?, stdout: StreamOutput?, stderr: StreamOutput?, resizes: AsyncStream<TerminalSize>) {
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
    self.resizes = resizes
  }
}

/// What runs the sessions: the container runtime.
///
/// The server calls these in a task of the session, which is cancelled when the client has gone. What they throw
/// reaches the client as the session's error.
public protocol StreamBackend: Sendable {
  /// Runs the command and answers its exit code (128 + signal where one killed it).
  func exec(_ request: ExecStreamRequest, _ session: StreamSession) async throws -> Int32

  /// Joins the container's streams until it ends or the client goes.
  func attach(_ request: AttachStreamRequest, _ session: StreamSession) async throws

  /// Connects to a TCP port on the sandbox's loopback. The server takes over the connected socket's descriptor.
  func connect(_ request: PortForwardStreamRequest, port: UInt16) async throws -> CInt
}
