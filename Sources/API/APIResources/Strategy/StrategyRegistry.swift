// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
public import JSON

extension ResourceCatalog {
  /// What a built-in kind does beyond its schema; the generic strategy where it does nothing of its own.
  public static func strategy(group: String, resource: String) -> any ResourceStrategy {
    strategies[GroupResource(group, resource)] ?? GenericStrategy()
  }

  /// What a resource does beyond its schema.
  public static func strategy(for resource: ResourceDefinition) -> any ResourceStrategy {
    strategy(group: resource.identifier.group, resource: resource.identifier.resource)
  }

  private static let strategies: [GroupResource: any ResourceStrategy] = [:]
}

/// The strategy of kinds that have no rules beyond their schema.
public struct GenericStrategy: ResourceStrategy {
  /// A generic strategy.
  public init() {}

  public func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], object["metadata"]["creationTimestamp"]]
  }
}
