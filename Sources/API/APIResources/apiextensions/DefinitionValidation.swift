// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of CustomResourceDefinitions, besides those of their schemas.
struct DefinitionValidation {
  /// What all versions have alike stands at the top in upstream's internal form, and messages say so.
  private static let shared: [String] = ["schema", "subresources", "additionalPrinterColumns", "selectableFields"]

  let definition: JSONValue
  private let spec: JSONValue
  private let path: FieldPath = FieldPath("spec")
  private(set) var errors: [FieldError] = []

  init(_ definition: JSONValue) {
    self.definition = definition
    spec = definition["spec"]
  }

  /// What is wrong with a definition, besides its generic metadata.
  static func errors(_ definition: JSONValue, old: JSONValue? = nil) -> [FieldError] {
    var check: DefinitionValidation = DefinitionValidation(definition)
    check.checkName()
    check.checkSpec()
    if let old { check.checkChange(old) }
    check.checkNames(definition["status"]["acceptedNames"], FieldPath("status", "acceptedNames"))
    check.checkStoredVersions()
    check.checkApproval(old)
    if definition["spec"]["preserveUnknownFields"].bool == true, old?["spec"]["preserveUnknownFields"].bool != true {
      check.errors.append(
        .invalid(
          "spec.preserveUnknownFields", true,
          "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"))
    }
    return check.errors
  }

  private mutating func checkName() {
    let name: String = definition["metadata"]["name"].plain
    // A missing name is told elsewhere.
    if !name.isEmpty, name != "\(spec["names"]["plural"].plain).\(spec["group"].plain)" {
      errors.append(.invalid("metadata.name", .string(name), "must be spec.names.plural+\".\"+spec.group"))
    }
  }

  private mutating func checkSpec() {
    let group: String = spec["group"].plain
    if group.isEmpty {
      errors.append(.required(path.child("group")))
    } else if !Names.subdomain(group).isEmpty {
      errors.append(.invalid(path.child("group"), .string(group), Names.subdomain(group).joined(separator: ",")))
    } else if !group.contains(".") {
      errors.append(.invalid(path.child("group"), .string(group), "should be a domain with at least one dot"))
    }
    errors += Self.choice(spec["scope"], path.child("scope"), ["Cluster", "Namespaced"])
    checkVersions()
    let names: JSONValue = spec["names"]
    for key: String in ["plural", "singular", "kind", "listKind"] where names[key].plain.isEmpty {
      errors.append(.required(path.child("names", key)))
    }
    checkNames(names, path.child("names"))
    if let first: JSONValue = spec["versions"].items.first {
      let hasStatus: Bool = spec["versions"].items.contains { $0["subresources"]["status"].isThere }
      if isShared("schema") { checkSchema(first["schema"], path.child("validation"), hasStatus: hasStatus) }
      if isShared("subresources") { checkSubresources(first["subresources"], path.child("subresources")) }
      if isShared("additionalPrinterColumns") {
        checkColumns(first["additionalPrinterColumns"], path.child("additionalPrinterColumns"))
      }
      if isShared("selectableFields") { checkSelectable(first, path.child("selectableFields")) }
    }
    checkConversion(spec["conversion"], path.child("conversion"))
  }

  private static func choice(_ value: JSONValue, _ path: FieldPath, _ known: [String]) -> [FieldError] {
    if value.plain.isEmpty { return [.required(path)] }
    return known.contains(value.plain) ? [] : [.notSupported(path, value, known)]
  }

  private func isShared(_ key: String) -> Bool {
    guard let first: JSONValue = spec["versions"].items.first else { return false }
    return spec["versions"].items.allSatisfy { $0[key] == first[key] }
  }

  private mutating func checkVersions() {
    let versions: [JSONValue] = spec["versions"].items
    let at: FieldPath = path.child("versions")
    for (place, version) in versions.enumerated() where version["schema"]["openAPIV3Schema"].isNull {
      errors.append(.required(at.index(place).child("schema", "openAPIV3Schema")))
    }
    for (place, version) in versions.enumerated() {
      let own: FieldPath = at.index(place)
      errors += Self.label(version["name"], own.child("name"))
      checkDeprecation(version, own.child("deprecationWarning"))
      let hasStatus: Bool = version["subresources"]["status"].isThere
      if !isShared("schema") { checkSchema(version["schema"], own.child("schema"), hasStatus: hasStatus) }
      if !isShared("subresources") { checkSubresources(version["subresources"], own.child("subresources")) }
      if !isShared("additionalPrinterColumns") {
        checkColumns(version["additionalPrinterColumns"], own.child("additionalPrinterColumns"))
      }
      if !isShared("selectableFields") { checkSelectable(version, own.child("selectableFields")) }
    }
    let hoisted: Set<String> = Set(Self.shared.filter(isShared))
    let shown: JSONValue = .array(versions.map { DefinitionText.version($0, without: hoisted) })
    if Set(versions.map { $0["name"].plain }).count != versions.count {
      errors.append(.invalid(at, shown, "must contain unique version names"))
    }
    if versions.count(where: { $0["storage"].bool == true }) != 1 {
      errors.append(.invalid(at, shown, "must have exactly one version marked as storage version"))
    }
    if let first: JSONValue = versions.first { errors += Self.label(first["name"], path.child("version")) }
  }

  private static func label(_ value: JSONValue, _ path: FieldPath, prefix: String = "", lowers: Bool = false) -> [FieldError] {
    let messages: [String] = Names.label1035(lowers ? value.plain.lowercased() : value.plain)
    return messages.isEmpty ? [] : [.invalid(path, .string(value.plain), prefix + messages.joined(separator: ","))]
  }

  private mutating func checkDeprecation(_ version: JSONValue, _ at: FieldPath) {
    guard let warning: String = version["deprecationWarning"].string else { return }
    func complain(_ what: String) { errors.append(.invalid(at, .string(warning), what)) }
    if version["deprecated"].bool != true { complain("can only be set for deprecated versions") }
    if warning.utf8.count > 256 { complain("must be <= 256 characters long") }
    if warning.isEmpty { complain("must not be an empty string") }
    if let place: Int = warning.unicodeScalars.map(\.value).firstIndex(where: { $0 < 0x20 || $0 == 0x7F }) {
      complain("must only contain printable UTF-8 characters; non-printable character found at index \(place)")
    }
  }

  private mutating func checkNames(_ names: JSONValue, _ at: FieldPath) {
    for key: String in ["plural", "singular"] where !names[key].plain.isEmpty {
      errors += Self.label(names[key], at.child(key))
    }
    for key: String in ["kind", "listKind"] where !names[key].plain.isEmpty {
      errors += Self.label(
        names[key], at.child(key), prefix: "may have mixed case, but should otherwise match: ", lowers: true)
    }
    for (place, name) in names["shortNames"].items.enumerated() {
      errors += Self.label(name, at.child("shortNames").index(place))
    }
    if !names["kind"].plain.isEmpty, names["kind"] == names["listKind"] {
      errors.append(.invalid(at.child("listKind"), names["listKind"], "kind and listKind may not be the same"))
    }
    for (place, name) in names["categories"].items.enumerated() {
      errors += Self.label(name, at.child("categories").index(place))
    }
  }

  private mutating func checkStoredVersions() {
    let at: FieldPath = FieldPath("status", "storedVersions")
    let stored: [String] = definition["status"]["storedVersions"].strings
    if stored.isEmpty {
      errors.append(.invalid(at, .null, "must have at least one stored version"))
      return
    }
    for version: JSONValue in spec["versions"].items where version["storage"].bool == true {
      if !stored.contains(version["name"].plain) {
        errors.append(.invalid(at, JSONValue(stored), "must have the storage version \(version["name"].plain)"))
      }
    }
    let known: Set<String> = Set(spec["versions"].items.map { $0["name"].plain })
    for (place, name) in stored.enumerated() where !known.contains(name) {
      errors.append(
        .invalid(
          at.index(place), .string(name),
          "missing from spec.versions; \(name) was previously a storage version, and must remain in spec.versions until "
            + "a storage migration ensures no data remains persisted in \(name) and removes \(name) from "
            + "status.storedVersions"))
    }
  }

  private mutating func checkChange(_ old: JSONValue) {
    let isEstablished: Bool = old["status"]["conditions"].items.contains {
      $0["type"].plain == "Established" && $0["status"].plain == "True"
    }
    if isEstablished {
      errors += Checks.immutable(spec["scope"], old["spec"]["scope"], path.child("scope"))
      errors += Checks.immutable(spec["names"]["kind"], old["spec"]["names"]["kind"], path.child("names", "kind"))
    }
    errors += Checks.immutable(spec["group"], old["spec"]["group"], path.child("group"))
    errors += Checks.immutable(spec["names"]["plural"], old["spec"]["names"]["plural"], path.child("names", "plural"))
  }

  /// Groups of the project itself need somebody's word.
  private mutating func checkApproval(_ old: JSONValue?) {
    let group: String = spec["group"].plain
    let annotation: String = "api-approved.kubernetes.io"
    guard ["k8s.io", "kubernetes.io"].contains(where: { group == $0 || group.hasSuffix("." + $0) }) else { return }
    let approval: String = definition["metadata"]["annotations"][annotation].plain
    if let old, old["metadata"]["annotations"][annotation].plain == approval { return }
    let at: FieldPath = FieldPath("metadata", "annotations").key(annotation)
    let link: String = "see https://github.com/kubernetes/enhancements/pull/1111"
    if approval.isEmpty {
      errors.append(.required(at, "protected groups must have approval annotation \(annotation.goQuoted), \(link)"))
    } else if !approval.hasPrefix("unapproved"), !approval.contains("://") {
      errors.append(
        .invalid(
          at, .string(approval),
          "protected groups must have approval annotation \(annotation.goQuoted) with either a URL or a reason starting "
            + "with \"unapproved\", \(link)"))
    }
  }

  private mutating func checkSchema(_ schema: JSONValue, _ at: FieldPath, hasStatus: Bool) {
    guard schema["openAPIV3Schema"].object != nil else { return }
    errors += SchemaValidation.errors(schema["openAPIV3Schema"], at.child("openAPIV3Schema"), hasStatus: hasStatus)
  }
}

// Subresources, columns, selectable fields, conversion.
extension DefinitionValidation {
  private static let columnTypes: [String] = ["boolean", "date", "integer", "number", "string"]
  private static let columnFormats: [String] = [
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password",
  ]
  private static let selectableLimit: Int = 8

  private static func jsonPath(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    value.plain.hasPrefix(".") ? [] : [.invalid(path, value, "must be a simple json path starting with .")]
  }

  private mutating func checkSubresources(_ subresources: JSONValue, _ at: FieldPath) {
    let scale: JSONValue = subresources["scale"]
    guard scale.object != nil else { return }
    func check(_ key: String, _ roots: [String], _ words: String) {
      let value: JSONValue = scale[key]
      let own: FieldPath = at.child("scale", key)
      let wrong: [FieldError] = Self.jsonPath(value, own)
      if !wrong.isEmpty {
        errors += wrong
      } else if !roots.contains(where: { value.plain.hasPrefix(".\($0).") }) {
        errors.append(.invalid(own, value, "should be a json path under \(words)"))
      }
    }
    for (key, root) in [("specReplicasPath", "spec"), ("statusReplicasPath", "status")] {
      if scale[key].plain.isEmpty {
        errors.append(.required(at.child("scale", key)))
      } else {
        check(key, [root], ".\(root)")
      }
    }
    if !scale["labelSelectorPath"].plain.isEmpty {
      check("labelSelectorPath", ["spec", "status"], "either .spec or .status")
    }
  }

  private mutating func checkColumns(_ columns: JSONValue, _ at: FieldPath) {
    for (place, column) in columns.items.enumerated() {
      let own: FieldPath = at.index(place)
      if column["name"].plain.isEmpty { errors.append(.required(own.child("name"))) }
      let types: String = "must be one of " + Self.columnTypes.joined(separator: ",")
      if column["type"].plain.isEmpty {
        errors.append(.required(own.child("type"), types))
      } else if !Self.columnTypes.contains(column["type"].plain) {
        errors.append(.invalid(own.child("type"), column["type"], types))
      }
      if !column["format"].plain.isEmpty, !Self.columnFormats.contains(column["format"].plain) {
        let formats: String = "must be one of " + Self.columnFormats.joined(separator: ",")
        errors.append(.invalid(own.child("format"), column["format"], formats))
      }
      if column["jsonPath"].plain.isEmpty {
        errors.append(.required(own.child("JSONPath")))
      } else {
        errors += Self.jsonPath(column["jsonPath"], own.child("JSONPath"))
      }
    }
  }

  private mutating func checkSelectable(_ version: JSONValue, _ at: FieldPath) {
    var seen: Set<String> = []
    for (place, field) in version["selectableFields"].items.enumerated() {
      let own: FieldPath = at.index(place).child("jsonPath")
      let text: String = field["jsonPath"].plain
      if text.isEmpty {
        errors.append(.required(own))
        continue
      }
      guard let schema: JSONValue = SchemaValidation.field(text, version["schema"]["openAPIV3Schema"]) else {
        errors.append(.invalid(own, .string(text), "is an invalid path: does not refer to a valid field"))
        continue
      }
      if text.hasPrefix(".metadata") {
        errors.append(.invalid(own, .string(text), "must not point to fields in metadata"))
      }
      if !["string", "boolean", "integer"].contains(schema["type"].plain) {
        errors.append(
          .invalid(
            own, .string(text),
            "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are "
              + "allowed."))
      }
      if !seen.insert(text).inserted { errors.append(.duplicate(own, .string(text))) }
    }
    if seen.count > Self.selectableLimit { errors.append(.tooMany(at, seen.count, Self.selectableLimit)) }
  }

  private mutating func checkConversion(_ conversion: JSONValue, _ at: FieldPath) {
    guard conversion.isThere else { return }
    errors += Self.choice(conversion["strategy"], at.child("strategy"), ["None", "Webhook"])
    let client: JSONValue = conversion["webhook"]["clientConfig"]
    let versions: JSONValue = conversion["webhook"]["conversionReviewVersions"]
    guard conversion["strategy"].plain == "Webhook" else {
      let why: String = "should not be set when strategy is not set to Webhook"
      if client.isThere { errors.append(.forbidden(at.child("webhookClientConfig"), why)) }
      if !versions.isVoid { errors.append(.forbidden(at.child("conversionReviewVersions"), why)) }
      return
    }
    if client.isNull {
      errors.append(.required(at.child("webhookClientConfig"), "required when strategy is set to Webhook"))
    } else {
      errors += AdmissionRules.clientErrors(client, at.child("webhookClientConfig"))
    }
    checkReviewVersions(versions, at.child("conversionReviewVersions"))
  }

  private mutating func checkReviewVersions(_ versions: JSONValue, _ at: FieldPath) {
    if versions.isVoid {
      errors.append(.required(at))
      return
    }
    var seen: Set<String> = []
    for (place, version) in versions.items.enumerated() {
      if seen.insert(version.plain).inserted {
        errors += Self.label(version, at.index(place))
      } else {
        errors.append(.invalid(at.index(place), version, "duplicate version"))
      }
    }
    if seen.isDisjoint(with: ["v1", "v1beta1"]) {
      errors.append(.invalid(at, versions, "must include at least one of v1, v1beta1"))
    }
  }
}
