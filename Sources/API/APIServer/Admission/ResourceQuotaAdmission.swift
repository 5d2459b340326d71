// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues

/// Bounds what a namespace may hold (ResourceQuota objects).
struct ResourceQuotaAdmission: AdmissionPlugin {
  static let name: String = "ResourceQuota"
  private static let attempts: Int = 10

  let quotas: ObjectStorage

  func validate(_ request: AdmissionRequest) async throws {
    guard request.operation == .create, request.subresource.isEmpty, request.resource.definition.isNamespaced,
      !request.namespace.isEmpty
    else { return }
    let found: [CachedObject] = try await quotas.list(ListRequest(namespace: request.namespace)).objects
    if found.isEmpty { return }
    let usage: [String: ResourceQuantity] = Self.usage(request)
    for cached: CachedObject in found { try await charge(cached, usage, request) }
  }

  private func charge(_ given: CachedObject, _ usage: [String: ResourceQuantity], _ request: AdmissionRequest) async throws {
    var cached: CachedObject = given
    for _ in 0..<Self.attempts {
      let quota: JSONValue = try ObjectStorage.tree(cached)
      guard Self.covers(quota, request) else { return }
      // What its controller has taken up: a quota counts from then on.
      let names: [String] = quota["status"]["hard"].object?.keys.sorted() ?? []
      let charged: [String] = names.filter { usage[$0] != nil }
      if request.group == GroupResource("", "pods") { try Self.requireFields(names, request, quota) }
      guard !charged.isEmpty else { return }
      let unknown: [String] = charged.filter { quota["status"]["used"][$0].isNull }
      if !unknown.isEmpty {
        throw request.forbidden("status unknown for quota: \(quota.objectName), resources: \(unknown.joined(separator: ","))")
      }
      var changed: JSONValue = quota
      var exceeded: [String] = []
      for name: String in charged {
        guard let delta: ResourceQuantity = usage[name], !delta.isZero,
          let used: ResourceQuantity = ResourceQuantity(quota["status"]["used"][name].string ?? "0"),
          let limit: ResourceQuantity = ResourceQuantity(quota["status"]["hard"][name].string ?? "0")
        else { continue }
        if limit < used + delta { exceeded.append(name) }
        changed["status"]["used"][name] = .string((used + delta).description)
      }
      if !exceeded.isEmpty {
        func text(_ value: (String) -> String) -> String { exceeded.map { "\($0)=\(value($0))" }.joined(separator: ",") }
        throw request.forbidden(
          "exceeded quota: \(quota.objectName), requested: \(text { usage[$0]?.description ?? "" }), used: \(text { quota["status"]["used"][$0].string ?? "" }), limited: \(text { quota["status"]["hard"][$0].string ?? "" })")
      }
      if request.isDryRun || changed == quota { return }
      do throws(StatusError) {
        _ = try await quotas.update(cached, json: changed.settingRevision(nil).bytes)
        return
      } catch {
        guard error.reason == "Conflict", let fresh: CachedObject = try await quotas.get(namespace: request.namespace, name: cached.name) else {
          throw error
        }
        cached = fresh
      }
    }
  }

  /// Whether a quota's scopes cover a pod; quotas without scopes cover everything.
  private static func covers(_ quota: JSONValue, _ request: AdmissionRequest) -> Bool {
    let scopes: [String] =
      quota["spec"]["scopes"].stringItems + quota["spec"]["scopeSelector"]["matchExpressions"].items.compactMap { $0["scopeName"].string }
    if scopes.isEmpty { return true }
    guard request.group == GroupResource("", "pods") else { return false }
    let spec: JSONValue = request.object["spec"]
    return scopes.allSatisfy { scope in
      switch scope {
      case "Terminating": return !spec["activeDeadlineSeconds"].isNull
      case "NotTerminating": return spec["activeDeadlineSeconds"].isNull
      case "BestEffort": return request.object["status"]["qosClass"].string == "BestEffort"
      case "NotBestEffort": return request.object["status"]["qosClass"].string != "BestEffort"
      case "PriorityClass":
        let values: [String] = quota["spec"]["scopeSelector"]["matchExpressions"].items.flatMap { $0["values"].stringItems }
        let name: String = spec["priorityClassName"].string ?? ""
        return values.isEmpty ? !name.isEmpty : values.contains(name)
      default: return false
      }
    }
  }

  private static func requireFields(_ names: [String], _ request: AdmissionRequest, _ quota: JSONValue) throws {
    let paths: [String: [String]] = [
      "cpu": ["requests", "cpu"], "memory": ["requests", "memory"], "requests.cpu": ["requests", "cpu"],
      "requests.memory": ["requests", "memory"], "limits.cpu": ["limits", "cpu"], "limits.memory": ["limits", "memory"],
    ]
    var missing: [String] = []
    for name: String in names {
      guard let path: [String] = paths[name] else { continue }
      let containers: [String] = request.object["spec"]["containers"].items.filter {
        $0["resources"][path[0]][path[1]].isNull
      }.compactMap { $0["name"].string }
      if !containers.isEmpty { missing.append("\(name) for: \(containers.sorted().joined(separator: ","))") }
    }
    if !missing.isEmpty {
      throw request.forbidden("failed quota: \(quota.objectName): must specify \(missing.joined(separator: "; "))")
    }
  }

  /// What a new object adds.
  private static func usage(_ request: AdmissionRequest) -> [String: ResourceQuantity] {
    let one: ResourceQuantity = ResourceQuantity(1)
    let group: GroupResource = request.group
    var usage: [String: ResourceQuantity] = ["count/\(group)": one]
    let counted: Set<String> = [
      "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services",
    ]
    if group.group.isEmpty, counted.contains(group.resource) { usage[group.resource] = one }
    switch group {
    case GroupResource("", "pods"):
      for kind: String in ["requests", "limits"] {
        for (name, value) in PodTotals.sum(request.object, kind).object ?? JSONObject() {
          guard let quantity: ResourceQuantity = ResourceQuantity(value.string ?? "") else { continue }
          usage["\(kind).\(name)"] = quantity
          if kind == "requests" { usage[name] = quantity }
        }
      }
    case GroupResource("", "services"):
      let type: String = request.object["spec"]["type"].string ?? ""
      if type == "LoadBalancer" { usage["services.loadbalancers"] = one }
      if type == "NodePort" || type == "LoadBalancer" {
        usage["services.nodeports"] = ResourceQuantity(Int64(request.object["spec"]["ports"].items.count))
      }
    case GroupResource("", "persistentvolumeclaims"):
      if let size: ResourceQuantity = ResourceQuantity(request.object["spec"]["resources"]["requests"]["storage"].string ?? "") {
        usage["requests.storage"] = size
        if let name: String = request.object["spec"]["storageClassName"].string {
          usage["\(name).storageclass.storage.k8s.io/requests.storage"] = size
          usage["\(name).storageclass.storage.k8s.io/persistentvolumeclaims"] = one
        }
      }
    default: break
    }
    return usage
  }
}
