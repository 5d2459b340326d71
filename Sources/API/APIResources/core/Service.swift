// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Services.
struct ServiceStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      name: .label, hasStatus: true, allowsCreateOnUpdate: true,
      selectableFields: [SelectableField("spec.clusterIP"), SelectableField("spec.type")])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefaultText("sessionAffinity", "None")
      if spec["sessionAffinity"].plain == "None" { spec["sessionAffinityConfig"] = .null }
      if spec["sessionAffinity"].plain == "ClientIP" {
        spec["sessionAffinityConfig"]["clientIP"].setDefault("timeoutSeconds", 10800)
      }
      spec.setDefaultText("type", "ClusterIP")
      spec.editItems("ports") { port in
        port.setDefaultText("protocol", "TCP")
        let target: JSONValue = port["targetPort"]
        if target.isNull || target == 0 || target == "" { port["targetPort"] = port["port"] }
      }
      let type: String = spec["type"].plain
      if ["NodePort", "LoadBalancer"].contains(type) || (type == "ClusterIP" && !spec["externalIPs"].isVoid) {
        spec.setDefaultText("externalTrafficPolicy", "Cluster")
      }
      if ["NodePort", "LoadBalancer", "ClusterIP"].contains(type) {
        spec.setDefault("internalTrafficPolicy", "Cluster")
      }
      if type == "LoadBalancer" { spec.setDefault("allocateLoadBalancerNodePorts", true) }
    }
    Self.setAddressModes(&object)
  }

  private static func setAddressModes(_ object: inout JSONValue) {
    guard object["spec"]["type"].plain == "LoadBalancer" else { return }
    object.edit("status") { status in
      status.edit("loadBalancer") { balancer in
        balancer.editItems("ingress") { item in
          if !item["ip"].plain.isEmpty { item.setDefault("ipMode", "VIP") }
        }
      }
    }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    object["status"] = ["loadBalancer": [:]]
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
    if context.subresource == nil {
      ServiceFields.patchAllocated(&object, old: old)
      ServiceFields.dropTypeDependent(&object, old: old)
      // What a load balancer reported means nothing for another type.
      if object["spec"]["type"].plain != "LoadBalancer" { object["status"]["loadBalancer"] = [:] }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    ServiceValidation.errors(object, old: nil)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    if context.subresource == "status" { return ServiceValidation.statusErrors(object) }
    return ServiceValidation.updateErrors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    if context.subresource == nil { return ServiceValidation.warnings(object) }
    return LoadBalancerStatus.warnings(object["status"]["loadBalancer"])
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let ports: String = spec["ports"].items.map { port in
      let node: String = port["nodePort"].int.map { $0 > 0 ? ":\($0)" : "" } ?? ""
      return "\(port["port"].int ?? 0)\(node)/\(port["protocol"].plain)"
    }.joined(separator: ",")
    let address: String = spec["clusterIPs"][0].plain
    return [
      object["metadata"]["name"], spec["type"], .string(address.isEmpty ? "<none>" : address),
      .string(Self.external(object)), .string(ports.isEmpty ? "<none>" : ports), TableText.age(object, context),
      TableText.labels(spec["selector"]),
    ]
  }

  private static func external(_ service: JSONValue) -> String {
    let spec: JSONValue = service["spec"]
    var addresses: [String] = spec["externalIPs"].strings
    switch spec["type"].plain {
    case "ExternalName": return spec["externalName"].plain
    case "LoadBalancer":
      let balanced: [String] = service["status"]["loadBalancer"]["ingress"].items.map { item in
        item["ip"].plain.isEmpty ? item["hostname"].plain : item["ip"].plain
      }.filter { !$0.isEmpty }
      addresses = Array(Set(balanced)).sorted() + addresses
      return addresses.isEmpty ? "<pending>" : addresses.joined(separator: ",")
    default: return addresses.isEmpty ? "<none>" : addresses.joined(separator: ",")
    }
  }
}
