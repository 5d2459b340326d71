// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON
import KubeValues

/// A write on its way to the store, as admission sees it. Objects are in the store's form.
struct AdmissionRequest: Sendable {
  enum Operation: String, Sendable { case create = "CREATE", update = "UPDATE", delete = "DELETE", connect = "CONNECT" }

  var operation: Operation
  var group: GroupResource
  var resource: ServedResource
  var subresource: String
  var namespace: String
  var name: String
  /// The new object; null for a deletion.
  var object: JSONValue
  /// The stored object; null for a creation.
  var old: JSONValue
  var options: JSONValue
  var isDryRun: Bool
  var user: UserInfo
  var now: Timestamp
  var warnings: WarningSink
  /// What of the changes asks for a second round.
  let reinvocation: Reinvocation = Reinvocation()
  /// Brings an object of the served version, as somebody changed it, into the store's form, with defaults.
  let toStorageForm: @Sendable (_ served: JSONValue) async throws -> JSONValue

  init(
    _ operation: Operation, _ endpoint: ResourceEndpoint, object: JSONValue, old: JSONValue?, isDryRun: Bool,
    options: JSONValue = .null
  ) {
    self.operation = operation
    group = endpoint.group
    resource = endpoint.resource
    subresource = endpoint.info.subresource
    namespace = endpoint.info.namespace
    name = endpoint.info.name.isEmpty ? (object.isNull ? old ?? .null : object).objectName : endpoint.info.name
    self.object = object
    self.old = old ?? .null
    self.options = options
    self.isDryRun = isDryRun
    user = endpoint.call.user
    now = endpoint.call.now
    warnings = endpoint.call.warnings
    toStorageForm = { try await endpoint.toStorageForm($0, endpoint.context(), live: nil) }
  }

  /// Whether this is about pods themselves, not one of their subresources.
  func isAbout(_ group: String, _ resource: String) -> Bool {
    subresource.isEmpty && self.group.group == group && self.group.resource == resource
  }

  func forbidden(_ why: String) -> StatusError { .forbidden(group, name, why) }
}

/// A rule that may change or refuse writes.
protocol AdmissionPlugin: Sendable {
  static var name: String { get }
  /// Changes the object, or refuses it.
  func admit(_ request: inout AdmissionRequest) async throws
  /// Refuses the object as it will be written.
  func validate(_ request: AdmissionRequest) async throws
}

extension AdmissionPlugin {
  func admit(_ request: inout AdmissionRequest) async throws {}
  func validate(_ request: AdmissionRequest) async throws {}
  var name: String { Self.name }
}

/// All rules, in order.
struct AdmissionChain: Sendable {
  var plugins: [any AdmissionPlugin]

  /// The object after all changes, in canonical form.
  func admit(_ given: AdmissionRequest) async throws -> JSONValue {
    var request: AdmissionRequest = given
    for plugin: any AdmissionPlugin in plugins { try await plugin.admit(&request) }
    if request.reinvocation.beginSecondRound() {
      for plugin: any AdmissionPlugin in plugins { try await plugin.admit(&request) }
    }
    return request.object
  }

  func validate(_ request: AdmissionRequest) async throws {
    for plugin: any AdmissionPlugin in plugins { try await plugin.validate(request) }
  }

  /// Deletions pass both rounds: some rules refuse, none can change anything.
  func validateDeletion(_ given: AdmissionRequest) async throws {
    var request: AdmissionRequest = given
    for plugin: any AdmissionPlugin in plugins { try await plugin.admit(&request) }
    try await validate(request)
  }
}
