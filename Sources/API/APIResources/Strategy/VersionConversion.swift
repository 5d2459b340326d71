// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import JSON

/// Between the versions and groups in which one kind is served: each is turned into the stored form and back.
public enum VersionConversion {
  /// The object in another version of its kind, or the same object where only apiVersion differs.
  public static func convert(_ object: JSONValue, to kind: GroupVersionKind) -> JSONValue {
    let from: String = object["apiVersion"].plain
    if from == kind.apiVersion { return object }
    var converted: JSONValue = object
    switch (from, kind.apiVersion, kind.kind) {
    case ("v1", "events.k8s.io/v1", "Event"): rename(&converted, EventNames.core, EventNames.events)
    case ("events.k8s.io/v1", "v1", "Event"): rename(&converted, EventNames.events, EventNames.core)
    case ("autoscaling/v1", "autoscaling/v2", "HorizontalPodAutoscaler"): AutoscalerConversion.toV2(&converted)
    case ("autoscaling/v2", "autoscaling/v1", "HorizontalPodAutoscaler"): AutoscalerConversion.toV1(&converted)
    default: break
    }
    converted["apiVersion"] = .string(kind.apiVersion)
    return converted
  }

  private enum EventNames {
    static let core: [String] = [
      "involvedObject", "message", "source", "firstTimestamp", "lastTimestamp", "count", "reportingComponent",
    ]
    static let events: [String] = [
      "regarding", "note", "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp",
      "deprecatedCount", "reportingController",
    ]
  }

  private static func rename(_ object: inout JSONValue, _ from: [String], _ to: [String]) {
    for (old, new) in zip(from, to) {
      let value: JSONValue = object[old]
      object[old] = .null
      object[new] = value
    }
  }
}

/// HorizontalPodAutoscalers of autoscaling/v1 keep in annotations what that version cannot say.
enum AutoscalerConversion {
  private static let prefix: String = "autoscaling.alpha.kubernetes.io/"

  static func toV2(_ object: inout JSONValue) {
    var metrics: [JSONValue] = annotated(&object, "metrics")
    if let target: Int64 = object["spec"]["targetCPUUtilizationPercentage"].int {
      metrics.insert(
        [
          "type": "Resource",
          "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": .int(target)]],
        ], at: 0)
    }
    object["spec"]["targetCPUUtilizationPercentage"] = .null
    if !metrics.isEmpty { object["spec"]["metrics"] = .array(metrics) }
    if let behavior: JSONValue = take(&object, "behavior") { object["spec"]["behavior"] = behavior }
    var current: [JSONValue] = annotated(&object, "current-metrics")
    if let percentage: Int64 = object["status"]["currentCPUUtilizationPercentage"].int {
      current.insert(
        ["type": "Resource", "resource": ["name": "cpu", "current": ["averageUtilization": .int(percentage)]]], at: 0)
    }
    object.edit("status") { $0["currentCPUUtilizationPercentage"] = .null }
    if !current.isEmpty { object["status"]["currentMetrics"] = .array(current) }
    if let conditions: JSONValue = take(&object, "conditions") { object["status"]["conditions"] = conditions }
  }

  static func toV1(_ object: inout JSONValue) {
    var rest: [JSONValue] = []
    for metric: JSONValue in object["spec"]["metrics"].items {
      let utilization: JSONValue = metric["resource"]["target"]["averageUtilization"]
      if metric["type"].plain == "Resource", metric["resource"]["name"].plain == "cpu", utilization.isThere,
        object["spec"]["targetCPUUtilizationPercentage"].isNull
      {
        object["spec"]["targetCPUUtilizationPercentage"] = utilization
      } else {
        rest.append(metric)
      }
    }
    object["spec"]["metrics"] = .null
    put(&object, "metrics", rest.isEmpty ? .null : .array(rest))
    put(&object, "behavior", object["spec"]["behavior"])
    object["spec"]["behavior"] = .null
    guard object["status"].isThere else { return }
    var current: [JSONValue] = []
    for metric: JSONValue in object["status"]["currentMetrics"].items {
      let utilization: JSONValue = metric["resource"]["current"]["averageUtilization"]
      if metric["type"].plain == "Resource", metric["resource"]["name"].plain == "cpu", utilization.isThere {
        object["status"]["currentCPUUtilizationPercentage"] = utilization
      }
      current.append(metric)
    }
    object["status"]["currentMetrics"] = .null
    put(&object, "current-metrics", current.isEmpty ? .null : .array(current))
    put(&object, "conditions", object["status"]["conditions"])
    object["status"]["conditions"] = .null
  }

  private static func put(_ object: inout JSONValue, _ name: String, _ value: JSONValue) {
    guard !value.isVoid else { return }
    object["metadata"]["annotations"][prefix + name] = .string(value.text)
  }

  private static func take(_ object: inout JSONValue, _ name: String) -> JSONValue? {
    guard let text: String = object["metadata"]["annotations"][prefix + name].string else { return nil }
    object["metadata"]["annotations"][prefix + name] = .null
    if object["metadata"]["annotations"].isVoid { object["metadata"]["annotations"] = .null }
    // An annotation that a user broke is dropped, as upstream does.
    return try? JSONValue(parsing: text)
  }

  private static func annotated(_ object: inout JSONValue, _ name: String) -> [JSONValue] {
    take(&object, name)?.items ?? []
  }
}
