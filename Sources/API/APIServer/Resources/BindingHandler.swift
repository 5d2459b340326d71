// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues
import NIOHTTP1

/// pods/binding and bindings: gives a pod its node.
struct BindingHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    guard let schema: KindSchema = SchemaRegistry.builtIn.kind("", "v1", "Binding"),
      let pods: ServedResource = endpoint.core.registry.any("", "pods")
    else { throw ResourceEndpoint.unknownPath }
    let form: NegotiatedAnswer = try endpoint.negotiate()
    let options: WriteOptions = try WriteOptions(.create, query: endpoint.call.query)
    let binding: JSONValue = try endpoint.decode(try await endpoint.call.body(), as: schema, validation: options.validation)
    let name: String = endpoint.info.name.isEmpty ? binding.objectName : endpoint.info.name
    let given: String = binding.objectName
    if !given.isEmpty, given != name {
      throw StatusError.badRequest("name in URL does not match name in Binding object")
    }
    if !binding.objectNamespace.isEmpty, binding.objectNamespace != endpoint.info.namespace {
      throw StatusError.badRequest("the namespace of the provided object does not match the namespace sent on the request")
    }
    try Self.check(binding, name)
    var info: RequestInfo = endpoint.info
    info.resource = "pods"
    info.name = name
    info.subresource = "binding"
    var call: APICall = endpoint.call
    call = APICall(request: call.request, response: call.response, query: call.query, info: info, user: call.user)
    let target: ResourceEndpoint = ResourceEndpoint(core: endpoint.core, resource: pods, call: call)
    try await Self.bind(target, binding, options)
    let status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": .object(JSONObject()), "status": "Success", "code": 201,
    ]
    try await endpoint.call.send(status, as: form, status: .created, schema: MetaSchemas.status)
  }

  private static func check(_ binding: JSONValue, _ name: String) throws {
    let target: JSONValue = binding["target"]
    var errors: [FieldError] = []
    if let kind: String = target["kind"].string, !kind.isEmpty, kind != "Node" {
      errors.append(.notSupported("target.kind", .string(kind), ["Node", "<empty>"]))
    }
    if (target["name"].string ?? "").isEmpty { errors.append(.required("target.name")) }
    if !errors.isEmpty { throw StatusError.invalid(GroupKind("", "Binding"), name, errors) }
  }

  private static func bind(_ endpoint: ResourceEndpoint, _ binding: JSONValue, _ options: WriteOptions) async throws {
    let storage: ObjectStorage = try endpoint.storage()
    for _ in 0..<10 {
      let cached: CachedObject = try await endpoint.existing(endpoint.info.name)
      var pod: JSONValue = try ObjectStorage.tree(cached)
      let uid: String = binding.objectUID
      if !uid.isEmpty, uid != pod.objectUID {
        throw StatusError.conflict(endpoint.group, endpoint.info.name, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(pod.objectUID)")
      }
      if pod.isBeingDeleted {
        throw conflict(endpoint, "pod \(endpoint.info.name) is being deleted, cannot be assigned to a host")
      }
      let node: String = pod["spec"]["nodeName"].string ?? ""
      if !node.isEmpty {
        throw conflict(endpoint, "pod \(endpoint.info.name) is already assigned to node \(node.goQuoted)")
      }
      if !pod["spec"]["schedulingGates"].items.isEmpty {
        throw conflict(endpoint, "pod \(endpoint.info.name) has non-empty .spec.schedulingGates")
      }
      let before: JSONValue = pod
      apply(binding, to: &pod, now: endpoint.call.now)
      pod = FieldManager(kind: endpoint.resource.storageSchema, subresource: "binding", resetFields: []).updated(
        live: before, object: pod, manager: endpoint.call.fieldManager, time: endpoint.call.now.rfc3339)
      try await endpoint.core.admission.validate(
        AdmissionRequest(.create, endpoint, object: binding, old: nil, isDryRun: options.isDryRun))
      if options.isDryRun { return }
      do throws(StatusError) {
        _ = try await storage.update(cached, json: endpoint.resource.storageSchema.encodeJSON(pod.settingRevision(nil)))
        return
      } catch {
        if error.reason != "Conflict" { throw error }
      }
    }
    throw StatusError.conflict(endpoint.group, endpoint.info.name, StorageErrors.conflictMessage)
  }

  private static func conflict(_ endpoint: ResourceEndpoint, _ why: String) -> StatusError {
    .conflict(GroupResource("", "pods/binding"), endpoint.info.name, why)
  }

  private static func apply(_ binding: JSONValue, to pod: inout JSONValue, now: Timestamp) {
    pod["spec"]["nodeName"] = binding["target"]["name"]
    for (key, value) in binding["metadata"]["annotations"].object ?? JSONObject() {
      pod["metadata"]["annotations"][key] = value
    }
    for (key, value) in binding["metadata"]["labels"].object ?? JSONObject() { pod["metadata"]["labels"][key] = value }
    var conditions: [JSONValue] = pod["status"]["conditions"].items.filter { $0["type"].string != "PodScheduled" }
    conditions.append(["type": "PodScheduled", "status": "True", "lastProbeTime": .null, "lastTransitionTime": .string(now.rfc3339)])
    pod["status"]["conditions"] = .array(conditions)
  }
}

/// pods/eviction: deletes a pod where its disruption budget allows it.
struct EvictionHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    guard let schema: KindSchema = SchemaRegistry.builtIn.kind("policy", "v1", "Eviction"),
      let pods: ServedResource = endpoint.core.registry.any("", "pods")
    else { throw ResourceEndpoint.unknownPath }
    let form: NegotiatedAnswer = try endpoint.negotiate()
    let options: WriteOptions = try WriteOptions(.create, query: endpoint.call.query)
    let eviction: JSONValue = try endpoint.decode(try await endpoint.call.body(), as: schema, validation: options.validation)
    let name: String = endpoint.info.name
    guard eviction.objectName.isEmpty || eviction.objectName == name else {
      throw StatusError.badRequest("name in URL does not match name in Eviction object")
    }
    let pod: JSONValue = try ObjectStorage.tree(try await endpoint.existing(name))
    var deletion: DeleteOptions = DeleteOptions()
    let given: JSONValue = eviction["deleteOptions"]
    deletion.gracePeriodSeconds = given["gracePeriodSeconds"].int
    deletion.uid = given["preconditions"]["uid"].string
    deletion.resourceVersion = given["preconditions"]["resourceVersion"].string
    deletion.isDryRun = options.isDryRun || given["dryRun"].stringItems.contains("All")
    try await checkBudget(endpoint, pod, isDryRun: deletion.isDryRun)
    let target: ResourceEndpoint = ResourceEndpoint(core: endpoint.core, resource: pods, call: endpoint.call)
    _ = try await target.delete(name, deletion)
    let status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": .object(JSONObject()), "status": "Success", "code": 201,
    ]
    try await endpoint.call.send(status, as: form, status: .created, schema: MetaSchemas.status)
  }

  private func checkBudget(_ endpoint: ResourceEndpoint, _ pod: JSONValue, isDryRun: Bool) async throws {
    if ["Succeeded", "Failed", "Pending"].contains(pod["status"]["phase"].string ?? "Pending") || pod.isBeingDeleted { return }
    guard let storage: ObjectStorage = endpoint.core.registry.storage("policy", "poddisruptionbudgets") else { return }
    let budgets: [CachedObject] = try await storage.list(ListRequest(namespace: endpoint.info.namespace)).objects
    let labels: [String: String] = pod.objectLabels
    let matching: [(CachedObject, JSONValue)] = try budgets.map { ($0, try ObjectStorage.tree($0)) }.filter {
      Selectors.matches($0.1["spec"]["selector"], labels)
    }
    if matching.count > 1 {
      throw StatusError.internalError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
    }
    guard let (cached, budget): (CachedObject, JSONValue) = matching.first else { return }
    let allowed: Int64 = budget["status"]["disruptionsAllowed"].int ?? 0
    if (budget["status"]["observedGeneration"].int ?? 0) < (budget["metadata"]["generation"].int ?? 0) {
      throw tooMany("The disruption budget \(cached.name) is still being processed by the server.", cached, 10)
    }
    guard allowed > 0 else {
      let healthy: Int64 = budget["status"]["currentHealthy"].int ?? 0
      let desired: Int64 = budget["status"]["desiredHealthy"].int ?? 0
      throw tooMany(
        "The disruption budget \(cached.name) needs \(desired) healthy pods and has \(healthy) currently", cached, nil)
    }
    if isDryRun { return }
    var changed: JSONValue = budget
    changed["status"]["disruptionsAllowed"] = .int(allowed - 1)
    changed["status"]["disruptedPods"][pod.objectName] = .string(endpoint.call.now.rfc3339)
    _ = try await storage.update(cached, json: changed.settingRevision(nil).bytes)
  }

  private func tooMany(_ cause: String, _ budget: CachedObject, _ retry: Int?) -> StatusError {
    var details: JSONValue = ["causes": [["reason": "DisruptionBudget", "message": .string(cause)]]]
    if let retry { details["retryAfterSeconds"] = .int(Int64(retry)) }
    return StatusError(
      code: 429, reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.", details: details, retryAfterSeconds: retry)
  }
}

/// meta/v1 label selectors of objects.
enum Selectors {
  /// Whether labels match a selector; an absent selector matches nothing.
  static func matches(_ selector: JSONValue, _ labels: [String: String]) -> Bool {
    guard selector.object != nil else { return false }
    for (key, value) in selector["matchLabels"].strings where labels[key] != value { return false }
    for expression: JSONValue in selector["matchExpressions"].items {
      let value: String? = labels[expression["key"].string ?? ""]
      let values: [String] = expression["values"].stringItems
      let holds: Bool =
        switch expression["operator"].string ?? "" {
        case "In": value.map(values.contains) ?? false
        case "NotIn": value.map { !values.contains($0) } ?? true
        case "Exists": value != nil
        case "DoesNotExist": value == nil
        default: false
        }
      if !holds { return false }
    }
    return true
  }
}
