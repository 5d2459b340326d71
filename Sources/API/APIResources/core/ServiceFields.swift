// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Which of a Service's fields belong to its type, and what an update keeps of allocated ones.
enum ServiceFields {
  private static func needsClusterIP(_ service: JSONValue) -> Bool { service["spec"]["type"].plain != "ExternalName" }
  static func needsNodePort(_ service: JSONValue) -> Bool {
    let type: String = service["spec"]["type"].plain
    return type == "NodePort"
      || (type == "LoadBalancer" && service["spec"]["allocateLoadBalancerNodePorts"].bool ?? true)
  }
  private static func isExternal(_ service: JSONValue) -> Bool {
    let spec: JSONValue = service["spec"]
    return ["NodePort", "LoadBalancer"].contains(spec["type"].plain)
      || (spec["type"].plain == "ClusterIP" && !spec["externalIPs"].isVoid)
  }
  private static func needsHealthPort(_ service: JSONValue) -> Bool {
    service["spec"]["type"].plain == "LoadBalancer" && service["spec"]["externalTrafficPolicy"].plain == "Local"
  }

  /// Takes away what an update left behind from the old type, unless the user just set it.
  static func dropTypeDependent(_ object: inout JSONValue, old: JSONValue?) {
    guard let old else { return }
    if needsClusterIP(old), !needsClusterIP(object), object["spec"]["clusterIP"] == old["spec"]["clusterIP"] {
      object["spec"]["clusterIP"] = .null
      object["spec"]["clusterIPs"] = .null
    }
    for key: String in ["ipFamilies", "ipFamilyPolicy"]
    where needsClusterIP(old) && !needsClusterIP(object) && object["spec"][key] == old["spec"][key] {
      object["spec"][key] = .null
    }
    let ports: [JSONValue] = object["spec"]["ports"].items
    let known: Set<Int64> = Set(old["spec"]["ports"].items.compactMap { $0["nodePort"].int })
    let isSame: Bool = ports.allSatisfy { $0["nodePort"].int.map(known.contains) ?? true }
    if needsNodePort(old), !needsNodePort(object), isSame, object["spec"]["type"] != old["spec"]["type"] {
      object["spec"].editItems("ports") { $0["nodePort"] = .null }
    }
    if needsHealthPort(old), !needsHealthPort(object),
      object["spec"]["healthCheckNodePort"] == old["spec"]["healthCheckNodePort"]
    {
      object["spec"]["healthCheckNodePort"] = .null
    }
    func drop(_ key: String, when isGone: Bool) {
      if isGone, object["spec"][key] == old["spec"][key] { object["spec"][key] = .null }
    }
    let wasBalanced: Bool = old["spec"]["type"].plain == "LoadBalancer"
    let isBalanced: Bool = object["spec"]["type"].plain == "LoadBalancer"
    drop("allocateLoadBalancerNodePorts", when: wasBalanced && !isBalanced)
    drop("loadBalancerClass", when: wasBalanced && !isBalanced)
    drop("externalTrafficPolicy", when: isExternal(old) && !isExternal(object))
    drop("internalTrafficPolicy", when: needsClusterIP(old) && !needsClusterIP(object))
    drop("externalName", when: !needsClusterIP(old) && needsClusterIP(object))
  }

  /// An update that does not say what was allocated keeps it.
  static func patchAllocated(_ object: inout JSONValue, old: JSONValue) {
    if needsClusterIP(old), needsClusterIP(object) {
      if object["spec"]["clusterIP"].plain.isEmpty, object["spec"]["clusterIPs"].isVoid {
        object["spec"]["clusterIP"] = old["spec"]["clusterIP"]
        object["spec"]["clusterIPs"] = old["spec"]["clusterIPs"]
      }
    }
    if needsNodePort(old), needsNodePort(object) { patchNodePorts(&object, old: old) }
    if needsHealthPort(old), needsHealthPort(object), object["spec"]["healthCheckNodePort"].int ?? 0 == 0 {
      object["spec"]["healthCheckNodePort"] = old["spec"]["healthCheckNodePort"]
    }
  }

  private static func patchNodePorts(_ object: inout JSONValue, old: JSONValue) {
    // By name: all else of a port may have changed.
    func key(_ port: JSONValue) -> String { port["name"].plain }
    var known: [String: JSONValue] = [:]
    for port: JSONValue in old["spec"]["ports"].items { known[key(port)] = port["nodePort"] }
    var used: Set<Int64> = Set(object["spec"]["ports"].items.compactMap { $0["nodePort"].int })
    object["spec"].editItems("ports") { port in
      guard port["nodePort"].int ?? 0 == 0, let kept: Int64 = known[key(port)]?.int, !used.contains(kept) else {
        return
      }
      port["nodePort"] = .int(kept)
      used.insert(kept)
    }
  }
}
