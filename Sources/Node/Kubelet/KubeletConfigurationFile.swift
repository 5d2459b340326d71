// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
public import KubeCore
import KubeValues
import SwiftProtobuf

/// A `KubeletConfiguration` document (kubelet.config.k8s.io/v1beta1), as far as its fields have a meaning here.
public struct KubeletConfigurationFile: Sendable {
  private let document: JSONValue

  /// A document that was read.
  public init(document: JSONValue) { self.document = document }

  /// Sets what the document says.
  public func apply(to configuration: inout KubeletConfiguration) {
    configuration.document = document
    applyServer(&configuration)
    applyNode(&configuration)
    applyPods(&configuration)
    applyLimits(&configuration)
  }

  private func text(_ name: String) -> String? { document[name].string.flatMap { $0.isEmpty ? nil : $0 } }
  private func number(_ name: String) -> Int? { document[name].int.map { Int($0) } }
  private func duration(_ name: String) -> Duration? { text(name).flatMap(Self.duration) }
  private func pairs(_ name: String) -> [String: String] {
    var result: [String: String] = [:]
    for (key, value) in document[name].object ?? JSONObject() { result[key] = value.string ?? value.text }
    return result
  }

  private func applyServer(_ configuration: inout KubeletConfiguration) {
    if let value: String = text("address") { configuration.address = value }
    if let value: Int = number("port") { configuration.port = value }
    if let value: Int = number("healthzPort") { configuration.healthzPort = value }
    if let value: String = text("healthzBindAddress") { configuration.healthzAddress = value }
    if let value: String = text("tlsCertFile") { configuration.tlsCertificateFile = value }
    if let value: String = text("tlsPrivateKeyFile") { configuration.tlsPrivateKeyFile = value }
    if let value: Bool = document["enableServer"].bool { configuration.enableServer = value }
    let authentication: JSONValue = document["authentication"]
    if let value: Bool = authentication.at("anonymous", "enabled").bool { configuration.isAnonymousAllowed = value }
    if let value: Bool = authentication.at("webhook", "enabled").bool { configuration.isTokenReviewEnabled = value }
    if let value: String = authentication.at("x509", "clientCAFile").string, !value.isEmpty { configuration.clientCAFile = value }
    if let value: String = document.at("authorization", "mode").string {
      configuration.authorization = .init(rawValue: value) ?? .webhook
    }
  }

  private func applyNode(_ configuration: inout KubeletConfiguration) {
    if let value: Bool = document["registerNode"].bool { configuration.registerNode = value }
    if let value: String = text("providerID") { configuration.providerID = value }
    if let value: String = text("podCIDR") { configuration.podCIDR = value }
    if let value: Duration = duration("nodeStatusUpdateFrequency") { configuration.nodeStatusUpdateFrequency = value }
    if let value: Duration = duration("nodeStatusReportFrequency") { configuration.nodeStatusReportFrequency = value }
    if let value: Int = number("nodeLeaseDurationSeconds") { configuration.nodeLeaseDurationSeconds = Int32(clamping: value) }
    for item: JSONValue in document["registerWithTaints"].items {
      configuration.registerWithTaints.append(
        .with {
          $0.key = item["key"].string ?? ""
          $0.value = item["value"].string ?? ""
          $0.effect = item["effect"].string ?? ""
        })
    }
    configuration.systemReserved.merge(pairs("systemReserved")) { _, new in new }
    configuration.kubeReserved.merge(pairs("kubeReserved")) { _, new in new }
  }

  private func applyPods(_ configuration: inout KubeletConfiguration) {
    if let value: String = text("staticPodPath") { configuration.staticPodPath = value }
    if let value: String = text("containerRuntimeEndpoint") { configuration.runtimeEndpoint = value }
    if let value: String = text("imageServiceEndpoint") { configuration.imageEndpoint = value }
    if let value: String = text("podLogsDir") { configuration.podLogsDirectory = value }
    let servers: [String] = document["clusterDNS"].items.compactMap(\.string)
    if !servers.isEmpty { configuration.clusterDNS = servers }
    if let value: String = text("clusterDomain") { configuration.clusterDomain = value }
    if let value: String = document["resolvConf"].string { configuration.resolvConf = value }
    if let value: String = text("cgroupRoot") { configuration.cgroupRoot = value }
    if let value: String = text("cgroupDriver") { configuration.cgroupDriver = value }
    if let value: Bool = document["cgroupsPerQOS"].bool { configuration.cgroupsPerQOS = value }
    if let value: Bool = document["cpuCFSQuota"].bool { configuration.cpuCFSQuota = value }
    if let value: Duration = duration("syncFrequency") { configuration.syncFrequency = value }
    if let value: Duration = duration("fileCheckFrequency") { configuration.fileCheckFrequency = value }
    if let value: String = document.at("crashLoopBackOff", "maxContainerRestartPeriod").string, let wait: Duration = Self.duration(value) {
      configuration.crashLoopBackOffMax = wait
    }
    configuration.allowedUnsafeSysctls += document["allowedUnsafeSysctls"].items.compactMap(\.string)
  }

  private func applyLimits(_ configuration: inout KubeletConfiguration) {
    if let value: Int = number("maxPods") { configuration.maxPods = value }
    if let value: Int = number("podPidsLimit") { configuration.podPidsLimit = Int64(value) }
    if let value: Int = number("imageGCHighThresholdPercent") { configuration.imageGCHighThresholdPercent = value }
    if let value: Int = number("imageGCLowThresholdPercent") { configuration.imageGCLowThresholdPercent = value }
    if let value: Duration = duration("imageMinimumGCAge") { configuration.imageMinimumGCAge = value }
    if let value: Int = number("containerLogMaxFiles") { configuration.containerLogMaxFiles = value }
    if let value: String = text("containerLogMaxSize"), let amount: ResourceQuantity = ResourceQuantity(value) {
      configuration.containerLogMaxBytes = amount.value
    }
    if let value: Int = number("maxParallelImagePulls") { configuration.maxParallelImagePulls = value }
    if let value: Duration = duration("evictionPressureTransitionPeriod") { configuration.evictionPressureTransitionPeriod = value }
    let thresholds: [String: String] = pairs("evictionHard")
    if !thresholds.isEmpty {
      configuration.evictionHard = thresholds.sorted { $0.key < $1.key }.map { .init(signal: $0.key, value: $0.value) }
    }
  }

  /// A Go duration: `1h2m3.5s`, `300ms`.
  static func duration(_ text: String) -> Duration? {
    var total: Double = 0
    var rest: Substring = text[...]
    if text == "0" { return .zero }
    while !rest.isEmpty {
      let digits: Substring = rest.prefix { $0.isNumber || $0 == "." }
      guard let value: Double = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit: Substring = rest.prefix { !$0.isNumber }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "h": total += value * 3600
      case "m": total += value * 60
      case "s": total += value
      case "ms": total += value / 1000
      case "us", "µs": total += value / 1_000_000
      case "ns": total += value / 1_000_000_000
      default: return nil
      }
    }
    return text.isEmpty ? nil : .nanoseconds(Int64(total * 1_000_000_000))
  }

  /// A taint as flags have it: `key=value:effect` or `key:effect`.
  public static func taint(_ text: String) throws -> Taint {
    let parts: [Substring] = text.split(separator: ":")
    guard parts.count == 2, ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(parts[1]) else {
      throw KubeletError(.invalid, "\"\(text)\" is no taint: it must be key=value:effect")
    }
    let pair: [Substring] = parts[0].split(separator: "=", maxSplits: 1)
    return .with {
      $0.key = String(pair.first ?? "")
      if pair.count == 2 { $0.value = String(pair[1]) }
      $0.effect = String(parts[1])
    }
  }
}
