// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The rules of NetworkPolicies.
enum NetworkPolicyValidation {
  static func errors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = Checks.labelSelector(spec["podSelector"], path.child("podSelector"))
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
      for (place, rule) in spec[direction].items.enumerated() {
        let at: FieldPath = path.child(direction).index(place)
        for (index, port) in rule["ports"].items.enumerated() {
          errors += portErrors(port, at.child("ports").index(index))
        }
        for (index, peer) in rule[peers].items.enumerated() {
          errors += peerErrors(peer, at.child(peers).index(index))
        }
      }
    }
    let types: [String] = spec["policyTypes"].strings
    if types.count > 2 {
      return errors + [
        .invalid(path.child("policyTypes"), spec["policyTypes"], "may not specify more than two policyTypes")
      ]
    }
    for (place, type) in types.enumerated() where !["Ingress", "Egress"].contains(type) {
      errors.append(.notSupported(path.child("policyTypes").index(place), .string(type), ["Ingress", "Egress"]))
    }
    return errors
  }

  private static func portErrors(_ port: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let known: [String] = ["TCP", "UDP", "SCTP"]
    if port["protocol"].isThere, !known.contains(port["protocol"].plain) {
      errors.append(.notSupported(path.child("protocol"), port["protocol"], known))
    }
    let end: FieldPath = path.child("endPort")
    if port["port"].isThere {
      defer { errors += Checks.portReference(port["port"], path.child("port")) }
      if let number: Int64 = port["port"].int, let last: Int64 = port["endPort"].int {
        if last < number {
          errors.append(.invalid(end, .int(number), "must be greater than or equal to `port`"))
        }
        errors += Names.portNumber(last).map { .invalid(end, .int(last), $0) }
      } else if port["endPort"].isThere {
        errors.append(.invalid(end, port["endPort"], "may not be specified when `port` is non-numeric"))
      }
    } else if port["endPort"].isThere {
      errors.append(.invalid(end, port["endPort"], "may not be specified when `port` is not specified"))
    }
    return errors
  }

  private static func peerErrors(_ peer: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var count: Int = 0
    for key: String in ["podSelector", "namespaceSelector"] where peer[key].isThere {
      count += 1
      errors += Checks.labelSelector(peer[key], path.child(key))
    }
    if peer["ipBlock"].isThere {
      count += 1
      errors += blockErrors(peer["ipBlock"], path.child("ipBlock"))
    }
    if count == 0 {
      errors.append(.required(path, "must specify a peer"))
    } else if count > 1, peer["ipBlock"].isThere {
      errors.append(.forbidden(path, "may not specify both ipBlock and another peer"))
    }
    return errors
  }

  private static func blockErrors(_ block: JSONValue, _ path: FieldPath) -> [FieldError] {
    if block["cidr"].plain.isEmpty { return [.required(path.child("cidr"))] }
    var errors: [FieldError] = Checks.prefix(block["cidr"], path.child("cidr"))
    guard let range: IPPrefix = IPPrefix(block["cidr"].plain) else { return errors }
    for (place, except) in block["except"].items.enumerated() {
      let at: FieldPath = path.child("except").index(place)
      errors += Checks.prefix(except, at)
      guard let inner: IPPrefix = IPPrefix(except.plain) else { continue }
      if !range.contains(inner.network) || inner.length <= range.length {
        errors.append(.invalid(at, except, "must be a strict subset of `cidr`"))
      }
    }
    return errors
  }
}

/// The rules of Ingresses and their classes.
enum IngressValidation {
  static func errors(_ object: JSONValue, old: JSONValue? = nil) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    let annotation: String = object["metadata"]["annotations"]["kubernetes.io/ingress.class"].plain
    if old == nil, !annotation.isEmpty, spec["ingressClassName"].isThere, annotation != spec["ingressClassName"].plain {
      errors.append(
        .invalid(
          FieldPath("annotations").child("kubernetes.io/ingress.class"), .string(annotation),
          "must match `ingressClassName` when both are specified"))
    }
    if spec["rules"].isVoid, spec["defaultBackend"].isNull {
      let shown: JSONValue = GoForm.of(spec["rules"], "[]@networking.IngressRule")
      errors.append(.invalid(path, shown, "either `defaultBackend` or `rules` must be specified"))
    }
    if spec["defaultBackend"].isThere { errors += backendErrors(spec["defaultBackend"], path.child("defaultBackend")) }
    for (place, rule) in spec["rules"].items.enumerated() {
      errors += ruleErrors(rule, path.child("rules").index(place))
    }
    for (place, tls) in spec["tls"].items.enumerated() {
      let at: FieldPath = path.child("tls").index(place)
      for (index, host) in tls["hosts"].strings.enumerated() {
        errors += hostErrors(host, at.child("hosts").index(index))
      }
      if !tls["secretName"].plain.isEmpty {
        errors += Checks.text(tls["secretName"], at.child("secretName"), Names.subdomain)
      }
    }
    if spec["ingressClassName"].isThere {
      errors += Checks.text(spec["ingressClassName"], path.child("ingressClassName"), Names.subdomain)
    }
    return errors
  }

  private static func hostErrors(_ host: String, _ path: FieldPath) -> [FieldError] {
    if host.contains("*") {
      let isRight: Bool = host.hasPrefix("*.") && Names.subdomain(String(host.dropFirst(2))).isEmpty
      let message: String =
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
        + "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
        + "regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
      return isRight ? [] : [.invalid(path, .string(host), message)]
    }
    return Names.subdomain(host).map { .invalid(path, .string(host), $0) }
  }

  private static func ruleErrors(_ rule: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let host: String = rule["host"].plain
    if !host.isEmpty {
      if IPAddress(host) != nil {
        errors.append(.invalid(path.child("host"), .string(host), "must be a DNS name, not an IP address"))
      }
      errors += hostErrors(host, path.child("host"))
    }
    guard rule["http"].isThere else { return errors }
    let at: FieldPath = path.child("http", "paths")
    if rule["http"]["paths"].isVoid { errors.append(.required(at)) }
    for (place, item) in rule["http"]["paths"].items.enumerated() { errors += pathErrors(item, at.index(place)) }
    return errors
  }

  private static func pathErrors(_ item: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let type: JSONValue = item["pathType"]
    let text: String = item["path"].plain
    if type.isNull { return [.required(path.child("pathType"), "pathType must be specified")] }
    switch type.plain {
    case "Exact", "Prefix":
      if !text.hasPrefix("/") { errors.append(.invalid(path.child("path"), .string(text), "must be an absolute path")) }
      if !text.isEmpty {
        for sequence: String in ["//", "/./", "/../", "%2f", "%2F"] where text.contains(sequence) {
          errors.append(.invalid(path.child("path"), .string(text), "must not contain '\(sequence)'"))
        }
        for end: String in ["/..", "/."] where text.hasSuffix(end) {
          errors.append(.invalid(path.child("path"), .string(text), "cannot end with '\(end)'"))
        }
      }
    case "ImplementationSpecific":
      if !text.isEmpty, !text.hasPrefix("/") {
        errors.append(.invalid(path.child("path"), .string(text), "must be an absolute path"))
      }
    default:
      errors.append(.notSupported(path.child("pathType"), type, ["Exact", "ImplementationSpecific", "Prefix"]))
    }
    return errors + backendErrors(item["backend"], path.child("backend"))
  }

  private static func backendErrors(_ backend: JSONValue, _ path: FieldPath) -> [FieldError] {
    let service: JSONValue = backend["service"]
    let resource: JSONValue = backend["resource"]
    if service.isThere, resource.isThere {
      return [.invalid(path, "", "cannot set both resource and service backends")]
    }
    if resource.isThere {
      return ["kind", "name"].filter { resource[$0].plain.isEmpty }.map { .required(path.child("resource", $0)) }
    }
    guard service.isThere else { return [.invalid(path, "", "resource or service backend is required")] }
    var errors: [FieldError] = []
    if service["name"].plain.isEmpty {
      errors.append(.required(path.child("service", "name")))
    } else {
      errors += Checks.text(service["name"], path.child("service", "name"), Names.label)
    }
    let name: String = service["port"]["name"].plain
    let number: Int64 = service["port"]["number"].int ?? 0
    if !name.isEmpty, number != 0 {
      errors.append(.invalid(path, "", "cannot set both port name & port number"))
    } else if !name.isEmpty {
      errors += Checks.text(service["port"]["name"], path.child("service", "port", "name"), Names.portName)
    } else if number != 0 {
      errors += Names.portNumber(number).map { .invalid(path.child("service", "port", "number"), .int(number), $0) }
    } else {
      errors.append(.required(path, "port name or number is required"))
    }
    return errors
  }

  static func classErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = []
    let controller: String = object["spec"]["controller"].plain
    if controller.isEmpty {
      errors.append(.required(path.child("controller")))
    } else {
      if controller.utf8.count > 250 { errors.append(.tooLong(path.child("controller"), 250)) }
      errors += Names.isDomainPrefixed(controller).map { .invalid(path.child("controller"), .string(controller), $0) }
    }
    let parameters: JSONValue = object["spec"]["parameters"]
    guard parameters.isThere else { return errors }
    if parameters["apiGroup"].isThere {
      errors += Checks.text(parameters["apiGroup"], path.child("parameters", "apiGroup"), Names.subdomain)
    }
    for key: String in ["kind", "name"] {
      let at: FieldPath = path.child("parameters", key)
      if parameters[key].plain.isEmpty {
        errors.append(.required(at))
      } else {
        errors += Names.pathSegment(parameters[key].plain, isPrefix: false).map { .invalid(at, parameters[key], $0) }
      }
    }
    switch parameters["scope"].plain {
    case "Cluster":
      if parameters["namespace"].isThere {
        errors.append(
          .forbidden(path.child("parameters", "namespace"), "`parameters.scope` is set to 'Cluster'"))
      }
    case "Namespace":
      let at: FieldPath = path.child("parameters", "namespace")
      errors +=
        parameters["namespace"].isNull
        ? [.required(at, "`parameters.scope` is set to 'Namespace'")]
        : Checks.text(parameters["namespace"], at, Names.label)
    default:
      errors.append(
        .notSupported(path.child("parameters", "scope"), parameters["scope"], ["Cluster", "Namespace"]))
    }
    return errors
  }
}
