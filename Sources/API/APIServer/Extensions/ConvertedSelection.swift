// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues
import Synchronization

/// Field selectors on custom resources whose versions a webhook makes: a version's fields are not those that are
/// stored, so that objects are selected after they were converted.
final class ConvertedSelection: Sendable {
  private let resource: ServedResource
  private let fields: FieldSelector
  private let selectable: Set<String>
  /// What the watcher has been told of, or had before.
  private let seen: Mutex<Set<String>> = Mutex([])

  /// nil where what is stored tells enough.
  init?(_ resource: ServedResource, _ fields: FieldSelector) {
    guard let custom: CustomResource = resource.custom,
      let conversion: CustomConversion = resource.conversion as? CustomConversion, conversion.isByWebhook,
      fields.requirements.contains(where: { !$0.field.hasPrefix("metadata.") })
    else { return nil }
    self.resource = resource
    self.fields = fields
    selectable = Set(custom.selectableFields(of: resource.kind.version))
  }

  private func matches(_ object: CachedObject) async throws -> Bool {
    let tree: JSONValue = try JSONValue(parsing: try await resource.served(object))
    return fields.matches { field in
      switch field {
      case "metadata.name": object.name
      case "metadata.namespace": object.namespace
      default: Self.text(tree, field)
      }
    }
  }

  /// The value of a field as selectors compare it.
  private static func text(_ tree: JSONValue, _ field: String) -> String {
    let value: JSONValue = field.split(separator: ".").reduce(tree) { $0[String($1)] }
    return value.isNull ? "" : value.string ?? value.text
  }

  func filter(_ objects: [CachedObject]) async throws -> [CachedObject] {
    try await resource.prepare(objects)
    var result: [CachedObject] = []
    for object: CachedObject in objects where try await matches(object) { result.append(object) }
    return result
  }

  /// Remembers what a watcher has that begins after a revision.
  func begin(_ present: [CachedObject]) async throws {
    let keys: [String] = try await filter(present).map(\.key)
    seen.withLock { $0 = Set(keys) }
  }

  /// What a watcher is told of a change; nil where it does not concern it.
  func event(_ event: WatchEvent) async throws -> WatchEvent? {
    guard let object: CachedObject = event.object else { return event }
    if case .deleted = event { return seen.withLock({ $0.remove(object.key) }) == nil ? nil : event }
    guard try await matches(object) else {
      return seen.withLock({ $0.remove(object.key) }) == nil ? nil : .deleted(object)
    }
    return seen.withLock({ $0.insert(object.key).inserted }) ? .added(object) : .modified(object)
  }
}
