// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta
import KubeValues

/// What a metric says of one pod.
struct PodReading: Sendable, Hashable {
  /// In thousandths of the metric's unit.
  var value: Int64
  /// When the window of the measurement ended.
  var time: Timestamp
  /// How long was measured.
  var window: Duration
}

/// Why no number of replicas could be worked out; the text is upstream's.
struct AutoscalingError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// By how much a ratio of usage and target may differ from one without anything being changed.
struct ScalingTolerance: Sendable, Hashable {
  var down: Double
  var up: Double

  func covers(_ ratio: Double) -> Bool { 1 - down <= ratio && ratio <= 1 + up }
}

/// Works out how many replicas would bring a metric to its target, from the pods and their readings.
///
/// What is not known is assumed against the change: pods without a reading count as using nothing before more are
/// made and as using their target before some are removed, and pods that are not ready count as using nothing.
struct ReplicaProposal: Sendable {
  /// The pods of the workload.
  var pods: [Pod]
  var current: Int32
  var tolerance: ScalingTolerance
  /// For how long after its start a pod's processor time counts only while it is ready.
  var startPeriod: Duration = .seconds(300)
  /// Until when after its start a pod's first change of readiness counts as part of its start.
  var readinessDelay: Duration = .seconds(30)
  var now: Timestamp = .now

  // MARK: By the pods' own readings

  /// For a target in percent of what the pods request of a resource.
  ///
  /// - Returns: the replicas, the present percentage, and the present average in thousandths.
  func byUtilization(
    _ target: Int32, of resource: String, container: String, _ readings: [String: PodReading]
  ) throws(AutoscalingError) -> (replicas: Int32, percent: Int32, average: Int64) {
    let groups: Groups = try Groups(self, readings, resource)
    let requests: [String: Int64] = try requests(of: resource, container)
    let (ratio, percent, average): (Double, Int32, Int64) = try Self.utilization(groups.readings, requests, target)
    let full: Int64 = Int64(max(100, target))
    let replicas: Int32 = try replicas(groups, ratio, missing: { (requests[$0] ?? 0) * full / 100 }) {
      (filled: [String: Int64]) throws(AutoscalingError) in
      try Self.utilization(filled, requests, target).ratio
    }
    return (replicas, percent, average)
  }

  /// For a target of the average of the pods.
  ///
  /// - Returns: the replicas, and the present average in thousandths.
  func byAverage(
    _ target: Int64, of resource: String?, _ readings: [String: PodReading]
  ) throws(AutoscalingError) -> (replicas: Int32, average: Int64) {
    let groups: Groups = try Groups(self, readings, resource)
    let average: Int64 = Self.average(groups.readings)
    let replicas: Int32 = try replicas(groups, Double(average) / Double(target), missing: { _ in target }) {
      (filled: [String: Int64]) throws(AutoscalingError) in Double(Self.average(filled)) / Double(target)
    }
    return (replicas, average)
  }

  private func replicas(
    _ groups: Groups, _ ratio: Double, missing: (String) -> Int64,
    again: ([String: Int64]) throws(AutoscalingError) -> Double
  ) throws(AutoscalingError) -> Int32 {
    let growsUnready: Bool = !groups.unready.isEmpty && ratio > 1
    if groups.missing.isEmpty, !growsUnready {
      return tolerance.covers(ratio) ? current : Self.count(ratio * Double(groups.readyCount))
    }
    var filled: [String: Int64] = groups.readings
    for name: String in groups.missing where ratio != 1 { filled[name] = ratio < 1 ? missing(name) : 0 }
    if growsUnready { for name: String in groups.unready { filled[name] = 0 } }
    let careful: Double = try again(filled)
    guard !tolerance.covers(careful), (careful < 1) == (ratio < 1) else { return current }
    let proposed: Int32 = Self.count(careful * Double(filled.count))
    // Fewer pods may have readings than there are replicas.
    return (careful < 1) == (proposed < current) || proposed == current ? proposed : current
  }

  private static func average(_ readings: [String: Int64]) -> Int64 {
    readings.values.reduce(0, &+) / Int64(max(readings.count, 1))
  }

  private static func utilization(
    _ readings: [String: Int64], _ requests: [String: Int64], _ target: Int32
  ) throws(AutoscalingError) -> (ratio: Double, percent: Int32, average: Int64) {
    var (used, requested, count): (Int64, Int64, Int64) = (0, 0, 0)
    for (name, value) in readings {
      guard let request: Int64 = requests[name] else { continue }
      used &+= value
      requested &+= request
      count += 1
    }
    guard requested > 0 else { throw AutoscalingError("no metrics returned matched known pods") }
    let percent: Int32 = Int32(clamping: Int128(used) * 100 / Int128(requested))
    return (Double(percent) / Double(target), percent, used / count)
  }

  // MARK: By one value for all

  /// For a target of one value that the pods share.
  func byValue(_ usage: Int64, target: Int64) throws(AutoscalingError) -> Int32 {
    let ratio: Double = Double(usage) / Double(target)
    guard current != 0 else { return Self.count(ratio) }
    if tolerance.covers(ratio) { return current }
    guard !pods.isEmpty else {
      throw AutoscalingError(
        "unable to calculate ready pods: no pods returned by selector while calculating replica count")
    }
    return Self.count(ratio * Double(pods.filter { $0.status.phase == "Running" && $0.isReady }.count))
  }

  /// For a target of each pod's share in one value.
  ///
  /// - Returns: the replicas, and each pod's present share in thousandths.
  func byShare(_ usage: Int64, target: Int64, among count: Int32) -> (replicas: Int32, share: Int64) {
    let ratio: Double = Double(usage) / (Double(target) * Double(count))
    let replicas: Int32 = tolerance.covers(ratio) ? count : Self.count(Double(usage) / Double(target))
    return (replicas, count == 0 ? usage : Int64(clamping: Int128((Double(usage) / Double(count)).rounded(.up))))
  }

  private static func count(_ value: Double) -> Int32 {
    value.isNaN ? 0 : Int32(max(0, min(value.rounded(.up), Double(Int32.max))))
  }

  // MARK: Requests

  /// What each pod requests of a resource, or what one of its containers does, in thousandths.
  private func requests(of resource: String, _ container: String) throws(AutoscalingError) -> [String: Int64] {
    var requests: [String: Int64] = [:]
    for pod: Pod in pods { requests[pod.metadata.name] = try Self.request(pod, resource, container) }
    return requests
  }

  private static func request(_ pod: Pod, _ resource: String, _ container: String) throws(AutoscalingError) -> Int64 {
    if container.isEmpty, pod.spec.hasResources, !pod.spec.resources.requests.isEmpty {
      guard let request: Quantity = pod.spec.resources.requests[resource] else {
        throw AutoscalingError("missing pod-level request for \(resource) in Pod \(pod.metadata.name)")
      }
      return ResourceQuantity(request).milliValue
    }
    let running: [Container] = pod.spec.containers + pod.spec.initContainers.filter { $0.restartPolicy == "Always" }
    var sum: Int64 = 0
    for one: Container in running where container.isEmpty || one.name == container {
      guard let request: Quantity = one.resources.requests[resource] else {
        throw AutoscalingError("missing request for \(resource) in container \(one.name) of Pod \(pod.metadata.name)")
      }
      sum &+= ResourceQuantity(request).milliValue
    }
    guard container.isEmpty || running.contains(where: { $0.name == container }) else {
      throw AutoscalingError("container \(container) not found in Pod \(pod.metadata.name)")
    }
    return sum
  }

  // MARK: Which pods count

  /// The pods by what is known of them.
  private struct Groups {
    /// The values of the pods that count.
    var readings: [String: Int64] = [:]
    var readyCount: Int = 0
    var unready: [String] = []
    var missing: [String] = []

    init(
      _ proposal: ReplicaProposal, _ all: [String: PodReading], _ resource: String?
    ) throws(AutoscalingError) {
      guard !proposal.pods.isEmpty else {
        throw AutoscalingError("no pods returned by selector while calculating replica count")
      }
      readings = all.mapValues(\.value)
      for pod: Pod in proposal.pods {
        let name: String = pod.metadata.name
        if pod.metadata.isBeingDeleted || pod.status.phase == "Failed" {
          readings[name] = nil
        } else if pod.status.phase == "Pending" {
          unready.append(name)
        } else if let reading: PodReading = all[name] {
          if resource == "cpu", proposal.isStarting(pod, reading) {
            unready.append(name)
          } else {
            readyCount += 1
          }
        } else {
          missing.append(name)
        }
      }
      for name: String in unready { readings[name] = nil }
      guard !readings.isEmpty else {
        throw AutoscalingError("did not receive metrics for targeted pods (pods might be unready)")
      }
    }
  }

  /// Whether a pod's processor time tells of its start and not of its work.
  private func isStarting(_ pod: Pod, _ reading: PodReading) -> Bool {
    guard let ready: PodCondition = pod.condition("Ready"), pod.status.hasStartTime else { return true }
    let start: Timestamp = Timestamp(pod.status.startTime)
    let change: Timestamp = Timestamp(ready.lastTransitionTime)
    if start + startPeriod > now { return ready.status == "False" || reading.time < change + reading.window }
    return ready.status == "False" && start + readinessDelay > change
  }
}
