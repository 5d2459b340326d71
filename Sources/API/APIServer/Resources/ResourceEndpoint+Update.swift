// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues

/// How an update gets from the stored object to the new one.
struct UpdatePlan: Sendable {
  /// The object's name.
  var name: String
  /// Makes the new object, in the store's form and admitted, from the stored one.
  var change: @Sendable (_ live: JSONValue) async throws -> JSONValue
  /// Makes the object where there is none; nil refuses.
  var create: (@Sendable () async throws -> JSONValue)?
  /// The identity that the stored object must have.
  var uid: String = ""
  /// A patch without a resourceVersion is tried anew when somebody else wrote meanwhile.
  var retriesConflicts: Bool = false
  var options: WriteOptions
}

// update.
extension ResourceEndpoint {
  /// As often as upstream's patch handler.
  private static let attempts: Int = 5

  func update() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let bytes: [UInt8] = try await call.body()
    let options: WriteOptions = try WriteOptions(.update, query: call.query)
    let given: JSONValue = try decode(bytes, as: resource.schema, validation: options.validation)
    try await keeping(textIn: bytes).update(with: given, form, options)
  }

  private func update(with given: JSONValue, _ form: NegotiatedAnswer, _ options: WriteOptions) async throws {
    var given: JSONValue = given
    let name: String = info.name
    let objectName: String = given.objectName
    if objectName.isEmpty, info.subresource.isEmpty || !resource.definition.isNamespaced, objectName != name {
      throw StatusError.badRequest(
        "the name of the object (\(name) based on URL) was undeterminable: name must be provided")
    }
    if !objectName.isEmpty, objectName != name {
      throw StatusError.badRequest(
        "the name of the object (\(objectName)) does not match the name on the URL (\(name))")
    }
    try checkNamespace(&given)
    dedupeOwners(&given)
    let object: JSONValue = given
    var plan: UpdatePlan = UpdatePlan(
      name: name, change: { live in try await changed(live, to: object, options: options) }, uid: object.objectUID,
      options: options)
    if resource.strategy.traits.allowsCreateOnUpdate, info.subresource.isEmpty {
      plan.create = { try await createByUpdate(object, options) }
    }
    let (result, isNew): (JSONValue, Bool) = try await run(plan)
    try await send(result, as: form, status: isNew ? .created : .ok)
  }

  /// A PUT to a name without an object, where the kind allows it.
  private func createByUpdate(_ object: JSONValue, _ options: WriteOptions) async throws -> JSONValue {
    let attributes: AuthorizationAttributes = AuthorizationAttributes(
      user: call.user, verb: "create", group: info.group, resource: info.resource, namespace: info.namespace,
      name: info.name)
    try await core.authorizer.require(attributes)
    return try await create(object, options: options)
  }

  /// The new object of a PUT: defaults, managed fields, admission.
  private func changed(_ live: JSONValue, to given: JSONValue, options: WriteOptions) async throws -> JSONValue {
    let object: JSONValue = try await toStorageForm(given, context(), live: live)
    return try await core.admission.admit(
      AdmissionRequest(.update, self, object: object, old: live, isDryRun: options.isDryRun))
  }

  /// Reads, changes, checks and writes until nobody else writes in between.
  func run(_ plan: UpdatePlan) async throws -> (JSONValue, isNew: Bool) {
    var attempt: Int = 1
    while true {
      guard let cached: CachedObject = try await storage().get(namespace: namespace, name: plan.name) else {
        guard let create = plan.create else { throw StatusError.notFound(group, plan.name) }
        do throws(StatusError) {
          do { return (try await create(), true) } catch { throw (error as? StatusError) ?? .internalError("\(error)") }
        } catch {
          // Somebody else made it meanwhile: now it is an update.
          guard error.reason == "AlreadyExists", attempt < Self.attempts else { throw error }
          attempt += 1
          continue
        }
      }
      let (result, retries): (JSONValue?, Bool) = try await once(plan, cached, isLast: attempt >= Self.attempts)
      if let result { return (try await servedForm(result), false) }
      guard retries else { throw StatusError.conflict(group, plan.name, StorageErrors.conflictMessage) }
      attempt += 1
    }
  }

  /// One try; nil and true when it met another write and may be tried anew.
  private func once(
    _ plan: UpdatePlan, _ cached: CachedObject, isLast: Bool
  ) async throws -> (JSONValue?, Bool) {
    let old: JSONValue = try ObjectStorage.tree(cached)
    if !plan.uid.isEmpty, plan.uid != old.objectUID {
      throw StatusError.conflict(
        group, plan.name,
        "StorageError: invalid object, Code: 4, Key: \(cached.key), ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \(plan.uid), UID in object meta: \(old.objectUID)")
    }
    var object: JSONValue = try await plan.change(old)
    let given: String = object.objectResourceVersion
    if given.isEmpty || given == "0" {
      if !resource.strategy.traits.allowsUnconditionalUpdate {
        throw StatusError.invalid(
          GroupKind(group.group, group.resource), plan.name,
          [.invalid("metadata.resourceVersion", .int(0), "must be specified for an update")])
      }
    } else if given != String(cached.revision) {
      throw StatusError.conflict(group, plan.name, StorageErrors.conflictMessage)
    }
    let allocation: any Allocation =
      info.subresource.isEmpty
      ? try await core.allocators.allocate(&object, old: old, resource: resource, isDryRun: plan.options.isDryRun)
      : NoAllocation()
    defer { allocation.end() }
    try beforeUpdate(&object, old: old, text: keptText(cached))
    try await core.admission.validate(
      AdmissionRequest(.update, self, object: object, old: old, isDryRun: plan.options.isDryRun))
    object["metadata"]["resourceVersion"] = .null
    let isUnconditional: Bool = given.isEmpty || given == "0" || plan.retriesConflicts
    do throws(StatusError) {
      return (try await finish(object, old: old, cached, plan.options, allocation), false)
    } catch {
      if error.isClaimLost, !isLast {
        try await core.allocators.ledger.refresh()
        return (nil, true)
      }
      guard error.reason == "Conflict", isUnconditional, !isLast else { throw error }
      return (nil, true)
    }
  }

  /// Writes the new object, or deletes it where it was waiting for this.
  private func finish(
    _ object: JSONValue, old: JSONValue, _ cached: CachedObject, _ options: WriteOptions, _ allocation: any Allocation
  ) async throws(StatusError) -> JSONValue {
    guard let storage: ObjectStorage = resource.storage else { throw Self.methodNotAllowed }
    var object: JSONValue = resource.storageSchema.normalized(object)
    object = fieldManager(resource.storageSchema).keepingTimes(live: old, object: object)
    if Deletion.endsWithUpdate(object, old: old, group) {
      if !options.isDryRun {
        let releases: [StoreWrite] = try await core.allocators.releases(old, group: group)
        await core.deleted(try await storage.delete(cached, with: releases), endpoint: self)
      }
      return object.with(resourceVersion: cached.revision)
    }
    if object == old.settingRevision(nil) { return old }
    if options.isDryRun { return object.with(resourceVersion: cached.revision) }
    let claims: [StoreWrite] = try await allocation.writes(for: object)
    return try ObjectStorage.tree(
      try await storage.update(
        cached, json: storedJSON(object, text: keptText(cached)), with: claims))
  }

  /// What upstream calls BeforeUpdate: what a client cannot change, then the strategy and validation.
  private func beforeUpdate(_ object: inout JSONValue, old: JSONValue, text: [UInt8]?) throws {
    if resource.definition.isNamespaced {
      guard object.objectNamespace == old.objectNamespace else {
        throw StatusError.badRequest("the namespace of the provided object does not match the namespace sent on the request")
      }
    } else {
      object["metadata"]["namespace"] = .null
    }
    object["metadata"]["generation"] = old["metadata"]["generation"]
    let context: StrategyContext = context()
    resource.strategy.prepareForUpdate(&object, old: old, context)
    if object.objectUID.isEmpty { object["metadata"]["uid"] = old["metadata"]["uid"] }
    object["metadata"]["creationTimestamp"] = old["metadata"]["creationTimestamp"]
    if old.isBeingDeleted { object["metadata"]["deletionTimestamp"] = old["metadata"]["deletionTimestamp"] }
    if object["metadata"]["deletionGracePeriodSeconds"].isNull {
      object["metadata"]["deletionGracePeriodSeconds"] = old["metadata"]["deletionGracePeriodSeconds"]
    }
    try checkStrategyErrors(
      resource.strategy.validateUpdate(object, old: old, context) + textErrors(object, old: old, text: text),
      object.objectName)
    call.warnings.add(resource.strategy.warnings(object, old: old, context))
  }
}

extension JSONValue {
  func settingRevision(_ revision: String?) -> JSONValue {
    var copy: JSONValue = self
    copy["metadata"]["resourceVersion"] = JSONValue(revision)
    return copy
  }
}
