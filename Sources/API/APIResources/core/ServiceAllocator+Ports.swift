// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

extension ServiceAllocator {
  func allocatePorts(
    _ service: inout JSONValue, old: JSONValue?, _ draft: inout Draft
  ) throws(ServiceAllocationError) {
    let had: Set<Int64> = old.map(Self.ports) ?? []
    if ServiceFields.needsNodePort(service) { try allocateNodePorts(&service, had, &draft) }
    guard service["spec"]["type"].plain == "LoadBalancer",
      service["spec"]["externalTrafficPolicy"].plain == "Local"
    else { return }
    let wanted: Int64 = service["spec"]["healthCheckNodePort"].int ?? 0
    if wanted == 0 {
      guard let free: Int64 = takePort(&draft) else {
        throw .noHealthPort("failed to allocate a HealthCheck NodePort 0: range is full")
      }
      service["spec"]["healthCheckNodePort"] = .int(free)
    } else if !had.contains(wanted), let why: String = refusal(wanted, &draft) {
      throw .noHealthPort("failed to allocate requested HealthCheck NodePort \(wanted): \(why)")
    }
  }

  /// Ports that differ in the protocol alone share a node port.
  private func allocateNodePorts(
    _ service: inout JSONValue, _ had: Set<Int64>, _ draft: inout Draft
  ) throws(ServiceAllocationError) {
    var ports: [JSONValue] = service["spec"]["ports"].items
    var shared: [Int64: Int64] = [:]
    var inService: Set<Int64> = []
    for place: Int in ports.indices {
      let wanted: Int64 = ports[place]["nodePort"].int ?? 0
      guard wanted != 0 else { continue }
      if !had.contains(wanted), !inService.contains(wanted), let why: String = refusal(wanted, &draft) {
        let path: FieldPath = FieldPath("spec", "ports").index(place).child("nodePort")
        throw .invalid([.invalid(path, .int(wanted), why)])
      }
      inService.insert(wanted)
      shared[ports[place]["port"].int ?? 0] = wanted
    }
    for place: Int in ports.indices where ports[place]["nodePort"].int ?? 0 == 0 {
      let number: Int64 = ports[place]["port"].int ?? 0
      let isSame: Bool = ports.contains {
        $0["nodePort"].int == shared[number] && $0["protocol"] == ports[place]["protocol"]
      }
      if let known: Int64 = shared[number], !isSame {
        ports[place]["nodePort"] = .int(known)
      } else {
        guard let free: Int64 = takePort(&draft) else {
          throw .exhausted("failed to allocate a nodePort: range is full")
        }
        ports[place]["nodePort"] = .int(free)
        shared[number] = free
      }
    }
    if !ports.isEmpty { service["spec"]["ports"] = .array(ports) }
  }
}
