// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// The built-in kinds that exist in two forms: events and autoscalers.
enum BuiltInConversion {
  static func storageKind(_ definition: ResourceDefinition) -> GroupVersionKind {
    switch definition.kind.group {
    case "events.k8s.io": GroupVersionKind("", "v1", "Event")
    case "autoscaling": GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler")
    default: definition.storageKind
    }
  }

  static func of(_ definition: ResourceDefinition) -> (any VersionConversion)? {
    let stored: GroupVersionKind = storageKind(definition)
    guard stored != definition.kind else { return nil }
    switch definition.kind.group {
    case "events.k8s.io": return EventConversion()
    case "autoscaling": return AutoscalerConversion()
    default: return nil
    }
  }
}

/// events.k8s.io/v1 and v1 Events.
struct EventConversion: VersionConversion {
  private static let renamed: [(new: String, old: String)] = [
    ("regarding", "involvedObject"), ("note", "message"), ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"), ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"), ("reportingController", "reportingComponent"),
  ]

  func toStorage(_ object: JSONValue) async throws -> JSONValue {
    var result: JSONValue = object
    for (new, old) in Self.renamed {
      result[new] = .null
      result[old] = object[new]
    }
    result["apiVersion"] = "v1"
    return result
  }

  func fromStorage(_ object: JSONValue, to kind: GroupVersionKind) async throws -> JSONValue {
    var result: JSONValue = object
    for (new, old) in Self.renamed {
      result[old] = .null
      result[new] = object[old]
    }
    result["apiVersion"] = .string(kind.apiVersion)
    return result
  }
}

/// autoscaling/v1 and autoscaling/v2 HorizontalPodAutoscalers: version 1 knows the processor's metric alone and
/// keeps the rest in annotations.
struct AutoscalerConversion: VersionConversion {
  private static let annotations: [(key: String, path: [String])] = [
    ("autoscaling.alpha.kubernetes.io/metrics", ["spec", "metrics"]),
    ("autoscaling.alpha.kubernetes.io/behavior", ["spec", "behavior"]),
    ("autoscaling.alpha.kubernetes.io/current-metrics", ["status", "currentMetrics"]),
    ("autoscaling.alpha.kubernetes.io/conditions", ["status", "conditions"]),
  ]

  func toStorage(_ object: JSONValue) async throws -> JSONValue {
    var result: JSONValue = object
    result["apiVersion"] = "autoscaling/v2"
    var metrics: [JSONValue] = []
    if let target: Int64 = object["spec"]["targetCPUUtilizationPercentage"].int {
      metrics.append([
        "type": "Resource",
        "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": .int(target)]],
      ])
    }
    result["spec"]["targetCPUUtilizationPercentage"] = .null
    if let current: Int64 = object["status"]["currentCPUUtilizationPercentage"].int {
      result["status"]["currentMetrics"] = [
        ["type": "Resource", "resource": ["name": "cpu", "current": ["averageUtilization": .int(current)]]]
      ]
      result["status"]["currentCPUUtilizationPercentage"] = .null
    }
    for (key, path) in Self.annotations {
      guard let text: String = object["metadata"]["annotations"][key].string,
        let value: JSONValue = try? JSONValue(parsing: text)
      else { continue }
      result["metadata"]["annotations"][key] = .null
      if path == ["spec", "metrics"] { metrics += value.items } else { result[path[0]][path[1]] = value }
    }
    if result["metadata"]["annotations"].object?.isEmpty == true { result["metadata"]["annotations"] = .null }
    if !metrics.isEmpty { result["spec"]["metrics"] = .array(metrics) }
    return result
  }

  func fromStorage(_ object: JSONValue, to kind: GroupVersionKind) async throws -> JSONValue {
    guard kind.version == "v1" else { return object }
    var result: JSONValue = object
    result["apiVersion"] = "autoscaling/v1"
    var others: [JSONValue] = []
    for metric: JSONValue in object["spec"]["metrics"].items {
      if metric["resource"]["name"].string == "cpu", let target: Int64 = metric["resource"]["target"]["averageUtilization"].int {
        result["spec"]["targetCPUUtilizationPercentage"] = .int(target)
      } else {
        others.append(metric)
      }
    }
    result["spec"]["metrics"] = .null
    for metric: JSONValue in object["status"]["currentMetrics"].items {
      if metric["resource"]["name"].string == "cpu", let now: Int64 = metric["resource"]["current"]["averageUtilization"].int {
        result["status"]["currentCPUUtilizationPercentage"] = .int(now)
      }
    }
    result["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"] =
      others.isEmpty ? .null : .string(JSONValue.array(others).text)
    for (key, path) in Self.annotations.dropFirst() {
      let value: JSONValue = object[path[0]][path[1]]
      result[path[0]][path[1]] = .null
      if !value.isNull { result["metadata"]["annotations"][key] = .string(value.text) }
    }
    if result["metadata"]["annotations"].object?.isEmpty == true { result["metadata"]["annotations"] = .null }
    return result
  }
}
