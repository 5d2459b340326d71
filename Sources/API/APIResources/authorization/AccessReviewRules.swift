// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import JSON
import KubeValues

/// The rules of reviews of access.
public enum AccessReviewRules {
  /// What is wrong with a review of a kind.
  public static func errors(_ review: JSONValue, kind: String, namespace: String) -> [FieldError] {
    let spec: JSONValue = review["spec"]
    let path: FieldPath = FieldPath("spec")
    let resource: JSONValue = spec["resourceAttributes"]
    let other: JSONValue = spec["nonResourceAttributes"]
    let type: String = "*@authorization.NonResourceAttributes"
    var errors: [FieldError] = []
    if resource.isThere, other.isThere {
      let words: String = "cannot be specified in combination with resourceAttributes"
      errors.append(.invalid(path.child("nonResourceAttributes"), GoForm.of(other, type), words))
    }
    if resource.isNull, other.isNull {
      let words: String = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
      errors.append(.invalid(path.child("resourceAttributes"), .null, words))
    }
    if kind != "SelfSubjectAccessReview", spec["user"].plain.isEmpty, spec["groups"].isVoid {
      errors.append(.invalid(path.child("user"), "", "at least one of user or group must be specified"))
    }
    errors += selectorErrors(resource)
    errors += metadataErrors(review["metadata"], isLocal: kind == "LocalSubjectAccessReview")
    guard kind == "LocalSubjectAccessReview" else { return errors }
    if resource.isThere, resource["namespace"].plain != namespace {
      let at: FieldPath = path.child("resourceAttributes", "namespace")
      errors.append(.invalid(at, .string(resource["namespace"].plain), "must match metadata.namespace"))
    }
    if other.isThere {
      let shown: JSONValue = GoForm.of(other, type)
      errors.append(.invalid(path.child("nonResourceAttributes"), shown, "disallowed on this kind of request"))
    }
    return errors
  }

  private static func metadataErrors(_ metadata: JSONValue, isLocal: Bool) -> [FieldError] {
    var rest: JSONValue = metadata
    rest["managedFields"] = .null
    if isLocal { rest["namespace"] = .null }
    for (key, value) in rest.object ?? JSONObject() where value.isVoid { rest[key] = .null }
    if rest.isVoid { return [] }
    return [.invalid(FieldPath("metadata"), metadata, isLocal ? "must be empty except for namespace" : "must be empty")]
  }

  private static func selectorErrors(_ resource: JSONValue) -> [FieldError] {
    ["fieldSelector", "labelSelector"].flatMap { name -> [FieldError] in
      let selector: JSONValue = resource[name]
      let path: FieldPath = FieldPath("spec", "resourceAttributes", name)
      guard selector.isThere else { return [] }
      var errors: [FieldError] = []
      let raw: String = selector["rawSelector"].plain
      if !raw.isEmpty, !selector["requirements"].isVoid {
        let words: String = "may not specified at the same time as requirements"
        errors.append(.invalid(path.child("rawSelector"), .string(raw), words))
      }
      if raw.isEmpty, selector["requirements"].isVoid {
        let words: String = "when \(path) is specified, requirements or rawSelector is required"
        errors.append(.required(path.child("requirements"), words))
      }
      for (place, requirement) in selector["requirements"].items.enumerated() {
        errors += requirementErrors(requirement, path.child("requirements").index(place), isField: name == "fieldSelector")
      }
      return errors
    }
  }

  private static func requirementErrors(_ requirement: JSONValue, _ path: FieldPath, isField: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if isField, requirement["key"].plain.isEmpty { errors.append(.required(path.child("key"), "must be specified")) }
    let values: FieldPath = path.child("values")
    switch requirement["operator"].plain {
    case "In", "NotIn":
      if requirement["values"].isVoid {
        errors.append(.required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
      }
    case "Exists", "DoesNotExist":
      if !requirement["values"].isVoid {
        errors.append(.forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
    default: break
    }
    if isField { return errors }
    errors += Checks.text(requirement["key"], path.child("key"), Names.qualified)
    for (place, value) in requirement["values"].strings.enumerated() {
      errors += Names.labelValue(value).map { .invalid(values.index(place), .string(value), $0) }
    }
    return errors
  }

  /// What of a review's selectors the authorizers do not see, in upstream's words; empty where nothing is.
  public static func evaluationError(_ spec: JSONValue) -> String {
    ["fieldSelector", "labelSelector"].compactMap { name -> String? in
      let selector: JSONValue = spec["resourceAttributes"][name]
      let requirements: [JSONValue] = selector["requirements"].items
      let understood: Int = requirements.filter { isUnderstood($0, isField: name == "fieldSelector") }.count
      let raw: String = selector["rawSelector"].plain
      let isBroken: Bool = requirements.isEmpty && !raw.isEmpty && !isSelector(raw, isField: name == "fieldSelector")
      guard isBroken || understood < requirements.count else { return nil }
      return "spec.resourceAttributes.\(name) \(understood > 0 ? "partially " : "")ignored due to parse error"
    }.joined(separator: "; ")
  }

  private static func isUnderstood(_ requirement: JSONValue, isField: Bool) -> Bool {
    let known: [String] = isField ? ["In", "NotIn"] : ["In", "NotIn", "Exists", "DoesNotExist"]
    guard known.contains(requirement["operator"].plain) else { return false }
    return !isField || requirement["values"].items.count == 1
  }

  private static func isSelector(_ text: String, isField: Bool) -> Bool {
    isField ? (try? FieldSelector(parsing: text)) != nil : (try? LabelSelector(parsing: text)) != nil
  }
}
