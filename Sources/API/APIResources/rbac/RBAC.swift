// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Roles and ClusterRoles.
struct RoleStrategy: ResourceStrategy {
  var isCluster: Bool

  var traits: StrategyTraits { StrategyTraits(name: .pathSegment, allowsCreateOnUpdate: true, updateChecks: [.whole, .change]) }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    RBACValidation.roleErrors(object, isCluster: isCluster)
  }
}

/// RoleBindings and ClusterRoleBindings.
struct RoleBindingStrategy: ResourceStrategy {
  var isCluster: Bool

  var traits: StrategyTraits { StrategyTraits(name: .pathSegment, allowsCreateOnUpdate: true, updateChecks: [.whole, .change]) }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    let group: JSONValue = "rbac.authorization.k8s.io"
    object.fill("roleRef") { $0.setDefaultText("apiGroup", group.plain) }
    object.editItems("subjects") { subject in
      guard subject["apiGroup"].plain.isEmpty, ["User", "Group"].contains(subject["kind"].plain) else { return }
      subject["apiGroup"] = group
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    RBACValidation.bindingErrors(object, isCluster: isCluster)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    var errors: [FieldError] = RBACValidation.bindingErrors(object, isCluster: isCluster)
    if object["roleRef"] != old["roleRef"] {
      errors.append(.invalid(FieldPath("roleRef"), GoForm.of(object["roleRef"], "@rbac.RoleRef"), "cannot change roleRef"))
    }
    return errors
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    func names(_ kind: String) -> JSONValue {
      let subjects: [JSONValue] = object["subjects"].items.filter { $0["kind"].plain == kind }
      return .string(
        subjects.map { subject in
          kind == "ServiceAccount" ? "\(subject["namespace"].plain)/\(subject["name"].plain)" : subject["name"].plain
        }.joined(separator: ", "))
    }
    return [
      object["metadata"]["name"],
      .string("\(object["roleRef"]["kind"].plain)/\(object["roleRef"]["name"].plain)"),
      TableText.age(object, context), names("User"), names("Group"), names("ServiceAccount"),
    ]
  }
}
