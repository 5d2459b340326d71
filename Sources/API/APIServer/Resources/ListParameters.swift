// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues

/// The query of a list, watch or deletecollection request.
struct ListParameters: Sendable {
  var labels: LabelSelector = .everything
  var fields: FieldSelector = FieldSelector()
  var freshness: Freshness = .newest
  var limit: Int = 0
  var continueToken: String?
  var resourceVersion: String = ""
  var timeout: Duration?
  var sendInitialEvents: Bool?
  var allowsBookmarks: Bool = false
  /// The one object that is asked for.
  var name: String?
  private let fieldPositions: [String: Int]

  init(_ query: QueryParameters, resource: ServedResource, name: String = "", isWatch: Bool = false) throws(StatusError) {
    fieldPositions = resource.storage?.fieldPositions ?? [:]
    resourceVersion = query["resourceVersion"] ?? ""
    try readSelectors(query, resource)
    if !name.isEmpty {
      // A watch of one object's path sees that object alone.
      self.name = name
    }
    limit = max(0, try Self.integer(query, "limit") ?? 0)
    if let token: String = query["continue"], !token.isEmpty { continueToken = token }
    timeout = try Self.integer(query, "timeoutSeconds").map { .seconds($0) }
    allowsBookmarks = query.flag("allowWatchBookmarks")
    if query["sendInitialEvents"] != nil { sendInitialEvents = query.flag("sendInitialEvents") }
    try check(query, isWatch: isWatch)
    if !isWatch { try readFreshness(match: query["resourceVersionMatch"] ?? "") }
  }

  private mutating func readSelectors(_ query: QueryParameters, _ resource: ServedResource) throws(StatusError) {
    do throws(KubeValuesError) {
      if let text: String = query["labelSelector"], !text.isEmpty { labels = try LabelSelector(parsing: text) }
    } catch { throw .badRequest("\(error)") }
    do throws(KubeValuesError) {
      if let text: String = query["fieldSelector"], !text.isEmpty { fields = try FieldSelector(parsing: text) }
    } catch { throw .badRequest("\(error)") }
    if resource.kind.group == "events.k8s.io" { fields = FieldSelector(fields.requirements.map(Self.coreEventField)) }
    for requirement in fields.requirements {
      let isKnown: Bool =
        requirement.field == "metadata.name" || (requirement.field == "metadata.namespace")
        || (fieldPositions[requirement.field] != nil
          && resource.custom?.selectableFields(of: resource.kind.version).contains(requirement.field) ?? true)
      guard isKnown else {
        throw .badRequest(
          resource.custom != nil || !resource.strategy.traits.selectableFields.isEmpty
            ? Self.unknownField(requirement.field, resource)
            : "\"\(requirement.field)\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
      }
      if requirement.field == "metadata.name", !requirement.isNegated { name = requirement.value }
    }
  }

  /// Each kind has its own words.
  private static func unknownField(_ field: String, _ resource: ServedResource) -> String {
    switch (resource.kind.group, resource.kind.kind) {
    case ("batch", "Job"): "field label \(field.goQuoted) not supported for Job"
    case ("resource.k8s.io", let kind):
      "field label not supported for \(resource.kind.apiVersion), Kind=\(kind): \(field)"
    default: "field label not supported: \(field)"
    }
  }

  /// A requirement on a field of the newer Events, with the name that the core group's Events have for it.
  private static func coreEventField(_ given: FieldSelector.Requirement) -> FieldSelector.Requirement {
    var requirement: FieldSelector.Requirement = given
    if given.field == "reportingController" { requirement.field = "reportingComponent" }
    if given.field.hasPrefix("regarding.") { requirement.field = "involvedObject." + given.field.dropFirst(10) }
    return requirement
  }

  private func check(_ query: QueryParameters, isWatch: Bool) throws(StatusError) {
    var errors: [FieldError] = []
    let match: String = query["resourceVersionMatch"] ?? ""
    if sendInitialEvents != nil {
      if match != "NotOlderThan" {
        errors.append(.forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        if !match.isEmpty { errors.append(.notSupported("resourceVersionMatch", .string(match), ["NotOlderThan"])) }
      }
      if !isWatch {
        if !match.isEmpty, resourceVersion.isEmpty {
          errors.append(.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        }
        errors.append(.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
      }
    } else if !match.isEmpty {
      if isWatch {
        errors.append(.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
      } else if resourceVersion.isEmpty {
        errors.append(.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"))
      }
      if continueToken != nil {
        errors.append(.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
      }
      if !isWatch {
        if match != "Exact", match != "NotOlderThan" {
          errors.append(.notSupported("resourceVersionMatch", .string(match), ["Exact", "NotOlderThan", ""]))
        } else if match == "Exact", resourceVersion == "0" {
          errors.append(.forbidden("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
        }
      }
    }
    if !errors.isEmpty { throw .invalid(GroupKind("meta.k8s.io", "ListOptions"), "", errors) }
  }

  private mutating func readFreshness(match: String) throws(StatusError) {
    if continueToken != nil {
      if !resourceVersion.isEmpty, resourceVersion != "0" {
        throw .badRequest("specifying resource version is not allowed when using continue")
      }
      freshness = .newest
      return
    }
    guard !resourceVersion.isEmpty else { return }
    let revision: Revision = try Self.revision(resourceVersion)
    if revision == 0 {
      freshness = .any
      // Lists of any age come from the cache, whole.
      limit = 0
    } else if match == "Exact" || (match.isEmpty && limit > 0) {
      freshness = .exact(revision)
    } else {
      freshness = .notOlderThan(revision)
    }
  }

  /// The integer of a parameter; nil where it is not given.
  private static func integer(_ query: QueryParameters, _ name: String) throws(StatusError) -> Int? {
    guard let text: String = query[name], !text.isEmpty else { return nil }
    guard let value: Int = Int(text) else {
      throw .badRequest("strconv.ParseInt: parsing \(text.goQuoted): invalid syntax")
    }
    return value
  }

  static func revision(_ text: String) throws(StatusError) -> Revision {
    guard let value: UInt64 = UInt64(text), let revision: Revision = Revision(exactly: value) else {
      throw StatusError(
        code: 500, reason: "",
        message: "resourceVersion: Invalid value: \(text.goQuoted): strconv.ParseUint: parsing \(text.goQuoted): invalid syntax")
    }
    return revision
  }

  static func getFreshness(_ query: QueryParameters) throws(StatusError) -> Freshness {
    guard let text: String = query["resourceVersion"], !text.isEmpty else { return .newest }
    let revision: Revision = try revision(text)
    return revision == 0 ? .any : .notOlderThan(revision)
  }

  func listRequest(namespace: String) -> ListRequest {
    ListRequest(
      namespace: namespace.isEmpty ? nil : namespace, name: name, freshness: freshness, limit: limit,
      continueToken: continueToken)
  }

  /// The selection as a closure; nil where everything is selected.
  var matches: (@Sendable (CachedObject) -> Bool)? { matches(fields) }

  /// The selection by labels alone.
  var labelMatches: (@Sendable (CachedObject) -> Bool)? { matches(FieldSelector()) }

  private func matches(_ fields: FieldSelector) -> (@Sendable (CachedObject) -> Bool)? {
    if labels.isEmpty, fields.isEmpty { return nil }
    let labels: LabelSelector = labels
    let positions: [String: Int] = fieldPositions
    return { object in
      guard labels.isEmpty || labels.matches(object.labels) else { return false }
      return fields.isEmpty
        || fields.matches { field in
          switch field {
          case "metadata.name": object.name
          case "metadata.namespace": object.namespace
          default: positions[field].map { object.fields[$0] } ?? ""
          }
        }
    }
  }
}
