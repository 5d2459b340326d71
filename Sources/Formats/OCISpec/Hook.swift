// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// A program that is run at a point of a container's life (runtime-spec, config.md "POSIX-platform Hooks").
public struct Hook: Sendable, Hashable {
  /// The points, in the order in which they are reached.
  public enum Kind: String, Sendable, CaseIterable {
    /// In the runtime's namespaces, when the container's are made; the old name of `createRuntime`.
    case prestart
    /// In the runtime's namespaces, when the container's are made.
    case createRuntime
    /// In the container's namespaces, before its root is entered.
    case createContainer
    /// In the container, before its program is executed.
    case startContainer
    /// In the runtime's namespaces, after the program was executed.
    case poststart
    /// In the runtime's namespaces, after the container was deleted.
    case poststop
  }

  /// The program, an absolute path.
  public var path: String
  /// Its arguments, its name first.
  public var arguments: [String]
  /// Its whole environment, as `NAME=value`.
  public var environment: [String]
  /// After how many seconds it has failed; nil waits as long as it takes.
  public var timeoutSeconds: Int64?

  /// The hooks of one kind, in order, of the member `hooks`.
  public static func all(_ kind: Kind, in hooks: JSONValue) throws(OCISpecError) -> [Hook] {
    var found: [Hook] = []
    for item: JSONValue in hooks[kind.rawValue].items {
      let hook: Hook = Hook(
        path: item["path"].string ?? "", arguments: item["args"].items.compactMap(\.string),
        environment: item["env"].items.compactMap(\.string), timeoutSeconds: item["timeout"].int)
      guard hook.path.hasPrefix("/") else {
        throw OCISpecError(code: .invalidDocument, message: "the path of a \(kind.rawValue) hook is not absolute: \"\(hook.path)\"")
      }
      if let seconds: Int64 = hook.timeoutSeconds, seconds <= 0 {
        throw OCISpecError(code: .invalidDocument, message: "the timeout of a \(kind.rawValue) hook must be greater than zero")
      }
      found.append(hook)
    }
    return found
  }
}
