// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// What travels between the runtime and a pod's shim: JSON, one value a packet (SOCK_SEQPACKET), with descriptors.
///
/// The runtime sends requests; the shim answers each with the same `id`, and tells events to every connection.
/// A packet has at most `packetBytesMax` bytes: what is larger travels in a file.
public enum ShimMessage: Sendable, Hashable {
  /// From the runtime: do something.
  case request(id: Int64, method: String, parameters: JSONValue)
  /// From the shim: it is done.
  case response(id: Int64, result: JSONValue)
  /// From the shim: it could not be done.
  case failure(id: Int64, message: String)
  /// From the shim: something happened.
  case event(name: String, content: JSONValue)

  /// The largest packet: well below the default buffer of a Unix socket (208 KiB).
  public static let packetBytesMax: Int = 128 << 10

  /// Reads a packet; nil where it is none of ours.
  public init?(_ bytes: [UInt8]) {
    guard let json: JSONValue = try? JSONValue(parsing: bytes) else { return nil }
    if let name: String = json["event"].string {
      self = .event(name: name, content: json["content"])
    } else if let id: Int64 = json["id"].int {
      if let method: String = json["method"].string {
        self = .request(id: id, method: method, parameters: json["parameters"])
      } else if let message: String = json["error"].string {
        self = .failure(id: id, message: message)
      } else {
        self = .response(id: id, result: json["result"])
      }
    } else {
      return nil
    }
  }

  /// The packet.
  public var bytes: [UInt8] {
    let json: JSONValue
    switch self {
    case .request(let id, let method, let parameters):
      json = ["id": .int(id), "method": .string(method), "parameters": parameters]
    case .response(let id, let result): json = ["id": .int(id), "result": result]
    case .failure(let id, let message): json = ["id": .int(id), "error": .string(message)]
    case .event(let name, let content): json = ["event": .string(name), "content": content]
    }
    return json.bytes
  }
}

/// The names of requests and events.
public enum ShimMethod {
  /// Who are you, and what runs? -> `ShimState`
  public static let state = "state"
  /// Run a container's process: `StartContainer` -> `{"pid": n}`
  public static let start = "start"
  /// Run a further process: `ExecProcess`; descriptors: its standard streams -> `{"pid": n}`, with the terminal's master
  public static let exec = "exec"
  /// Join a container's streams: `{"id", "stdin", "stdout", "stderr"}`; descriptors in this order -> `{}`
  public static let attach = "attach"
  /// Signal a process: `{"id", "exec", "signal", "all"}` -> `{}`
  public static let signal = "signal"
  /// Size of a terminal: `{"id", "columns", "rows"}` -> `{}`
  public static let resize = "resize"
  /// The log file was moved: open it again: `{"id"}` -> `{}`
  public static let reopenLog = "reopenLog"
  /// Forget a container that has ended: `{"id"}` -> `{}`
  public static let forget = "forget"
  /// End the pause process and then the shim: `{}` -> `{}`
  public static let shutdown = "shutdown"
  /// A process has ended: `ProcessExit`
  public static let exited = "exited"
  /// An executed process has ended: `{"exec", "exitCode", "timedOut"}`
  public static let execExited = "execExited"
}

/// How a process ended; also the content of `exit.json` in the container's bundle.
public struct ProcessExit: Sendable, Hashable {
  /// The container, or the sandbox for its pause process.
  public var id: String
  /// The exit code, or 128 and the signal.
  public var exitCode: Int32
  /// When, in nanoseconds since 1970.
  public var finishedAt: Int64
  /// Whether the kernel killed something in its group for want of memory.
  public var isOutOfMemory: Bool

  /// Describes an end.
  public init(id: String, exitCode: Int32, finishedAt: Int64, isOutOfMemory: Bool) {
    self.id = id
    self.exitCode = exitCode
    self.finishedAt = finishedAt
    self.isOutOfMemory = isOutOfMemory
  }

  /// Reads one; nil where it is none.
  public init?(_ json: JSONValue) {
    guard let id: String = json["id"].string, let code: Int64 = json["exitCode"].int,
      let time: Int64 = json["finishedAt"].int
    else { return nil }
    self.init(
      id: id, exitCode: Int32(clamping: code), finishedAt: time, isOutOfMemory: json["outOfMemory"].bool ?? false)
  }

  /// As JSON.
  public var json: JSONValue {
    [
      "id": .string(id), "exitCode": JSONValue(exitCode), "finishedAt": .int(finishedAt),
      "outOfMemory": .bool(isOutOfMemory),
    ]
  }
}
