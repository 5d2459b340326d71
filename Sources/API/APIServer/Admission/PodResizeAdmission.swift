// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues

/// A pod on a node may only be resized to what the node can give.
struct PodResizeAdmission: AdmissionPlugin {
  static let name: String = "PodResize"

  let nodes: ObjectStorage

  func validate(_ request: AdmissionRequest) async throws {
    guard request.operation == .update, request.group == GroupResource("", "pods"), request.subresource == "resize",
      let name: String = request.object["spec"]["nodeName"].string, !name.isEmpty,
      request.object["metadata"]["generation"] != request.old["metadata"]["generation"]
    else { return }
    guard let cached: CachedObject = try await nodes.get(namespace: "", name: name) else {
      throw request.forbidden("node \(name.goQuoted) not found")
    }
    let node: JSONValue = try ObjectStorage.tree(cached)
    if let system: String = node["metadata"]["labels"]["kubernetes.io/os"].string, system != "linux" {
      throw refusal(
        request, "UnsupportedPlatform",
        "pod resize is only supported on linux nodes, node \(name.goQuoted) is \(system.goQuoted)")
    }
    let wanted: PodRequests = PodRequests(request.object)
    var lacks: [String] = []
    for (resource, unit) in [("cpu", Int128(1_000_000)), ("memory", Int128(1_000_000_000))] {
      let has: Int128 = PodRequests.amount(node["status"]["allocatable"][resource])
      let asks: Int128 = wanted[resource]
      // Rounded up to thousandths of a CPU and to bytes.
      func shown(_ amount: Int128) -> Int128 { (amount + unit - 1) / unit }
      if asks > has { lacks.append("\(resource), requested: \(shown(asks)), allocatable: \(shown(has))") }
    }
    if !lacks.isEmpty {
      throw refusal(
        request, "NodeCapacity",
        "node didn't have enough allocatable resources: \(lacks.joined(separator: "; "))")
    }
  }

  private func refusal(_ request: AdmissionRequest, _ reason: String, _ why: String) -> StatusError {
    var error: StatusError = request.forbidden(why)
    error.details["causes"] = [["reason": .string(reason)]]
    return error
  }
}

/// What a pod asks for of a resource, in thousand-millionths: all that runs at a time.
private struct PodRequests {
  private let spec: JSONValue

  init(_ pod: JSONValue) { spec = pod["spec"] }

  static func amount(_ value: JSONValue) -> Int128 {
    guard let text: String = value.string else { return 0 }
    return ResourceQuantity(text)?.nanounits ?? 0
  }

  subscript(resource: String) -> Int128 {
    let overhead: Int128 = Self.amount(spec["overhead"][resource])
    if spec["resources"]["requests"][resource].string != nil {
      return Self.amount(spec["resources"]["requests"][resource]) + overhead
    }
    func asks(_ container: JSONValue) -> Int128 { Self.amount(container["resources"]["requests"][resource]) }
    var running: Int128 = spec["containers"].items.reduce(0) { $0 + asks($1) }
    var sidecars: Int128 = 0
    var starting: Int128 = 0
    for container: JSONValue in spec["initContainers"].items {
      if container["restartPolicy"].string == "Always" {
        sidecars += asks(container)
        starting = max(starting, sidecars)
      } else {
        starting = max(starting, sidecars + asks(container))
      }
    }
    running += sidecars
    return max(running, starting) + overhead
  }
}
