// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Environment variables.
enum EnvironmentRules {
  private static let resources: [String] = [
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
    "requests.memory",
  ]
  private static let fields: Set<String> = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
  ]

  static func errors(_ container: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, variable) in container["env"].items.enumerated() {
      let at: FieldPath = path.child("env").index(place)
      if variable["name"].plain.isEmpty {
        errors.append(.required(at.child("name")))
      } else {
        errors += Checks.text(variable["name"], at.child("name"), Names.environmentVariable)
      }
      if variable["valueFrom"].isThere { errors += sourceErrors(variable, at.child("valueFrom")) }
    }
    for (place, source) in container["envFrom"].items.enumerated() {
      errors += fromErrors(source, path.child("envFrom"), place)
    }
    return errors
  }

  private static func fromErrors(_ source: JSONValue, _ path: FieldPath, _ place: Int) -> [FieldError] {
    var errors: [FieldError] = []
    let at: FieldPath = path.index(place)
    if !source["prefix"].plain.isEmpty {
      errors += Checks.text(source["prefix"], at.child("prefix"), Names.environmentVariable)
    }
    let kinds: [String] = ["configMapRef", "secretRef"].filter { source[$0].isThere }
    for kind: String in kinds {
      let name: FieldPath = at.child(kind, "name")
      errors +=
        source[kind]["name"].plain.isEmpty ? [.required(name)] : Checks.text(source[kind]["name"], name, Names.subdomain)
    }
    if kinds.isEmpty {
      errors.append(.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
    } else if kinds.count > 1 {
      errors.append(.invalid(path, "", "may not have more than one field specified at a time"))
    }
    return errors
  }

  private static func sourceErrors(_ variable: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let source: JSONValue = variable["valueFrom"]
    let kinds: [String] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
      .filter { source[$0].isThere }
    for kind: String in kinds {
      let at: FieldPath = path.child(kind)
      switch kind {
      case "fieldRef": errors += fieldErrors(source[kind], at, fields)
      case "resourceFieldRef": errors += resourceErrors(source[kind], at)
      case "fileKeyRef":
        errors += fileErrors(source[kind], at)
      default:
        errors += Checks.text(source[kind]["name"], at.child("name"), Names.subdomain)
        if source[kind]["key"].plain.isEmpty {
          errors.append(.required(at.child("key")))
        } else {
          errors += Checks.text(source[kind]["key"], at.child("key"), Names.configKey)
        }
      }
    }
    if kinds.isEmpty {
      errors.append(
        .invalid(
          path, "",
          "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
    } else if !variable["value"].plain.isEmpty {
      errors.append(.invalid(path, "", "may not be specified when `value` is not empty"))
    } else if kinds.count > 1 {
      errors.append(.invalid(path, "", "may not have more than one field specified at a time"))
    }
    return errors
  }

  private static func fileErrors(_ reference: JSONValue, _ at: FieldPath) -> [FieldError] {
    let rules: [(key: String, rule: (String) -> [String])] = [
      ("key", Names.environmentVariable), ("volumeName", Names.label),
    ]
    var errors: [FieldError] = rules.flatMap { key, rule in
      reference[key].plain.isEmpty ? [.required(at.child(key))] : Checks.text(reference[key], at.child(key), rule)
    }
    errors +=
      reference["path"].plain.isEmpty
      ? [.required(at.child("path"))] : PathRules.noBacksteps(reference["path"], at.child("path"))
    return errors
  }

  /// Files of variables are in a volume of the pod that is empty at first.
  static func fileVolumeErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for list: String in ["initContainers", "containers", "ephemeralContainers"] {
      for (place, container) in spec[list].items.enumerated() {
        for (index, variable) in container["env"].items.enumerated() {
          let reference: JSONValue = variable["valueFrom"]["fileKeyRef"]
          guard reference.isThere else { continue }
          let at: FieldPath = path.child(list).index(place).child("env").index(index)
            .child("valueFrom", "fileKeyRef", "volumeName")
          let name: String = reference["volumeName"].plain
          if let volume: JSONValue = spec["volumes"].items.last(where: { $0["name"].plain == name }) {
            if volume["emptyDir"].isNull {
              errors.append(.invalid(at, .string(name), "referenced volume must be of type emptyDir"))
            }
          } else {
            errors.append(.notFound(at, .string(name)))
          }
        }
      }
    }
    return errors
  }

  /// A field of the pod, in an environment variable or a downward volume.
  static func fieldErrors(_ reference: JSONValue, _ path: FieldPath, _ known: Set<String>) -> [FieldError] {
    let version: String = reference["apiVersion"].plain
    let field: String = reference["fieldPath"].plain
    if version.isEmpty { return [.required(path.child("apiVersion"))] }
    if field.isEmpty { return [.required(path.child("fieldPath"))] }
    let at: FieldPath = path.child("fieldPath")
    if version != "v1" {
      return [
        .invalid(at, .string(field), "error converting fieldPath: unsupported pod version: \(version)")
      ]
    }
    for map: String in ["metadata.annotations", "metadata.labels"] where field.hasPrefix(map + "['") {
      guard field.hasSuffix("']") else { break }
      let key: String = String(field.dropFirst(map.count + 2).dropLast(2))
      return Names.qualified(map.hasSuffix("labels") ? key : key.lowercased()).map { .invalid(at, .string(key), $0) }
    }
    let all: Set<String> = fields.union([
      "metadata.annotations", "metadata.labels", "status.phase", "spec.restartPolicy",
    ])
    if !all.contains(field) {
      return [
        .invalid(at, .string(field), "error converting fieldPath: field label not supported: \(field)")
      ]
    }
    return known.contains(field) ? [] : [.notSupported(at, .string(field), known.sorted())]
  }

  static func resourceErrors(_ reference: JSONValue, _ path: FieldPath, needsContainer: Bool = false) -> [FieldError] {
    if needsContainer, reference["containerName"].plain.isEmpty { return [.required(path.child("containerName"))] }
    let name: String = reference["resource"].plain
    if name.isEmpty { return [.required(path.child("resource"))] }
    if !resources.contains(name), !name.hasPrefix("requests.hugepages-"), !name.hasPrefix("limits.hugepages-") {
      return [.notSupported(path.child("resource"), .string(name), resources)]
    }
    let divisor: String = reference["divisor"].plain
    let isSound: Bool =
      name.hasSuffix("cpu")
      ? ["", "0", "1m", "1"].contains(divisor)
      : ["", "0", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"].contains(divisor)
    if isSound { return [] }
    let known: String =
      name.hasSuffix("cpu")
      ? "only divisor's values 1m and 1 are supported with the cpu resource"
      : "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the "
        + (name.hasSuffix("memory") ? "memory" : "local ephemeral storage") + " resource"
    return [.invalid(path.child("divisor"), reference["divisor"], known)]
  }
}
