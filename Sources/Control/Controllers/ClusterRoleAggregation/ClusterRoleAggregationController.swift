// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeGroups
import KubeMeta
import KubeValues

/// Fills ClusterRoles that are made up of others, such as `admin`, with the others' rules.
final class ClusterRoleAggregationController: Controller {
  static let name: String = "clusterrole-aggregation-controller"

  private let context: ControllerContext
  private let roles: Informer<ClusterRole>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    roles = context.informers.informer(ClusterRole.self)
    roles.addHandler { [queue, roles] event in
      if event.object.hasAggregationRule { queue.add(event.object.metadata.name) }
      for role: ClusterRole in roles.list() where role.hasAggregationRule { queue.add(role.metadata.name) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name, workers: 1) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let role: ClusterRole = roles.get(name: name), role.hasAggregationRule else { return }
    let selectors: [LabelSelector] = role.aggregationRule.clusterRoleSelectors.map { LabelSelector($0) }
    var rules: [PolicyRule] = []
    var seen: Set<PolicyRule> = []
    for other: ClusterRole in roles.list().sorted(by: { $0.metadata.name < $1.metadata.name })
    where other.metadata.name != name && selectors.contains(where: { $0.matches(other.metadata.labels) }) {
      for rule: PolicyRule in other.rules where seen.insert(rule).inserted { rules.append(rule) }
    }
    guard rules != role.rules else { return }
    var changed: ClusterRole = role
    changed.rules = rules
    roles.remember(try await context.client.update(changed))
  }
}
