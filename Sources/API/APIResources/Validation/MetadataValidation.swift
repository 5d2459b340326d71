// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules for metadata that hold for every kind (apimachinery's and the core group's ValidateObjectMeta).
enum MetadataValidation {
  private static let annotationBytesMax: Int = 256 << 10

  /// What is wrong with a new object's metadata.
  static func errors(
    _ metadata: JSONValue, _ rule: NameRule, isNamespaced: Bool, at path: FieldPath = FieldPath("metadata")
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let prefix: String = metadata["generateName"].plain
    if !prefix.isEmpty {
      errors += rule.messages(prefix, isPrefix: true).map { .invalid(path.child("generateName"), .string(prefix), $0) }
    }
    let name: String = metadata["name"].plain
    if name.isEmpty {
      errors.append(.required(path.child("name"), "name or generateName is required"))
    } else {
      errors += rule.messages(name, isPrefix: false).map { .invalid(path.child("name"), .string(name), $0) }
    }
    let namespace: String = metadata["namespace"].plain
    if isNamespaced {
      if namespace.isEmpty {
        errors.append(.required(path.child("namespace")))
      } else {
        errors += Names.label(namespace).map { .invalid(path.child("namespace"), .string(namespace), $0) }
      }
    } else if !namespace.isEmpty {
      errors.append(.forbidden(path.child("namespace"), "not allowed on this type"))
    }
    if let generation: Int64 = metadata["generation"].int, generation < 0 {
      errors.append(.invalid(path.child("generation"), .int(generation), "must be greater than or equal to 0"))
    }
    errors += Checks.labels(metadata["labels"], path.child("labels"))
    errors += annotations(metadata["annotations"], path.child("annotations"))
    errors += ownerReferences(metadata["ownerReferences"], path.child("ownerReferences"))
    errors += finalizers(metadata["finalizers"], path.child("finalizers"))
    if rule.checksFinalizers { errors += standardFinalizers(metadata["finalizers"], path) }
    return errors
  }

  /// What is wrong with a change of an object's metadata.
  static func updateErrors(_ metadata: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("metadata")
    var errors: [FieldError] = []
    if old["deletionTimestamp"].isThere {
      let known: [String] = old["finalizers"].strings
      let added: [String] = Set(metadata["finalizers"].strings).subtracting(known).sorted()
      if !added.isEmpty {
        let list: String = added.map(\.goQuoted).joined(separator: ", ")
        errors.append(
          .forbidden(
            path.child("finalizers"),
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{\(list)}"))
      }
    }
    if metadata["generation"].int ?? 0 < old["generation"].int ?? 0 {
      errors.append(.invalid(path.child("generation"), metadata["generation"], "must not be decremented"))
    }
    for key: String in [
      "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    ] where metadata[key] != old[key] {
      errors.append(.invalid(path.child(key), metadata[key], "field is immutable"))
    }
    errors += Checks.labels(metadata["labels"], path.child("labels"))
    errors += annotations(metadata["annotations"], path.child("annotations"))
    errors += ownerReferences(metadata["ownerReferences"], path.child("ownerReferences"))
    return errors
  }

  static func annotations(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var size: Int = 0
    for (key, text) in value.object ?? JSONObject() {
      errors += Names.qualified(key.lowercased()).map { .invalid(path, .string(key), $0) }
      size += key.utf8.count + text.plain.utf8.count
    }
    if size > annotationBytesMax { errors.append(.tooLong(path, annotationBytesMax)) }
    return errors
  }

  static func ownerReferences(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var controller: String?
    for reference: JSONValue in value.items {
      // Upstream does not say which reference it is.
      let at: FieldPath = path
      let version: GroupVersion? = GroupVersion(apiVersion: reference["apiVersion"].plain)
      if version?.version.isEmpty ?? true {
        errors.append(.invalid(at.child("apiVersion"), reference["apiVersion"], "version must not be empty"))
      }
      for key: String in ["kind", "name", "uid"] where reference[key].plain.isEmpty {
        errors.append(.invalid(at.child(key), .string(""), "must not be empty"))
      }
      if version?.group.isEmpty ?? false, reference["apiVersion"].plain == "v1", reference["kind"].plain == "Event" {
        errors.append(.invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner"))
      }
      guard reference["controller"].bool ?? false else { continue }
      let name: String = "\(reference["kind"].plain)/\(reference["name"].plain)"
      if let controller {
        let message: String =
          "Only one reference can have Controller set to true. Found \"true\" in references for "
          + "\(controller) and \(name)"
        errors.append(.invalid(path, value, message))
      } else {
        controller = name
      }
    }
    return errors
  }

  private static func finalizers(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let names: [String] = value.strings
    for name: String in names { errors += Names.qualified(name).map { .invalid(path, .string(name), $0) } }
    if names.contains("orphan"), names.contains("foregroundDeletion") {
      errors.append(
        .invalid(path, value, "finalizer orphan and finalizer foregroundDeletion cannot be both set"))
    }
    return errors
  }

  /// Finalizers without a domain must be the well-known ones.
  static func standardFinalizers(_ value: JSONValue, _ path: FieldPath = FieldPath("metadata")) -> [FieldError] {
    let path: FieldPath = path.child("finalizers")
    return value.strings.enumerated().compactMap { place, name in
      guard !name.contains("/"), !["kubernetes", "orphan", "foregroundDeletion"].contains(name) else { return nil }
      return .invalid(
        path.index(place), .string(name), "name is neither a standard finalizer name nor is it fully qualified")
    }
  }
}
