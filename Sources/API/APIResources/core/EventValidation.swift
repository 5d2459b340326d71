// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of events: lenient for the core group's old form, strict for those that events.k8s.io makes.
enum EventValidation {
  static func errors(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let isOwnForm: Bool = context.resource.identifier.group == "events.k8s.io"
    var errors: [FieldError] = legacyErrors(object, isOwnForm: isOwnForm)
    if isOwnForm {
      errors += MetadataValidation.errors(object["metadata"], .subdomain, isNamespaced: true)
      errors += seriesErrors(object["series"])
      if object["eventTime"].isNull { errors.append(.required(FieldPath("eventTime"))) }
      errors += oldFieldErrors(object)
    }
    // The generic rules are asked last, of what has no other fault.
    return errors.isEmpty
      ? MetadataValidation.errors(object["metadata"], .pathSegmentGeneric, isNamespaced: true) : errors
  }

  private static func seriesErrors(_ series: JSONValue) -> [FieldError] {
    guard series.isThere else { return [] }
    var errors: [FieldError] = []
    if series["count"].int ?? 0 < 2 { errors.append(.invalid(FieldPath("series.count"), "", "should be at least 2")) }
    if series["lastObservedTime"].isNull { errors.append(.required(FieldPath("series.lastObservedTime"))) }
    return errors
  }

  /// Events of the own group have a type, and none of the fields that came before theirs.
  private static func oldFieldErrors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let type: String = object["type"].plain
    if type != "Normal", type != "Warning" {
      errors.append(.invalid(FieldPath("type"), "", "has invalid value: \(type)"))
    }
    for key: String in ["firstTimestamp", "lastTimestamp"] where object[key].isThere {
      errors.append(.invalid(FieldPath(key), "", "needs to be unset"))
    }
    if object["count"].int ?? 0 != 0 { errors.append(.invalid(FieldPath("count"), "", "needs to be unset")) }
    if !object["source"]["component"].plain.isEmpty || !object["source"]["host"].plain.isEmpty {
      errors.append(.invalid(FieldPath("source"), "", "needs to be unset"))
    }
    return errors
  }

  private static func legacyErrors(_ object: JSONValue, isOwnForm: Bool = false) -> [FieldError] {
    var errors: [FieldError] = []
    let namespace: String = object["metadata"]["namespace"].plain
    let about: JSONValue = object["involvedObject"]
    let path: FieldPath = FieldPath("involvedObject", "namespace")
    let target: String = about["namespace"].plain
    if target.isEmpty {
      let isSystem: Bool = namespace == "kube-system" && object["eventTime"].isThere
      if namespace != "default", !isSystem {
        errors.append(.invalid(path, .string(target), "does not match event.namespace"))
      }
    } else if target != namespace, object["eventTime"].isNull {
      errors.append(.invalid(path, .string(target), "does not match event.namespace"))
    }
    guard object["eventTime"].isThere else { return errors }
    let controller: FieldPath = FieldPath(isOwnForm ? "reportingController" : "reportingComponent")
    if object["reportingComponent"].plain.isEmpty { errors.append(.required(controller)) }
    errors += Checks.text(object["reportingComponent"], controller, Names.qualified)
    if object["reportingInstance"].plain.isEmpty { errors.append(.required(FieldPath("reportingInstance"))) }
    if object["reportingInstance"].plain.utf8.count > 128 {
      errors.append(.invalid(FieldPath("reportingInstance"), "", "can have at most 128 characters"))
    }
    for key: String in ["action", "reason"] {
      if object[key].plain.isEmpty { errors.append(.required(FieldPath(key))) }
      if object[key].plain.utf8.count > 128 {
        errors.append(.invalid(FieldPath(key), "", "can have at most 128 characters"))
      }
    }
    if object["message"].plain.utf8.count > 1024 {
      errors.append(.invalid(FieldPath("message"), "", "can have at most 1024 characters"))
    }
    return errors
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    let metadata: [FieldError] = MetadataValidation.updateErrors(object["metadata"], old: old["metadata"])
    let isOwnForm: Bool = context.resource.identifier.group == "events.k8s.io"
    var errors: [FieldError] = MetadataValidation.errors(object["metadata"], .pathSegmentGeneric, isNamespaced: true)
    errors += metadata + legacyErrors(object, isOwnForm: isOwnForm)
    guard isOwnForm else { return errors }
    errors += metadata + MetadataValidation.standardFinalizers(object["metadata"]["finalizers"])
    errors += GoForm.immutable(
      object["involvedObject"], old["involvedObject"], FieldPath("involvedObject"), "@core.ObjectReference")
    func text(_ key: String, _ name: String? = nil) -> [FieldError] {
      Checks.immutable(.string(object[key].plain), .string(old[key].plain), FieldPath(name ?? key))
    }
    errors += text("reason") + text("message")
    errors += GoForm.immutable(object["source"], old["source"], FieldPath("source"), "@core.EventSource")
    for key: String in ["firstTimestamp", "lastTimestamp"] {
      errors += Checks.immutable(object[key], old[key], FieldPath(key))
    }
    errors += Checks.immutable(.int(object["count"].int ?? 0), .int(old["count"].int ?? 0), FieldPath("count"))
    errors += text("reason") + text("type")
    errors += Checks.immutable(object["eventTime"], old["eventTime"], FieldPath("eventTime")) + text("action")
    errors += GoForm.immutable(object["related"], old["related"], FieldPath("related"), "*@core.ObjectReference")
    errors += text("reportingComponent", "reportingController") + text("reportingInstance")
    return errors
  }
}
