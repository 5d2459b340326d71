// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What `apus-init` tells the shim on its socket (descriptor 3) while it sets a container up.
///
/// The socket closes at exec. A close without `.executing` before it means that init died.
public enum InitMessage: Sendable, Hashable {
  /// A new user namespace was made: write its maps, then answer with one byte.
  case needsUserMaps
  /// Init goes on as another process, in a PID namespace of its user namespace: answer with one byte.
  case moved(pid: Int32)
  /// Namespaces and mounts are made: answer with the container's state once the hooks of the runtime have run.
  case mounted
  /// Only the program is missing: it is executed when somebody connects to `startDescriptor` and says the state.
  case created
  /// The terminal's master comes with this message.
  case terminal
  /// Something that was asked for cannot be had here and was left out.
  case warning(String)
  /// The program is about to be executed.
  case executing
  /// The set-up failed.
  case failure(String)

  /// The descriptor on which init finds the socket.
  public static let socketDescriptor: Int32 = 3
  /// The descriptor on which init finds its configuration.
  public static let configurationDescriptor: Int32 = 4
  /// The descriptor on which init, where it awaits a start, finds the listening socket.
  public static let startDescriptor: Int32 = 5
  /// The first of the descriptors that are for the program.
  public static let firstPreservedDescriptor: Int32 = 10

  /// Reads a packet; nil where it is none of ours.
  public init?(_ bytes: [UInt8]) {
    guard let json: JSONValue = try? JSONValue(parsing: bytes), let kind: String = json["kind"].string else {
      return nil
    }
    switch kind {
    case "needsUserMaps": self = .needsUserMaps
    case "moved": self = .moved(pid: Int32(clamping: json["pid"].int ?? 0))
    case "mounted": self = .mounted
    case "created": self = .created
    case "terminal": self = .terminal
    case "warning": self = .warning(json["text"].string ?? "")
    case "executing": self = .executing
    case "failure": self = .failure(json["text"].string ?? "")
    default: return nil
    }
  }

  /// The packet.
  public var bytes: [UInt8] {
    let json: JSONValue
    switch self {
    case .needsUserMaps: json = ["kind": "needsUserMaps"]
    case .moved(let pid): json = ["kind": "moved", "pid": JSONValue(pid)]
    case .mounted: json = ["kind": "mounted"]
    case .created: json = ["kind": "created"]
    case .terminal: json = ["kind": "terminal"]
    case .warning(let text): json = ["kind": "warning", "text": .string(text)]
    case .executing: json = ["kind": "executing"]
    case .failure(let text): json = ["kind": "failure", "text": .string(text)]
    }
    return json.bytes
  }
}
