// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues

// create.
extension ResourceEndpoint {
  /// How often a generated name is tried anew when it is taken.
  private static let generateAttempts: Int = 8
  /// How often other addresses and ports are chosen when other servers were faster: some write succeeds each time.
  static let claimAttempts: Int = 100

  func create() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let bytes: [UInt8] = try await call.body()
    let options: WriteOptions = try WriteOptions(.create, query: call.query)
    let object: JSONValue = try decode(bytes, as: resource.schema, validation: options.validation)
    let created: JSONValue = try await keeping(textIn: bytes).create(object, options: options)
    try await send(created, as: form, status: .created)
  }

  /// Makes an object of the served version; returns it as it is served.
  func create(_ given: JSONValue, options: WriteOptions, isApply: Bool = false) async throws -> JSONValue {
    var object: JSONValue = given
    Self.wipeSystemFields(&object)
    try checkNamespace(&object)
    dedupeOwners(&object)
    let context: StrategyContext = context()
    object = try await toStorageForm(object, context, live: isApply ? Optional<JSONValue>.none : JSONValue.null)
    fillName(&object)
    try await CustomRequests.checkCreation(self, object.objectName)
    object = try await core.admission.admit(
      AdmissionRequest(.create, self, object: object, old: nil, isDryRun: options.isDryRun))
    try checkNamespace(&object)
    return try await createAdmitted(object, options: options, context: context)
  }

  /// The part of a create that may run several times, with another generated name.
  private func createAdmitted(
    _ admitted: JSONValue, options: WriteOptions, context: StrategyContext
  ) async throws -> JSONValue {
    let isGenerated: Bool = !(admitted["metadata"]["generateName"].string ?? "").isEmpty
    var object: JSONValue = admitted
    var attempt: Int = 1
    var lostClaims: Int = 0
    while true {
      do throws(StatusError) { return try await storeNew(object, options: options, context: context) } catch {
        if error.isClaimLost, lostClaims < Self.claimAttempts {
          lostClaims += 1
          try await core.allocators.ledger.refresh()
          continue
        }
        guard error.code == 409, error.reason == "AlreadyExists", isGenerated, attempt < Self.generateAttempts else {
          throw error
        }
        attempt += 1
        object["metadata"]["name"] = .string(
          GeneratedName.make(prefix: admitted["metadata"]["generateName"].string ?? ""))
      }
    }
  }

  private func storeNew(
    _ given: JSONValue, options: WriteOptions, context: StrategyContext
  ) async throws(StatusError) -> JSONValue {
    do {
      var object: JSONValue = given
      fillSystemFields(&object)
      resource.strategy.prepareForCreate(&object, context)
      let allocation: any Allocation = try await core.allocators.allocate(
        &object, old: nil, resource: resource, isDryRun: options.isDryRun)
      defer { allocation.end() }
      try await check(object, context, options)
      return try await servedForm(try await write(object, options, allocation))
    } catch let error as StatusError {
      throw error
    } catch {
      throw .internalError("\(error)")
    }
  }

  private func check(_ object: JSONValue, _ context: StrategyContext, _ options: WriteOptions) async throws(StatusError) {
    try checkStrategyErrors(resource.strategy.validate(object, context), object.objectName)
    try checkName(object)
    call.warnings.add(resource.strategy.warnings(object, old: nil, context))
    do {
      try await core.admission.validate(
        AdmissionRequest(.create, self, object: object, old: nil, isDryRun: options.isDryRun))
    } catch { throw (error as? StatusError) ?? .internalError("\(error)") }
  }

  private func write(
    _ object: JSONValue, _ options: WriteOptions, _ allocation: any Allocation
  ) async throws(StatusError) -> JSONValue {
    guard let storage: ObjectStorage = resource.storage else { throw Self.methodNotAllowed }
    let name: String = object.objectName
    var object: JSONValue = object
    // Read back, an object has the defaults that follow from what was filled in since they were applied.
    resource.strategy.applyDefaults(&object, context())
    if options.isDryRun {
      if try await storage.get(namespace: namespace, name: name) != nil { throw .alreadyExists(group, name) }
      return try ObjectStorage.tree(resource.storageSchema.encodeJSON(object), name)
    }
    do throws(StatusError) {
      let claims: [StoreWrite] = try await allocation.writes(for: object)
      return try ObjectStorage.tree(
        try await storage.create(
          namespace: namespace, name: name, json: storedJSON(object, text: rawText), with: claims))
    } catch {
      // Of a resource that two groups serve the caller hears of the one that was asked.
      throw error.reason == "AlreadyExists" ? .alreadyExists(group, name) : error
    }
  }

  // MARK: metadata

  static func wipeSystemFields(_ object: inout JSONValue) {
    for field: String in [
      "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "uid", "creationTimestamp", "resourceVersion",
    ] { object["metadata"][field] = .null }
  }

  func checkNamespace(_ object: inout JSONValue) throws {
    let given: String = object.objectNamespace
    guard resource.definition.isNamespaced else {
      object["metadata"]["namespace"] = .null
      return
    }
    if given.isEmpty {
      object["metadata"]["namespace"] = .string(info.namespace)
    } else if given != info.namespace {
      throw StatusError.badRequest("the namespace of the provided object does not match the namespace sent on the request")
    }
  }

  func fillName(_ object: inout JSONValue) {
    let prefix: String = object["metadata"]["generateName"].string ?? ""
    if object.objectName.isEmpty, !prefix.isEmpty {
      object["metadata"]["name"] = .string(GeneratedName.make(prefix: prefix))
    }
  }

  private func fillSystemFields(_ object: inout JSONValue) {
    object["metadata"]["resourceVersion"] = .null
    object["metadata"]["creationTimestamp"] = .string(call.now.rfc3339)
    if object.objectUID.isEmpty { object["metadata"]["uid"] = .string(UID.make()) }
  }

  /// Takes out owners that are named twice.
  func dedupeOwners(_ object: inout JSONValue) {
    guard let owners: [JSONValue] = object["metadata"]["ownerReferences"].array, owners.count > 1 else { return }
    var seen: Set<String> = []
    let unique: [JSONValue] = owners.filter { seen.insert($0.text).inserted }
    if unique.count < owners.count {
      object["metadata"]["ownerReferences"] = .array(unique)
      call.warnings.add(
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: \(Self.duplicateUIDs(owners))")
    }
  }

  private static func duplicateUIDs(_ owners: [JSONValue]) -> String {
    var counts: [String: Int] = [:]
    for owner: JSONValue in owners { counts[owner["uid"].string ?? "", default: 0] += 1 }
    return counts.filter { $0.value > 1 }.keys.sorted().joined(separator: ", ")
  }

  func checkStrategyErrors(_ errors: [FieldError], _ name: String) throws(StatusError) {
    if !errors.isEmpty { throw .invalid(shownKind, name, errors) }
  }

  /// A name is part of a path.
  private func checkName(_ object: JSONValue) throws(StatusError) {
    let name: String = object.objectName
    var errors: [FieldError] = []
    if name == "." || name == ".." {
      errors.append(.invalid("metadata.name", .string(name), "may not be '\(name)'"))
    }
    for part: String in ["/", "%"] where name.contains(part) {
      errors.append(.invalid("metadata.name", .string(name), "may not contain '\(part)'"))
    }
    if name.isEmpty {
      errors.append(.required("metadata.name", "name or generateName is required"))
    }
    try checkStrategyErrors(errors, name)
  }

  // MARK: versions

  /// An object of the served version, with defaults, in the store's form.
  ///
  /// - Parameter live: The stored object (null: none) for the managed fields, which speak the served version; nil
  ///   leaves them as they are.
  func toStorageForm(_ object: JSONValue, _ context: StrategyContext, live: JSONValue?) async throws -> JSONValue {
    var object: JSONValue = object
    object["apiVersion"] = .string(resource.kind.apiVersion)
    object["kind"] = .string(resource.kind.kind)
    object["metadata"]["selfLink"] = .null
    // An empty list says that nobody owns a field any more; the conversions below take empty lists away.
    let owners: JSONValue = object["metadata"]["managedFields"]
    resource.schema.applySchemaDefaults(to: &object)
    object = try await resource.toStorage(object)
    resource.strategy.applyDefaults(&object, context)
    guard let live else { return resource.storageSchema.normalized(object) }
    let before: JSONValue = live.isNull ? .null : try await servedForm(live)
    var served: JSONValue = try await servedForm(object)
    served["metadata"]["managedFields"] = owners
    object = fieldManager(resource.schema).updated(
      live: before, object: served, manager: call.fieldManager, time: call.now.rfc3339)
    if live.isNull, resource.conversion == nil { return resource.storageSchema.normalizedRequest(object) }
    return resource.storageSchema.normalized(try await resource.toStorage(object))
  }

  func servedForm(_ object: JSONValue) async throws(StatusError) -> JSONValue {
    guard resource.conversion != nil else { return object }
    do { return resource.schema.normalized(try await resource.fromStorage(object)) } catch {
      throw (error as? StatusError) ?? .internalError("\(error)")
    }
  }

  func fieldManager(_ schema: KindSchema) -> FieldManager {
    FieldManager(kind: schema, subresource: info.subresource, resetFields: core.resetFields(resource, info.subresource))
  }

  /// The kind as messages about its objects name it: events of either group are those of the core group.
  var shownKind: GroupKind {
    let kind: GroupKind = resource.kind.groupKind
    return kind.group == "events.k8s.io" ? GroupKind("", kind.kind) : kind
  }
}
