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
      apply(binding, to: &pod, now: endpoint.call.now)
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
