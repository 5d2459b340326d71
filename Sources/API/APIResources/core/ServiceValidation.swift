// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The rules of Services (core/v1 ValidateService and friends).
enum ServiceValidation {
  private static let path: FieldPath = FieldPath("spec")
  private static let forBalancers: String = "may only be used when `type` is 'LoadBalancer'"

  static func isHeadless(_ spec: JSONValue) -> Bool { spec["clusterIPs"][0].plain == "None" }

  static func errors(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = typeErrors(spec)
    let ports: [JSONValue] = spec["ports"].items
    var names: Set<String> = []
    for (place, port) in ports.enumerated() {
      errors += portErrors(port, path.child("ports").index(place), isOne: ports.count == 1, &names)
    }
    errors += Checks.labels(spec["selector"], path.child("selector"))
    errors += affinityErrors(spec)
    errors += clusterIPErrors(object)
    for (place, address) in spec["externalIPs"].items.enumerated() {
      let at: FieldPath = path.child("externalIPs").index(place)
      let wrong: [FieldError] = Checks.address(address, at)
      errors += wrong.isEmpty ? nonSpecial(address.plain, at) : wrong
    }
    let type: String = spec["type"].plain
    if type.isEmpty {
      errors.append(.required(path.child("type")))
    } else {
      errors += Checks.supported(
        spec["type"], path.child("type"), ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])
    }
    errors += uniquePortErrors(spec)
    errors += balancerErrors(spec)
    errors += trafficErrors(spec)
    return errors
  }

  private static func typeErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let type: String = spec["type"].plain
    if spec["ports"].isVoid, !isHeadless(spec), type != "ExternalName" { errors.append(.required(path.child("ports"))) }
    switch type {
    case "LoadBalancer":
      for (place, port) in spec["ports"].items.enumerated() where port["port"].int == 10250 {
        errors.append(
          .invalid(
            path.child("ports").index(place), port["port"],
            "may not expose port 10250 externally since it is used by kubelet"))
      }
      fallthrough
    case "NodePort":
      if isHeadless(spec) {
        errors.append(
          .invalid(path.child("clusterIPs").index(0), "None", "may not be set to 'None' for \(type) services"))
      }
    case "ExternalName":
      for key: String in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] 
      where key == "ipFamilyPolicy" ? spec[key].isThere : !spec[key].isVoid {
        errors.append(.forbidden(path.child(key), "may not be set for ExternalName services"))
      }
      var name: String = spec["externalName"].plain
      if name.hasSuffix(".") { name.removeLast() }
      if name.isEmpty {
        errors.append(.required(path.child("externalName")))
      } else {
        errors += Names.subdomain(name).map { .invalid(path.child("externalName"), .string(name), $0) }
      }
    default: break
    }
    return errors
  }

  private static func portErrors(
    _ port: JSONValue, _ at: FieldPath, isOne: Bool, _ names: inout Set<String>
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let name: String = port["name"].plain
    if name.isEmpty {
      if !isOne { errors.append(.required(at.child("name"))) }
    } else {
      errors += Checks.text(port["name"], at.child("name"), Names.label)
      if !names.insert(name).inserted { errors.append(.duplicate(at.child("name"), .string(name))) }
    }
    let number: Int64 = port["port"].int ?? 0
    errors += Names.portNumber(number).map { .invalid(at.child("port"), .int(number), $0) }
    if port["protocol"].plain.isEmpty {
      errors.append(.required(at.child("protocol")))
    } else {
      errors += Checks.supported(port["protocol"], at.child("protocol"), ["TCP", "UDP", "SCTP"])
    }
    errors += Checks.portReference(port["targetPort"], at.child("targetPort"))
    if port["appProtocol"].isThere {
      errors += Checks.text(port["appProtocol"], at.child("appProtocol"), Names.qualified)
    }
    return errors
  }

  private static func affinityErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let affinity: String = spec["sessionAffinity"].plain
    if affinity.isEmpty {
      errors.append(.required(path.child("sessionAffinity")))
    } else {
      errors += Checks.supported(spec["sessionAffinity"], path.child("sessionAffinity"), ["ClientIP", "None"])
    }
    let config: FieldPath = path.child("sessionAffinityConfig")
    if affinity == "ClientIP" {
      let seconds: JSONValue = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
      if seconds.isNull {
        errors.append(.required(config, "when session affinity type is ClientIP"))
      } else if !(1...86400).contains(seconds.int ?? 0) {
        errors.append(
          .invalid(config.child("clientIP", "timeoutSeconds"), seconds, "must be greater than 0 and less than 86400"))
      }
    } else if affinity == "None", spec["sessionAffinityConfig"].isThere {
      errors.append(.forbidden(config, "must not be set when session affinity is None"))
    }
    return errors
  }

  static func nonSpecial(_ text: String, _ at: FieldPath) -> [FieldError] {
    guard let address: IPAddress = IPAddress(text) else { return [] }
    let bad: JSONValue = .string(text)
    if address.isUnspecified { return [.invalid(at, bad, "may not be unspecified (\(text))")] }
    if address.isLoopback { return [.invalid(at, bad, "may not be in the loopback range (127.0.0.0/8, ::1/128)")] }
    if address.isLinkLocalUnicast {
      return [.invalid(at, bad, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")]
    }
    let isLocalMulticast: Bool =
      address.isIPv4 ? address.bits >> 8 == 0xE00000 : address.isMulticast && (address.bits >> 112) & 0xF == 2
    if isLocalMulticast {
      return [.invalid(at, bad, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")]
    }
    return []
  }

  private static func uniquePortErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var nodePorts: Set<String> = []
    var ports: Set<String> = []
    for (place, port) in spec["ports"].items.enumerated() {
      let at: FieldPath = path.child("ports").index(place)
      let node: Int64 = port["nodePort"].int ?? 0
      if spec["type"].plain == "ClusterIP", node != 0 {
        errors.append(.forbidden(at.child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
      }
      if node != 0, !nodePorts.insert("\(port["protocol"].plain)/\(node)").inserted {
        errors.append(.duplicate(at.child("nodePort"), .int(node)))
      }
    }
    for (place, port) in spec["ports"].items.enumerated() {
      let number: Int64 = port["port"].int ?? 0
      guard !ports.insert("\(port["protocol"].plain)/\(number)").inserted else { continue }
      let key: JSONValue = [
        "Name": "", "Protocol": .string(port["protocol"].plain), "AppProtocol": .null, "Port": .int(number),
        "TargetPort": 0, "NodePort": 0,
      ]
      errors.append(.duplicate(path.child("ports").index(place), key))
    }
    return errors
  }

  private static func balancerErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let isBalancer: Bool = spec["type"].plain == "LoadBalancer"
    if !spec["loadBalancerSourceRanges"].isVoid {
      let at: FieldPath = path.child("LoadBalancerSourceRanges")
      if !isBalancer { errors.append(.forbidden(at, forBalancers)) }
      for (place, range) in spec["loadBalancerSourceRanges"].items.enumerated() {
        errors += Checks.prefix(range, at.index(place))
      }
    }
    if isBalancer, spec["allocateLoadBalancerNodePorts"].isNull {
      errors.append(.required(path.child("allocateLoadBalancerNodePorts")))
    }
    if !isBalancer, spec["allocateLoadBalancerNodePorts"].isThere {
      errors.append(.forbidden(path.child("allocateLoadBalancerNodePorts"), forBalancers))
    }
    if spec["loadBalancerClass"].isThere {
      if !isBalancer {
        errors.append(.forbidden(path.child("loadBalancerClass"), forBalancers))
      } else {
        errors += Checks.text(spec["loadBalancerClass"], path.child("loadBalancerClass"), Names.qualified)
      }
    }
    return errors
  }

  private static func trafficErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let type: String = spec["type"].plain
    let isExternal: Bool =
      ["NodePort", "LoadBalancer"].contains(type)
      || (type == "ClusterIP" && !spec["externalIPs"].isVoid)
    let external: JSONValue = spec["externalTrafficPolicy"]
    let healthPort: Int64 = spec["healthCheckNodePort"].int ?? 0
    let needsHealthPort: Bool = type == "LoadBalancer" && external.plain == "Local"
    if external.isThere, isExternal {
      errors += Checks.supported(external, path.child("externalTrafficPolicy"), ["Cluster", "Local"])
    }
    if needsHealthPort, healthPort != 0 {
      errors += Names.portNumber(healthPort).map { .invalid(path.child("healthCheckNodePort"), .int(healthPort), $0) }
    }
    if !isExternal, external.isThere {
      errors.append(
        .invalid(path.child("externalTrafficPolicy"), external, "may only be set for externally-accessible services"))
    }
    if isExternal, external.isNull { errors.append(.required(path.child("externalTrafficPolicy"))) }
    if !needsHealthPort, healthPort != 0 {
      errors.append(
        .invalid(
          path.child("healthCheckNodePort"), .int(healthPort),
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
    }
    let inner: JSONValue = spec["internalTrafficPolicy"]
    if inner.isNull {
      if ["ClusterIP", "NodePort", "LoadBalancer"].contains(type) {
        errors.append(.required(path.child("internalTrafficPolicy")))
      }
    } else {
      errors += Checks.supported(inner, path.child("internalTrafficPolicy"), ["Cluster", "Local"])
    }
    let known: [String] = ["PreferClose", "PreferSameZone", "PreferSameNode"]
    if spec["trafficDistribution"].isThere, !known.contains(spec["trafficDistribution"].plain) {
      errors.append(.notSupported(path.child("trafficDistribution"), spec["trafficDistribution"], known))
    }
    return errors
  }

  /// Cluster addresses, families and their policy.
  static func clusterIPErrors(_ object: JSONValue) -> [FieldError] {
    let spec: JSONValue = object["spec"]
    if spec["type"].plain == "ExternalName" { return [] }
    let addresses: [String] = spec["clusterIPs"].strings
    let families: [String] = spec["ipFamilies"].strings
    var errors: [FieldError] = []
    if spec["clusterIP"].plain.isEmpty, !addresses.isEmpty {
      errors.append(
        .invalid(path.child("clusterIPs"), spec["clusterIPs"], "must be empty when `clusterIP` is not specified"))
    } else if let first: String = addresses.first, spec["clusterIP"].plain != first {
      errors.append(.invalid(path.child("clusterIPs"), spec["clusterIPs"], "first value must match `clusterIP`"))
    }
    if spec["ipFamilyPolicy"].isThere {
      errors += Checks.supported(
        spec["ipFamilyPolicy"], path.child("ipFamilyPolicy"), ["PreferDualStack", "RequireDualStack", "SingleStack"])
    }
    errors += familyErrors(families)
    let policy: String = spec["ipFamilyPolicy"].string ?? "SingleStack"
    func multiple(_ what: String) -> FieldError {
      .invalid(
        path.child("ipFamilyPolicy"), .string(policy),
        "must be 'RequireDualStack' or 'PreferDualStack' when multiple \(what) are specified")
    }
    errors += addressErrors(spec, addresses, families)
    // Whether the policy fits is a question only where all else is right.
    guard errors.isEmpty, policy == "SingleStack" else { return errors }
    if addresses.count == 2 { errors.append(multiple("cluster IPs")) }
    if families.count == 2 { errors.append(multiple("IP families")) }
    return errors
  }

  private static func familyErrors(_ families: [String]) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, family) in families.enumerated() {
      let at: FieldPath = path.child("ipFamilies").index(place)
      if !["IPv4", "IPv6"].contains(family) { errors.append(.notSupported(at, .string(family), ["IPv4", "IPv6"])) }
      if !seen.insert(family).inserted { errors.append(.duplicate(at, .string(family))) }
    }
    return errors
  }

  private static func addressErrors(_ spec: JSONValue, _ addresses: [String], _ families: [String]) -> [FieldError] {
    var errors: [FieldError] = []
    let at: FieldPath = path.child("clusterIPs")
    for (place, text) in addresses.enumerated() {
      if place == 0, text == "None" {
        guard addresses.count > 1 else { continue }
        errors.append(.invalid(at, spec["clusterIPs"], "'None' must be the first and only value"))
      } else {
        errors += Checks.address(.string(text), at.index(place))
      }
    }
    let isBroken: Bool = !errors.isEmpty
    if addresses.count > 2 { errors.append(.invalid(at, spec["clusterIPs"], "may only hold up to 2 values")) }
    if isBroken { return errors }
    let parsed: [IPAddress] = addresses.compactMap { IPAddress($0) }
    if parsed.count == 2, parsed[0].family == parsed[1].family {
      errors.append(.invalid(at, spec["clusterIPs"], "may specify no more than one IP for each IP family"))
    }
    for (place, address) in parsed.enumerated() where place < families.count {
      if ["IPv4", "IPv6"].contains(families[place]), address.family.description != families[place] {
        errors.append(
          .invalid(
            at.index(place), .string(addresses[place]),
            "expected an \(families[place]) value as indicated by `ipFamilies[\(place)]`"))
      }
    }
    return errors
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let spec: JSONValue = object["spec"]
    let before: JSONValue = old["spec"]
    let isNamed: Bool = [spec, before].contains { $0["type"].plain == "ExternalName" }
    if !isNamed {
      let first: String = before["clusterIPs"][0].plain
      if !first.isEmpty, spec["clusterIPs"][0].plain != first {
        errors.append(
          .invalid(path.child("clusterIPs").index(0), spec["clusterIPs"], "may not change once set"))
      }
    }
    if before["loadBalancerClass"] != spec["loadBalancerClass"] {
      let at: FieldPath = path.child("loadBalancerClass")
      if spec["type"].plain != "LoadBalancer" {
        if spec["loadBalancerClass"].isThere { errors.append(.forbidden(at, forBalancers)) }
      } else if before["type"].plain == "LoadBalancer" {
        errors.append(.invalid(at, spec["loadBalancerClass"], "may not change once set"))
      }
    }
    return errors + ServiceValidation.errors(object, old: old)
  }

  static func statusErrors(_ object: JSONValue) -> [FieldError] {
    let at: FieldPath = FieldPath("status", "loadBalancer")
    let status: JSONValue = object["status"]["loadBalancer"]
    if object["spec"]["type"].plain != "LoadBalancer", !status["ingress"].isVoid {
      return [.forbidden(at.child("ingress"), "may only be used when `spec.type` is 'LoadBalancer'")]
    }
    return LoadBalancerStatus.errors(status, at)
  }

  static func warnings(_ object: JSONValue) -> [String] {
    let spec: JSONValue = object["spec"]
    var warnings: [String] = []
    let hints: String = "service.kubernetes.io/topology-aware-hints"
    if object["metadata"]["annotations"][hints].isThere {
      warnings.append("annotation \(hints) is deprecated, please use service.kubernetes.io/topology-mode instead")
    }
    func add(_ key: String) {
      for (place, text) in spec[key].strings.enumerated() where text != "None" {
        warnings += AddressForms.warnings(address: text, path.child(key).index(place))
      }
    }
    add("clusterIPs")
    let isExternal: Bool = spec["type"].plain == "ExternalName"
    if isHeadless(spec), spec["type"].plain == "ClusterIP" {
      if !spec["loadBalancerIP"].plain.isEmpty {
        warnings.append("spec.loadBalancerIP is ignored for headless services")
      }
      if !spec["externalIPs"].isVoid { warnings.append("spec.externalIPs is ignored for headless services") }
      if spec["sessionAffinity"].plain != "None" {
        warnings.append("spec.SessionAffinity is ignored for headless services")
      }
    }
    add("externalIPs")
    if !spec["externalIPs"].isVoid, !isHeadless(spec), !isExternal {
      warnings.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    }
    warnings += AddressForms.warnings(address: spec["loadBalancerIP"].plain, path.child("loadBalancerIP"))
    for (place, range) in spec["loadBalancerSourceRanges"].strings.enumerated() {
      warnings += AddressForms.warnings(range: range, path.child("loadBalancerSourceRanges").index(place))
    }
    if isExternal, !spec["externalIPs"].isVoid {
      warnings.append("spec.externalIPs is ignored when spec.type is \"ExternalName\"")
    }
    if !isExternal, !spec["externalName"].plain.isEmpty {
      warnings.append("spec.externalName is ignored when spec.type is not \"ExternalName\"")
    }
    if spec["trafficDistribution"].plain == "PreferClose" {
      warnings.append("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"")
    }
    return warnings
  }
}
