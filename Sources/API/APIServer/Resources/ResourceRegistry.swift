// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import Synchronization

/// Every resource that is served at the moment: the built-in ones and those of custom resource definitions.
final class ResourceRegistry: Sendable {
  private struct State {
    var custom: [GroupVersionResource: ServedResource] = [:]
    var generation: Int = 0
  }

  /// The built-in group-versions in discovery's order.
  let builtInGroupVersions: [GroupVersion]
  private let builtIn: [GroupVersionResource: ServedResource]
  private let byGroupResource: [GroupResource: ServedResource]
  private let state: Mutex<State> = Mutex(State())

  init(builtIn: [ServedResource]) {
    var all: [GroupVersionResource: ServedResource] = [:]
    var first: [GroupResource: ServedResource] = [:]
    for resource: ServedResource in builtIn {
      all[resource.definition.identifier] = resource
      // The version in whose form objects are stored speaks for the resource.
      if first[resource.groupResource] == nil || resource.conversion == nil { first[resource.groupResource] = resource }
    }
    self.builtIn = all
    builtInGroupVersions = ResourceCatalog.builtIn.groupVersions.map { GroupVersion($0.group, $0.version) }
    byGroupResource = first
  }

  subscript(identifier: GroupVersionResource) -> ServedResource? {
    builtIn[identifier] ?? state.withLock { $0.custom[identifier] }
  }

  /// A resource in any version, for the server's own reads.
  func any(_ group: String, _ resource: String) -> ServedResource? {
    let wanted: GroupResource = GroupResource(group, resource)
    return byGroupResource[wanted]
      ?? state.withLock { $0.custom.values.first { $0.groupResource == wanted } }
  }

  /// The storage of a built-in resource.
  func storage(_ group: String, _ resource: String) -> ObjectStorage? { any(group, resource)?.storage }

  /// Every resource, for discovery and quota.
  var all: [ServedResource] { Array(builtIn.values) + custom }

  var custom: [ServedResource] { state.withLock { Array($0.custom.values) } }

  /// Changes when custom resources come and go.
  var generation: Int { state.withLock { $0.generation } }

  func setCustom(_ resources: [ServedResource], for group: String, _ plural: String) {
    state.withLock { state in
      state.custom = state.custom.filter { $0.key.group != group || $0.key.resource != plural }
      for resource: ServedResource in resources { state.custom[resource.definition.identifier] = resource }
      state.generation += 1
    }
  }
}
