// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues

/// Reads the metrics APIs, whoever serves them: `metrics.k8s.io`, `custom.metrics.k8s.io`, `external.metrics.k8s.io`.
struct MetricsReader: Sendable {
  let client: KubeClient

  private static let podMetrics: ResourceType = ResourceType(
    group: "metrics.k8s.io", version: "v1beta1", plural: "pods", kind: "PodMetrics", isNamespaced: true)
  private static let customGroup: String = "custom.metrics.k8s.io"
  /// The window of a reading whose maker does not say.
  private static let usualWindow: Duration = .seconds(60)

  // MARK: Resources

  /// What the selected pods, or one container of each, use of a resource.
  func resource(
    _ resource: String, namespace: String, selector: String, container: String
  ) async throws -> [String: PodReading] {
    let items: [JSONValue]
    do throws(KubeClientError) {
      items = try await client.list(
        Self.podMetrics, namespace: namespace, options: ListOptions(labelSelector: selector)
      ).items
    } catch {
      throw Self.failure("resource metrics API", "get pods.metrics.k8s.io", error)
    }
    guard !items.isEmpty else { throw AutoscalingError("no metrics returned from resource metrics API") }
    var readings: [String: PodReading] = [:]
    for item: JSONValue in items {
      var containers: [JSONValue] = item["containers"].items
      if !container.isEmpty { containers = containers.filter { $0["name"].string == container } }
      let values: [Int64] = containers.compactMap { Self.milli($0["usage"][resource]) }
      guard !values.isEmpty, values.count == containers.count, let name: String = item["metadata"]["name"].string else {
        continue
      }
      readings[name] = PodReading(
        value: values.reduce(0, &+), time: Self.time(item["timestamp"]),
        window: item["window"].string.flatMap(Self.duration) ?? Self.usualWindow)
    }
    return readings
  }

  // MARK: Custom metrics

  /// A metric of each of the selected pods.
  func pods(_ metric: MetricIdentifier, namespace: String, selector: String) async throws -> [String: PodReading] {
    let query: [(String, String)] = [("labelSelector", selector)] + Self.query(metric, "metricLabelSelector")
    let items: [JSONValue] = try await custom("namespaces/\(namespace)/pods/*/\(metric.name)", query)
    var readings: [String: PodReading] = [:]
    for item: JSONValue in items {
      guard let name: String = item["describedObject"]["name"].string else { continue }
      readings[name] = PodReading(
        value: Self.milli(item["value"]) ?? 0, time: Self.time(item["timestamp"]),
        window: item["windowSeconds"].int.map { .seconds($0) } ?? Self.usualWindow)
    }
    return readings
  }

  /// A metric of one object, in thousandths.
  func object(
    _ metric: MetricIdentifier, of object: CrossVersionObjectReference, plural: String, namespace: String
  ) async throws -> Int64 {
    // A namespace is an object of the cluster, and only the autoscaler's own may be asked for.
    let path: String =
      object.kind == "Namespace" && !object.apiVersion.contains("/")
      ? "namespaces/\(namespace)/metrics/\(metric.name)"
      : "namespaces/\(namespace)/\(plural)/\(object.name)/\(metric.name)"
    let items: [JSONValue] = try await custom(path, Self.query(metric, "metricLabelSelector"))
    return Self.milli(items[0]["value"]) ?? 0
  }

  private func custom(_ path: String, _ query: [(String, String)]) async throws -> [JSONValue] {
    let items: [JSONValue]
    do throws(KubeClientError) {
      let group: JSONValue = try await client.document("/apis/\(Self.customGroup)")
      let versions: [String] = group["versions"].items.compactMap { $0["version"].string }
      let version: String = versions.contains("v1beta2") ? "v1beta2" : versions.first ?? "v1beta2"
      items = try await client.document("/apis/\(Self.customGroup)/\(version)/\(path)", query: query)["items"].items
    } catch {
      throw Self.failure("custom metrics API", "get \(path)", error)
    }
    guard !items.isEmpty else { throw AutoscalingError("no metrics returned from custom metrics API") }
    return items
  }

  // MARK: External metrics

  /// The sum of an external metric's selected series, in thousandths.
  func external(_ metric: MetricIdentifier, namespace: String) async throws -> Int64 {
    let items: [JSONValue]
    do throws(KubeClientError) {
      items = try await client.document(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/\(namespace)/\(metric.name)",
        query: Self.query(metric, "labelSelector"))["items"].items
    } catch {
      throw Self.failure("external metrics API", "get \(metric.name).external.metrics.k8s.io", error)
    }
    guard !items.isEmpty else { throw AutoscalingError("no metrics returned from external metrics API") }
    return items.compactMap { Self.milli($0["value"]) }.reduce(0) { sum, value in
      let (result, overflows): (Int64, Bool) = sum.addingReportingOverflow(value)
      return overflows ? .max : result
    }
  }

  // MARK: Values

  private static func query(_ metric: MetricIdentifier, _ name: String) -> [(String, String)] {
    metric.hasSelector ? [(name, LabelSelector(metric.selector).description)] : []
  }

  private static func milli(_ value: JSONValue) -> Int64? {
    value.string.flatMap { ResourceQuantity($0)?.milliValue } ?? value.int.map { $0 &* 1000 }
  }

  private static func time(_ value: JSONValue) -> Timestamp {
    value.string.flatMap { try? Timestamp(parsing: $0) } ?? .now
  }

  /// A duration as Go writes it in metrics, as in `15s`, `1m0s` or `10.5s`.
  static func duration(_ text: String) -> Duration? {
    var total: Double = 0
    var digits: String = ""
    var unit: String = ""
    func value() -> Double? {
      let scales: [String: Double] = ["h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 0.000_001, "µs": 0.000_001, "ns": 1e-9]
      guard let number: Double = Double(digits), let scale: Double = scales[unit] else { return nil }
      return number * scale
    }
    for character: Character in text {
      if character.isNumber || character == "." {
        if !unit.isEmpty {
          guard let part: Double = value() else { return nil }
          total += part
          (digits, unit) = ("", "")
        }
        digits.append(character)
      } else {
        unit.append(character)
      }
    }
    return value().map { .milliseconds(Int64((total + $0) * 1000)) }
  }

  /// Upstream's words for an API that cannot be read.
  private static func failure(_ api: String, _ what: String, _ error: KubeClientError) -> AutoscalingError {
    let isUnknown: Bool = error.isNotFound && error.reason != "NotFound"
    let reason: String =
      isUnknown || error.message.hasPrefix("404 page not found")
      ? "the server could not find the requested resource (\(what))" : "\(error)"
    return AutoscalingError("unable to fetch metrics from \(api): \(reason)")
  }
}
