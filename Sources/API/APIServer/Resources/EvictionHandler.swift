// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues
import NIOHTTP1

/// pods/eviction: deletes a pod where its disruption budget allows it.
struct EvictionHandler: SubresourceHandler {
  private static let attempts: Int = 10

  func handle(_ endpoint: ResourceEndpoint) async throws {
    guard let schema: KindSchema = SchemaRegistry.builtIn.kind("policy", "v1", "Eviction"),
      let pods: ServedResource = endpoint.core.registry.any("", "pods")
    else { throw ResourceEndpoint.unknownPath }
    let form: NegotiatedAnswer = try endpoint.negotiate()
    let options: WriteOptions = try WriteOptions(.create, query: endpoint.call.query)
    let eviction: JSONValue = try endpoint.decode(
      Self.inPresentVersion(try await endpoint.call.body()), as: schema, validation: options.validation)
    let name: String = endpoint.info.name
    guard eviction.objectName.isEmpty || eviction.objectName == name else {
      throw StatusError.badRequest("name in URL does not match name in Eviction object")
    }
    var deletion: DeleteOptions = DeleteOptions()
    let given: JSONValue = eviction["deleteOptions"]
    deletion.gracePeriodSeconds = given["gracePeriodSeconds"].int
    deletion.uid = given["preconditions"]["uid"].string
    deletion.resourceVersion = given["preconditions"]["resourceVersion"].string
    deletion.isDryRun = options.isDryRun || given["dryRun"].stringItems.contains("All")
    let pod: JSONValue = try ObjectStorage.tree(try await endpoint.existing(name))
    try await checkBudget(endpoint, pod, isDryRun: deletion.isDryRun)
    let target: ResourceEndpoint = ResourceEndpoint(core: endpoint.core, resource: pods, call: endpoint.call)
    if !deletion.isDryRun { try await tell(target, &deletion) }
    _ = try await target.delete(name, deletion)
    let status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": .object(JSONObject()), "status": "Success", "code": 201,
    ]
    try await endpoint.call.send(status, as: form, status: .created, schema: MetaSchemas.status)
  }

  /// policy/v1beta1 is no longer served, but its evictions, which are the same, still are.
  private static func inPresentVersion(_ body: [UInt8]) -> [UInt8] {
    guard var tree: JSONValue = try? JSONValue(parsing: body), tree["apiVersion"] == "policy/v1beta1" else { return body }
    tree["apiVersion"] = "policy/v1"
    return tree.bytes
  }

  /// Tells in the pod's status why it goes (condition DisruptionTarget), before it goes.
  private func tell(_ pods: ResourceEndpoint, _ deletion: inout DeleteOptions) async throws {
    let storage: ObjectStorage = try pods.storage()
    for attempt in 1...Self.attempts {
      let cached: CachedObject = try await pods.existing(pods.info.name)
      var pod: JSONValue = try ObjectStorage.tree(cached)
      // Preconditions that do not hold are the deletion's to refuse.
      if deletion.uid.map({ $0 != pod.objectUID }) ?? false { return }
      if deletion.resourceVersion.map({ $0 != String(cached.revision) }) ?? false { return }
      if pod.isBeingDeleted || Self.isOver(pod) { return }
      var conditions: [JSONValue] = pod["status"]["conditions"].items.filter { $0["type"].string != "DisruptionTarget" }
      conditions.append([
        "type": "DisruptionTarget", "status": "True", "lastProbeTime": .null,
        "lastTransitionTime": .string(pods.call.now.rfc3339), "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
      ])
      pod["status"]["conditions"] = .array(conditions)
      do throws(StatusError) {
        let json: [UInt8] = pods.resource.storageSchema.encodeJSON(pod.settingRevision(nil))
        let written: CachedObject = try await storage.update(cached, json: json)
        if deletion.resourceVersion != nil { deletion.resourceVersion = String(written.revision) }
        return
      } catch {
        guard error.reason == "Conflict", attempt < Self.attempts else { throw error }
      }
    }
  }

  private static func isOver(_ pod: JSONValue) -> Bool {
    ["Succeeded", "Failed"].contains(pod["status"]["phase"].string ?? "")
  }

  private static func isReady(_ pod: JSONValue) -> Bool {
    pod["status"]["conditions"].items.contains { $0["type"].string == "Ready" && $0["status"].string == "True" }
  }

  private func checkBudget(_ endpoint: ResourceEndpoint, _ pod: JSONValue, isDryRun: Bool) async throws {
    if Self.isOver(pod) || (pod["status"]["phase"].string ?? "Pending") == "Pending" || pod.isBeingDeleted { return }
    guard let served: ServedResource = endpoint.core.registry.any("policy", "poddisruptionbudgets"),
      let storage: ObjectStorage = served.storage
    else { return }
    let budgets: [CachedObject] = try await storage.list(ListRequest(namespace: endpoint.info.namespace)).objects
    let labels: [String: String] = pod.objectLabels
    let matching: [(CachedObject, JSONValue)] = try budgets.map { ($0, try ObjectStorage.tree($0)) }.filter {
      Selectors.matches($0.1["spec"]["selector"], labels)
    }
    if matching.count > 1 {
      let message: String = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
      throw StatusError(code: 500, reason: "", message: message)
    }
    guard let (cached, budget): (CachedObject, JSONValue) = matching.first else { return }
    let status: JSONValue = budget["status"]
    let (healthy, desired): (Int64, Int64) = (status["currentHealthy"].int ?? 0, status["desiredHealthy"].int ?? 0)
    // A pod that serves nobody may go: always, or (as it is where nothing is said) while enough others are well.
    if !Self.isReady(pod) {
      if budget["spec"]["unhealthyPodEvictionPolicy"].string == "AlwaysAllow" { return }
      if healthy >= desired, desired > 0 { return }
    }
    if (status["observedGeneration"].int ?? 0) < (budget["metadata"]["generation"].int ?? 0) {
      throw tooMany("The disruption budget \(cached.name) is still being processed by the server.", cached, 10)
    }
    let allowed: Int64 = status["disruptionsAllowed"].int ?? 0
    guard allowed > 0 else {
      throw tooMany(
        "The disruption budget \(cached.name) needs \(desired) healthy pods and has \(healthy) currently", cached, nil)
    }
    if isDryRun { return }
    let changed: JSONValue = spending(budget, pod.objectName, allowed, endpoint.call.now)
    let managed: JSONValue = FieldManager(kind: served.storageSchema, subresource: "status", resetFields: []).updated(
      live: budget, object: changed, manager: "kube-apiserver", time: endpoint.call.now.rfc3339)
    _ = try await storage.update(cached, json: managed.settingRevision(nil).bytes)
  }

  /// The budget after one pod more is gone.
  private func spending(_ budget: JSONValue, _ pod: String, _ allowed: Int64, _ now: Timestamp) -> JSONValue {
    var changed: JSONValue = budget
    changed["status"]["disruptionsAllowed"] = .int(allowed - 1)
    changed["status"]["disruptedPods"][pod] = .string(now.rfc3339)
    guard allowed == 1 else { return changed }
    let type: String = "DisruptionAllowed"
    let old: JSONValue? = budget["status"]["conditions"].items.first { $0["type"].string == type }
    let isNew: Bool = old?["status"].string != "False"
    var condition: JSONValue = [
      "type": .string(type), "status": "False",
      "lastTransitionTime": isNew ? .string(now.rfc3339) : old?["lastTransitionTime"] ?? .null,
      "reason": "InsufficientPods", "message": "",
    ]
    condition["observedGeneration"] = budget["metadata"]["generation"]
    changed["status"]["conditions"] = .array(
      budget["status"]["conditions"].items.filter { $0["type"].string != type } + [condition])
    return changed
  }

  private func tooMany(_ cause: String, _ budget: CachedObject, _ retry: Int?) -> StatusError {
    var details: JSONValue = ["causes": [["reason": "DisruptionBudget", "message": .string(cause)]]]
    if let retry { details["retryAfterSeconds"] = .int(Int64(retry)) }
    return StatusError(
      code: 429, reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.", details: details, retryAfterSeconds: retry)
  }
}
