// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON
import Synchronization
import Testing

/// Asks a kind's rules about an object, as the server does.
enum RuleTable {
  /// The resource of a kind, by its group.
  static func resource(_ group: String, _ plural: String) throws -> ResourceDefinition {
    try #require(
      ResourceCatalog.builtIn.resources.first { $0.identifier.group == group && $0.identifier.resource == plural })
  }

  private static func prepared(_ text: String, _ context: StrategyContext) throws -> JSONValue {
    let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: context.resource)
    var object: JSONValue = try JSONValue(parsing: text)
    if object["metadata"]["name"].isNull { object["metadata"]["name"] = "x" }
    if context.resource.isNamespaced { object["metadata"]["namespace"] = "default" }
    object["metadata"]["uid"] = "u"
    strategy.applyDefaults(&object, context)
    return object
  }

  /// The errors of a new object.
  static func create(_ group: String, _ plural: String, _ text: String) throws -> [String] {
    let context: StrategyContext = StrategyContext(
      resource: try resource(group, plural), now: "2026-01-01T00:00:00Z")
    var object: JSONValue = try prepared(text, context)
    let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: context.resource)
    strategy.prepareForCreate(&object, context)
    return strategy.validate(object, context).map(\.description)
  }

  /// The warnings about a new object.
  static func warnings(_ group: String, _ plural: String, _ text: String) throws -> [String] {
    var context: StrategyContext = StrategyContext(
      resource: try resource(group, plural), now: "2026-01-01T00:00:00Z")
    let told: Mutex<[String]> = Mutex([])
    context.warn = { warning in told.withLock { $0.append(warning) } }
    var object: JSONValue = try prepared(text, context)
    let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: context.resource)
    strategy.prepareForCreate(&object, context)
    return told.withLock { $0 } + strategy.warnings(object, old: nil, context)
  }

  /// The errors of a change, each once.
  static func update(
    _ group: String, _ plural: String, _ text: String, from old: String, subresource: String? = nil
  ) throws -> [String] {
    let context: StrategyContext = StrategyContext(
      resource: try resource(group, plural), subresource: subresource, now: "2026-01-01T00:00:00Z")
    let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: context.resource)
    var before: JSONValue = try prepared(old, context)
    let status: JSONValue = before["status"]
    strategy.prepareForCreate(&before, context)
    before["status"] = status
    var object: JSONValue = try prepared(text, context)
    object["metadata"]["resourceVersion"] = "1"
    if plural == "jobs" {
      for key: String in ["selector", "template"] {
        if object["spec"][key].isNull { object["spec"][key] = before["spec"][key] }
      }
    }
    strategy.prepareForUpdate(&object, old: before, context)
    object["metadata"]["generation"] = before["metadata"]["generation"]
    var seen: Set<String> = []
    return strategy.validateUpdate(object, old: before, context).map(\.description).filter {
      seen.insert($0).inserted
    }
  }
}
