// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues

/// Limits and defaults of resources in a namespace (LimitRange objects).
struct LimitRanger: AdmissionPlugin {
  static let name: String = "LimitRanger"

  let ranges: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "pods"), request.operation == .create else { return }
    for range: JSONValue in try await ranges.objects(namespace: request.namespace) {
      var annotations: [String] = []
      for item: JSONValue in range["spec"]["limits"].items where item["type"].string == "Container" {
        for list: String in ["containers", "initContainers"] {
          for index: Int in request.object["spec"][list].items.indices {
            let isInit: Bool = list == "initContainers"
            annotations += Self.fill(&request.object["spec"][list][index], item, isInit: isInit)
          }
        }
      }
      if !annotations.isEmpty {
        request.object["metadata"]["annotations"]["kubernetes.io/limit-ranger"] = .string(
          "LimitRanger plugin set: " + annotations.joined(separator: "; "))
      }
    }
  }

  private static func fill(_ container: inout JSONValue, _ item: JSONValue, isInit: Bool) -> [String] {
    var texts: [String] = []
    let name: String = container["name"].string ?? ""
    for (kind, source) in [("requests", "defaultRequest"), ("limits", "default")] {
      var set: [String] = []
      for (resource, value) in item[source].object ?? JSONObject() where container["resources"][kind][resource].isNull {
        container["resources"][kind][resource] = value
        set.append(resource)
      }
      if !set.isEmpty {
        let what: String = kind == "requests" ? "request" : "limit"
        texts.append("\(set.sorted().joined(separator: ", ")) \(what) for \(isInit ? "init container" : "container") \(name)")
      }
    }
    return texts
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard request.operation == .create || request.operation == .update, request.subresource.isEmpty else { return }
    let isPod: Bool = request.isAbout("", "pods")
    guard (isPod && request.operation == .create) || request.isAbout("", "persistentvolumeclaims") else { return }
    for range: JSONValue in try await ranges.objects(namespace: request.namespace) {
      var errors: [String] = []
      for item: JSONValue in range["spec"]["limits"].items {
        switch (item["type"].string ?? "", isPod) {
        case ("Container", true):
          for container: JSONValue in request.object["spec"]["initContainers"].items + request.object["spec"]["containers"].items {
            errors += Self.check(item, container["resources"]["requests"], container["resources"]["limits"])
          }
        case ("Pod", true):
          errors += Self.check(item, PodTotals.sum(request.object, "requests"), PodTotals.sum(request.object, "limits"))
        case ("PersistentVolumeClaim", false):
          let requests: JSONValue = request.object["spec"]["resources"]["requests"]
          errors += Self.check(item, requests, requests)
        default: break
        }
      }
      if !errors.isEmpty {
        throw request.forbidden(errors.count == 1 ? errors[0] : "[" + errors.joined(separator: ", ") + "]")
      }
    }
  }

  private static func check(_ item: JSONValue, _ requests: JSONValue, _ limits: JSONValue) -> [String] {
    let type: String = item["type"].string ?? ""
    var errors: [String] = []
    func quantity(_ value: JSONValue) -> ResourceQuantity? { value.string.flatMap { ResourceQuantity($0) } }
    // A claim has no limits: what it asks for counts once.
    let hasLimits: Bool = type != "PersistentVolumeClaim"
    for (resource, bound) in item["min"].object ?? JSONObject() {
      guard let least: ResourceQuantity = quantity(bound) else { continue }
      if let given: ResourceQuantity = quantity(requests[resource]) {
        if given < least {
          errors.append("minimum \(resource) usage per \(type) is \(bound.string ?? ""), but request is \(requests[resource].string ?? "")")
        }
      } else {
        errors.append("minimum \(resource) usage per \(type) is \(bound.string ?? "").  No request is specified")
      }
      if quantity(requests[resource]) == nil, let given: ResourceQuantity = quantity(limits[resource]), given < least {
        errors.append("minimum \(resource) usage per \(type) is \(bound.string ?? ""), but limit is \(limits[resource].string ?? "")")
      }
    }
    for (resource, bound) in item["max"].object ?? JSONObject() {
      guard let most: ResourceQuantity = quantity(bound) else { continue }
      if hasLimits, let given: ResourceQuantity = quantity(limits[resource]) {
        if most < given {
          errors.append("maximum \(resource) usage per \(type) is \(bound.string ?? ""), but limit is \(limits[resource].string ?? "")")
        }
      } else if hasLimits {
        errors.append("maximum \(resource) usage per \(type) is \(bound.string ?? "").  No limit is specified")
      }
      let isTold: Bool = hasLimits && quantity(limits[resource]) != nil
      if !isTold, let given: ResourceQuantity = quantity(requests[resource]), most < given {
        errors.append("maximum \(resource) usage per \(type) is \(bound.string ?? ""), but request is \(requests[resource].string ?? "")")
      }
    }
    for (resource, bound) in item["maxLimitRequestRatio"].object ?? JSONObject() {
      guard let ratio: ResourceQuantity = quantity(bound) else { continue }
      guard let limit: ResourceQuantity = quantity(limits[resource]), let wanted: ResourceQuantity = quantity(requests[resource]),
        wanted.milliValue > 0
      else {
        errors.append("\(resource) max limit to request ratio per \(type) is \(bound.string ?? ""), but no request is specified or request is 0")
        continue
      }
      let actual: Double = Double(limit.milliValue) / Double(wanted.milliValue)
      if actual > Double(ratio.milliValue) / 1000 {
        errors.append("\(resource) max limit to request ratio per \(type) is \(bound.string ?? ""), but provided ratio is \(Self.ratio(actual))")
      }
    }
    return errors
  }

  /// Six decimals, as Go's %f.
  private static func ratio(_ value: Double) -> String {
    let millionths: Int64 = Int64((value * 1_000_000).rounded())
    let fraction: String = String(millionths % 1_000_000)
    return "\(millionths / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
  }
}

/// What a pod asks for in sum.
enum PodTotals {
  static func sum(_ pod: JSONValue, _ kind: String) -> JSONValue {
    var totals: [String: ResourceQuantity] = [:]
    for container: JSONValue in pod["spec"]["containers"].items {
      for (resource, value) in container["resources"][kind].object ?? JSONObject() {
        guard let quantity: ResourceQuantity = value.string.flatMap({ ResourceQuantity($0) }) else { continue }
        totals[resource] = totals[resource].map { $0 + quantity } ?? quantity
      }
    }
    for container: JSONValue in pod["spec"]["initContainers"].items {
      for (resource, value) in container["resources"][kind].object ?? JSONObject() {
        guard let quantity: ResourceQuantity = value.string.flatMap({ ResourceQuantity($0) }) else { continue }
        if container["restartPolicy"].string == "Always" {
          totals[resource] = totals[resource].map { $0 + quantity } ?? quantity
        } else if totals[resource].map({ $0 < quantity }) ?? true {
          totals[resource] = quantity
        }
      }
    }
    var result: JSONValue = .object(JSONObject())
    for key: String in totals.keys.sorted() { result[key] = JSONValue(totals[key]?.description) }
    return result
  }
}
