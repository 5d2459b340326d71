// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// The rules of pods (core/v1 ValidatePodCreate and ValidatePodSpec), in upstream's order.
enum PodValidation {
  static let int32Max: Int64 = 2_147_483_647

  static func errors(of pod: JSONValue) -> [FieldError] {
    PodAnnotations.errors(pod, FieldPath("metadata", "annotations"))
      + specErrors(pod["spec"], FieldPath("spec"), metadata: pod["metadata"], isPod: true)
  }

  static func specErrors(
    _ spec: JSONValue, _ path: FieldPath, metadata: JSONValue, isPod: Bool
  ) -> [FieldError] {
    let volumes: (errors: [FieldError], sound: Set<String>) = VolumeRules.errors(
      spec["volumes"], path.child("volumes"))
    var errors: [FieldError] = volumes.errors
    errors += claimErrors(spec["resourceClaims"], path.child("resourceClaims"))
    errors += ContainerRules.errors(spec, path, volumes: volumes.sound)
    if spec["resources"].isThere {
      let at: FieldPath = path.child("resources")
      errors += ResourceRules.requirements(
        spec["resources"], at, claims: spec["resourceClaims"].items.map { $0["name"].plain }, isPodLevel: true)
      errors += PodLevelResources.consistencyErrors(spec, at)
    }
    errors += policyErrors(spec, path)
    errors += Checks.labels(spec["nodeSelector"], path.child("nodeSelector"))
    errors += SecurityRules.podErrors(spec, path.child("securityContext"))
    errors += AffinityRules.errors(spec["affinity"], path.child("affinity"))
    errors += dnsErrors(spec, path.child("dnsConfig"))
    for (place, gate) in spec["readinessGates"].items.enumerated() {
      let at: FieldPath = path.child("readinessGates").index(place).child("conditionType")
      errors += Checks.text(gate["conditionType"], at, Names.qualified)
    }
    errors += gateErrors(spec, path)
    errors += TopologyRules.errors(
      spec["topologySpreadConstraints"], path.child("topologySpreadConstraints"))
    errors += WindowsRules.hostProcessErrors(spec, path)
    if !(spec["hostUsers"].bool ?? true) {
      for key: String in ["hostNetwork", "hostPID", "hostIPC"] where spec[key].bool ?? false {
        errors.append(.forbidden(path.child(key), "when `hostUsers` is false"))
      }
    }
    return errors + overrideErrors(spec, path) + nameErrors(spec, path) + remainingErrors(spec, path)
      + EnvironmentRules.fileVolumeErrors(spec, path)
  }

  private static func claimErrors(_ claims: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, claim) in claims.items.enumerated() {
      let at: FieldPath = path.index(place)
      let shown: JSONValue = GoText.fields(
        claim,
        [
          "Name": "name", "ResourceClaimName": "resourceClaimName",
          "ResourceClaimTemplateName": "resourceClaimTemplateName",
        ],
        order: ["Name", "ResourceClaimName", "ResourceClaimTemplateName"])
      let name: String = claim["name"].plain
      if name.isEmpty {
        errors.append(.required(at.child("name")))
      } else if !names.insert(name).inserted {
        errors.append(.duplicate(at.child("name"), .string(name)))
      } else {
        errors += Checks.text(claim["name"], at.child("name"), Names.label)
      }
      let both: String = "`resourceClaimName` or `resourceClaimTemplateName`"
      if claim["resourceClaimName"].isThere, claim["resourceClaimTemplateName"].isThere {
        errors.append(.invalid(at, shown, "at most one of \(both) may be specified"))
      }
      if claim["resourceClaimName"].isNull, claim["resourceClaimTemplateName"].isNull {
        errors.append(
          .invalid(at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
      }
      for key: String in ["resourceClaimName", "resourceClaimTemplateName"] where claim[key].isThere {
        errors += Checks.text(claim[key], at.child(key), Names.subdomain)
      }
    }
    return errors
  }

  private static func policyErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    func check(_ key: String, _ known: [String]) -> [FieldError] {
      let value: String = spec[key].plain
      if value.isEmpty { return [.required(path.child(key))] }
      return known.contains(value) ? [] : [.notSupported(path.child(key), .string(value), known)]
    }
    return check("restartPolicy", ["Always", "OnFailure", "Never"])
      + check("dnsPolicy", ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])
  }

  private static func dnsErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let config: JSONValue = spec["dnsConfig"]
    if spec["dnsPolicy"].plain == "None" {
      if config.isNull { return [.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")] }
      if config["nameservers"].isVoid {
        return [
          .required(path.child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None")
        ]
      }
    }
    guard config.isThere else { return [] }
    var errors: [FieldError] = []
    let servers: [JSONValue] = config["nameservers"].items
    if servers.count > 3 {
      errors.append(
        .invalid(path.child("nameservers"), config["nameservers"], "must not have more than 3 nameservers"))
    }
    for (place, server) in servers.enumerated() {
      errors += Checks.address(server, path.child("nameservers").index(place))
    }
    let searches: [String] = config["searches"].strings
    if searches.count > 32 {
      errors.append(.invalid(path.child("searches"), config["searches"], "must not have more than 32 search paths"))
    }
    if searches.joined(separator: " ").utf8.count > 2048 {
      errors.append(
        .invalid(
          path.child("searches"), config["searches"],
          "must not have more than 2048 characters (including spaces) in the search list"))
    }
    for (place, search) in searches.enumerated() where search != "." {
      let name: String = search.hasSuffix(".") ? String(search.dropLast()) : search
      errors += DomainRules.search(name).map {
        .invalid(path.child("searches").index(place), .string(name), $0)
      }
    }
    for (place, option) in config["options"].items.enumerated() where option["name"].plain.isEmpty {
      errors.append(.required(path.child("options").index(place), "must not be empty"))
    }
    return errors
  }

  private static func gateErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let gates: [JSONValue] = spec["schedulingGates"].items
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, gate) in gates.enumerated() {
      let at: FieldPath = path.child("schedulingGates").index(place)
      errors += Checks.text(gate["name"], at, Names.qualified)
      if !seen.insert(gate["name"].plain).inserted { errors.append(.duplicate(at, gate["name"])) }
    }
    return errors
  }

  /// A name that takes the place of the pod's own.
  private static func overrideErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let name: String = spec["hostnameOverride"].string else { return [] }
    let at: FieldPath = path.child("hostnameOverride")
    var errors: [FieldError] = []
    if spec["setHostnameAsFQDN"].bool ?? false {
      errors.append(.forbidden(at, "may not be specified when setHostnameAsFQDN is true"))
    }
    if spec["hostNetwork"].bool ?? false {
      errors.append(.forbidden(at, "may not be specified when hostNetwork is true"))
    }
    if name.utf8.count > 64 { errors.append(.tooLong(at, 64)) }
    return errors + Names.subdomain(name).map { .invalid(at, .string(name), $0) }
  }

  private static func nameErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    func check(_ key: String, _ rule: (String) -> [String]) {
      guard !spec[key].plain.isEmpty else { return }
      errors += Checks.text(spec[key], path.child(key), rule)
    }
    check("serviceAccountName", Names.subdomain)
    check("nodeName", Names.subdomain)
    if let seconds: Int64 = spec["activeDeadlineSeconds"].int, !(1...int32Max).contains(seconds) {
      errors.append(
        .invalid(
          path.child("activeDeadlineSeconds"), .int(seconds), "must be between 1 and \(int32Max), inclusive"))
    }
    check("hostname", Names.label)
    check("subdomain", Names.label)
    return errors
  }

  private static func remainingErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = TolerationRules.errors(spec["tolerations"], path.child("tolerations"))
    for (place, alias) in spec["hostAliases"].items.enumerated() {
      let at: FieldPath = path.child("hostAliases").index(place)
      errors += Checks.address(alias["ip"], at.child("ip"))
      for (index, name) in alias["hostnames"].items.enumerated() {
        errors += Checks.text(name, at.child("hostnames").index(index), Names.subdomain)
      }
    }
    if !spec["priorityClassName"].plain.isEmpty {
      errors += Checks.text(spec["priorityClassName"], path.child("priorityClassName"), Names.subdomain)
    }
    if !spec["runtimeClassName"].plain.isEmpty {
      errors += Checks.text(spec["runtimeClassName"], path.child("runtimeClassName"), Names.subdomain)
    }
    if spec["preemptionPolicy"].isThere {
      errors += PriorityRules.preemption(spec["preemptionPolicy"], path.child("preemptionPolicy"))
    }
    if spec["overhead"].isThere { errors += ResourceRules.overhead(spec["overhead"], path.child("overhead")) }
    if spec["os"].isThere {
      let name: String = spec["os"]["name"].plain
      if name.isEmpty {
        errors.append(.required(path.child("os", "name")))
      } else if !["linux", "windows"].contains(name) {
        errors.append(.notSupported(path.child("os"), .string(name), ["linux", "windows"]))
      }
      errors += SecurityRules.systemErrors(spec, path)
    }
    return errors
  }
}

/// A template's pod: its metadata and its specification.
enum PodTemplateValidation {
  static func errors(_ template: JSONValue, _ path: FieldPath) -> [FieldError] {
    let metadata: JSONValue = template["metadata"]
    var errors: [FieldError] = Checks.labels(metadata["labels"], path.child("labels"))
    errors += MetadataValidation.annotations(metadata["annotations"], path.child("annotations"))
    errors += PodAnnotations.errors(template, path.child("annotations"))
    errors += PodValidation.specErrors(template["spec"], path.child("spec"), metadata: metadata, isPod: false)
    if !template["spec"]["ephemeralContainers"].isVoid {
      errors.append(
        .forbidden(path.child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
    }
    return errors
  }
}

/// Names of domains.
enum DomainRules {
  /// A search path: a subdomain in which labels may have underscores.
  static func search(_ name: String) -> [String] {
    var messages: [String] = []
    if name.utf8.count > 253 { messages.append(Names.tooLong(253)) }
    let isRight: Bool = name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      var bytes: Substring.UTF8View.SubSequence = label.utf8[...]
      if bytes.first == 0x5F { bytes = bytes.dropFirst() }
      func isAlphanumeric(_ byte: UInt8) -> Bool { (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) }
      guard let first: UInt8 = bytes.first, let last: UInt8 = bytes.last else { return false }
      return isAlphanumeric(first) && isAlphanumeric(last)
        && bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F }
    }
    if !isRight {
      messages.append(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
          + "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
          + "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')")
    }
    return messages
  }
}

/// Values as Go prints its own structs, for messages that show them.
enum GoText {
  /// An object with Go's names, null where a member is missing.
  static func fields(_ value: JSONValue, _ names: [String: String], order: [String]) -> JSONValue {
    var members: JSONObject = JSONObject()
    for name: String in order { members[name] = value[names[name] ?? name] }
    return .object(members)
  }

  /// An object whose Go names are the JSON names with a capital first letter.
  static func capitalized(_ value: JSONValue, _ names: [String]) -> JSONValue {
    var members: JSONObject = JSONObject()
    for name: String in names { members[name.prefix(1).uppercased() + name.dropFirst()] = value[name] }
    return .object(members)
  }
}
