// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Evaluates one metric of an autoscaler: reads it, and works out the replicas that it calls for.
struct MetricEvaluation: Sendable {
  /// What a metric calls for.
  struct Result: Sendable {
    var replicas: Int32
    /// How events and conditions name the metric.
    var name: String
    var status: MetricStatus
  }

  /// Why a metric calls for nothing.
  struct Failure: Error {
    /// The reason of the condition and of the event.
    var reason: String
    /// What the event and the condition say.
    var message: String
    /// What the error of the whole evaluation says.
    var summary: String
  }

  let reader: MetricsReader
  let namespace: String
  let selector: String
  let proposal: ReplicaProposal
  /// The replicas that there are, as the workload's status has them.
  let observed: Int32
  /// Finds the resource of an object that a metric describes, as in `ingresses.networking.k8s.io`.
  let resourceName: @Sendable (CrossVersionObjectReference) async throws -> String

  func evaluate(_ metric: MetricSpec) async throws(Failure) -> Result {
    switch metric.type {
    case "Resource":
      let name: String = metric.resource.name
      return try await named("FailedGetResourceMetric", "failed to get \(name) resource metric value") {
        try await resource(name, metric.resource.target, container: nil)
      }
    case "ContainerResource":
      let source: ContainerResourceMetricSource = metric.containerResource
      return try await named(
        "FailedGetContainerResourceMetric", "failed to get \(source.container) container metric value"
      ) {
        try await resource(source.name, source.target, container: source.container)
      }
    case "Pods":
      return try await named("FailedGetPodsMetric", "failed to get pods metric value") { try await pods(metric.pods) }
    case "Object":
      return try await named("FailedGetObjectMetric", "failed to get object metric value") {
        try await object(metric.object)
      }
    case "External":
      return try await named(
        "FailedGetExternalMetric", "failed to get \(metric.external.metric.name) external metric value"
      ) {
        try await external(metric.external)
      }
    default:
      let text: String = "unknown metric source type \"\(metric.type)\""
      throw Failure(reason: "InvalidMetricSourceType", message: text, summary: text)
    }
  }

  private func named(
    _ reason: String, _ what: String, _ work: () async throws -> Result
  ) async throws(Failure) -> Result {
    do {
      return try await work()
    } catch {
      throw Failure(reason: reason, message: "\(error)", summary: "\(what): \(error)")
    }
  }

  // MARK: The sources

  private func resource(_ name: String, _ target: MetricTarget, container: String?) async throws -> Result {
    let hasAverage: Bool = target.hasAverageValue
    guard hasAverage || target.hasAverageUtilization else {
      throw AutoscalingError(
        "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set")
    }
    var current: MetricValueStatus = MetricValueStatus()
    let replicas: Int32
    let average: Int64
    var text: String = "\(name) resource"
    let what: String = "failed to get \(name) \(hasAverage ? "usage" : "utilization")"
    let readings: [String: PodReading]
    do {
      readings = try await reader.resource(name, namespace: namespace, selector: selector, container: container ?? "")
    } catch {
      throw AutoscalingError("\(what): unable to get metrics for resource \(name): \(error)")
    }
    do throws(AutoscalingError) {
      if hasAverage {
        (replicas, average) = try proposal.byAverage(
          ResourceQuantity(target.averageValue).milliValue, of: name, readings)
      } else {
        let percent: Int32
        (replicas, percent, average) = try proposal.byUtilization(
          target.averageUtilization, of: name, container: container ?? "", readings)
        current.averageUtilization = percent
        text = "\(name) \(container == nil ? "" : "container ")resource utilization (percentage of request)"
      }
    } catch {
      throw AutoscalingError("\(what): \(error)")
    }
    current.averageValue = Quantity(ResourceQuantity(milli: average, format: name == "memory" ? .binarySI : .decimalSI))
    var status: MetricStatus = MetricStatus()
    if let container {
      status.type = "ContainerResource"
      status.containerResource.name = name
      status.containerResource.container = container
      status.containerResource.current = current
    } else {
      status.type = "Resource"
      status.resource.name = name
      status.resource.current = current
    }
    return Result(replicas: replicas, name: text, status: status)
  }

  private func pods(_ source: PodsMetricSource) async throws -> Result {
    let readings: [String: PodReading]
    do {
      readings = try await reader.pods(source.metric, namespace: namespace, selector: selector)
    } catch {
      throw AutoscalingError("unable to get metric \(source.metric.name): \(error)")
    }
    let (replicas, average): (Int32, Int64) = try proposal.byAverage(
      ResourceQuantity(source.target.averageValue).milliValue, of: nil, readings)
    var status: MetricStatus = MetricStatus()
    status.type = "Pods"
    status.pods.metric = source.metric
    status.pods.current.averageValue = Quantity(ResourceQuantity(milli: average))
    return Result(replicas: replicas, name: "pods metric \(source.metric.name)", status: status)
  }

  private func object(_ source: ObjectMetricSource) async throws -> Result {
    let object: CrossVersionObjectReference = source.describedObject
    let usage: Int64
    do {
      usage = try await reader.object(
        source.metric, of: object, plural: try await resourceName(object), namespace: namespace)
    } catch {
      throw AutoscalingError(
        "unable to get metric \(source.metric.name): \(object.kind) on \(namespace) \(object.name)/\(error)")
    }
    var current: MetricValueStatus = MetricValueStatus()
    let replicas: Int32 = try replicas(source.target, usage, &current, "object")
    var status: MetricStatus = MetricStatus()
    status.type = "Object"
    status.object.metric = source.metric
    status.object.describedObject = object
    status.object.current = current
    let name: String =
      source.target.type == "Value"
      ? "\(object.kind) metric \(source.metric.name)" : "external metric \(Self.text(source.metric))"
    return Result(replicas: replicas, name: name, status: status)
  }

  private func external(_ source: ExternalMetricSource) async throws -> Result {
    let usage: Int64
    do {
      usage = try await reader.external(source.metric, namespace: namespace)
    } catch {
      let name: String = source.metric.name
      let what: String = source.target.hasAverageValue ? "\(name) external metric" : "external metric \(name)"
      throw AutoscalingError(
        "failed to get \(what): unable to get external metric \(namespace)/\(name)/\(Self.selector(source.metric)): \(error)")
    }
    var current: MetricValueStatus = MetricValueStatus()
    let replicas: Int32 = try replicas(source.target, usage, &current, "external")
    var status: MetricStatus = MetricStatus()
    status.type = "External"
    status.external.metric = source.metric
    status.external.current = current
    return Result(replicas: replicas, name: "external metric \(Self.text(source.metric))", status: status)
  }

  /// For one value that all pods share, or each pod's share in it.
  private func replicas(
    _ target: MetricTarget, _ usage: Int64, _ current: inout MetricValueStatus, _ source: String
  ) throws(AutoscalingError) -> Int32 {
    if target.hasAverageValue {
      let (replicas, share): (Int32, Int64) = proposal.byShare(
        usage, target: ResourceQuantity(target.averageValue).milliValue, among: observed)
      current.averageValue = Quantity(ResourceQuantity(milli: share))
      return replicas
    }
    guard target.hasValue else {
      throw AutoscalingError(
        "invalid \(source) metric source: neither a value target nor an average value target was set")
    }
    current.value = Quantity(ResourceQuantity(milli: usage))
    return try proposal.byValue(usage, target: ResourceQuantity(target.value).milliValue)
  }

  // MARK: Words

  private static func text(_ metric: MetricIdentifier) -> String { "\(metric.name)(\(selector(metric)))" }

  /// A selector as upstream's events write it.
  private static func selector(_ metric: MetricIdentifier) -> String {
    guard metric.hasSelector else { return "nil" }
    let labels: String = metric.selector.matchLabels.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)," }.joined()
    let terms: String = metric.selector.matchExpressions.map {
      "LabelSelectorRequirement{Key:\($0.key),Operator:\($0.operator),Values:[\($0.values.joined(separator: " "))],},"
    }.joined()
    return
      "&LabelSelector{MatchLabels:map[string]string{\(labels)},MatchExpressions:[]LabelSelectorRequirement{\(terms)},}"
  }
}
