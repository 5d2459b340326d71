// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The kinds that exist: the built-in ones from the embedded descriptor set.
///
/// Custom kinds are not registered here: who serves them keeps the `KindSchema` made from the definition.
public struct SchemaRegistry: Sendable {
  /// The built-in kinds. The first use reads the embedded descriptor set (some milliseconds).
  public static let builtIn: SchemaRegistry = {
    do {
      return try SchemaRegistry(base64: kubernetesDescriptorSet)
    } catch {
      // The set is part of the program; InterfaceTests read it.
      preconditionFailure("the embedded descriptor set cannot be read: \(error)")
    }
  }()

  let messages: [String: Schema]
  let kinds: [GroupVersionKind: Schema]

  init(base64: StaticString) throws(APISchemaError) {
    let text: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(start: base64.utf8Start, count: base64.utf8CodeUnitCount)
    guard case .success(let bytes) = Base64.decode(text) else {
      throw APISchemaError(.malformedDescriptor, "the descriptor set is not base64")
    }
    let result: Result<SchemaBuilder, APISchemaError> = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(APISchemaError) in try SchemaBuilder(DescriptorSet(buffer)) }
    }
    let builder: SchemaBuilder = try result.get()
    messages = builder.messages
    kinds = builder.kinds
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

  /// A message under the name of a kind, for kinds that every group-version has, such as `Status`.
  public func kind(_ name: GroupVersionKind, message: String) -> KindSchema? {
    messages[message].map { KindSchema(name, $0, isBuiltIn: true) }
  }

  /// Every built-in kind, sorted by name.
  public var allKinds: [GroupVersionKind] { kinds.keys.sorted { $0.description < $1.description } }
}
