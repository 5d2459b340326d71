// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The kinds that exist: the built-in ones from the embedded descriptor set.
///
/// Custom kinds are not registered here: who serves them keeps the `KindSchema` made from the definition.
public struct SchemaRegistry: Sendable {
  /// The built-in kinds. The first use reads the embedded descriptor set (some milliseconds).
  public static let builtIn: SchemaRegistry = SchemaRegistry()

  let messages: [String: Schema]
  let kinds: [GroupVersionKind: Schema]

  init() {
    messages = [:]
    kinds = [:]
  }

  /// The schema of a built-in kind; nil where there is none.
  public func kind(_ name: GroupVersionKind) -> KindSchema? {
    kinds[name].map { KindSchema(name, $0, isBuiltIn: true) }
  }

  /// The schema of a built-in kind; nil where there is none.
  public func kind(_ group: String, _ version: String, _ kind: String) -> KindSchema? {
    self.kind(GroupVersionKind(group, version, kind))
  }

  /// The schema of a message by its full name, such as `k8s.io.api.core.v1.PodSpec`.
  public func message(_ name: String) -> Schema? { messages[name] }

  /// Every built-in kind, sorted by name.
  public var allKinds: [GroupVersionKind] { kinds.keys.sorted { $0.description < $1.description } }
}
