// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// The Pod Security Standards, as the labels of a namespace ask for them.
struct PodSecurity: AdmissionPlugin {
  static let name: String = "PodSecurity"

  let namespaces: ObjectStorage
  let pods: ObjectStorage

  /// The kinds whose pods come from a template.
  private static let templates: [GroupResource: [String]] = [
    GroupResource("", "podtemplates"): ["template"], GroupResource("", "replicationcontrollers"): ["spec", "template"],
    GroupResource("apps", "deployments"): ["spec", "template"], GroupResource("apps", "replicasets"): ["spec", "template"],
    GroupResource("apps", "statefulsets"): ["spec", "template"], GroupResource("apps", "daemonsets"): ["spec", "template"],
    GroupResource("batch", "jobs"): ["spec", "template"],
    GroupResource("batch", "cronjobs"): ["spec", "jobTemplate", "spec", "template"],
  ]

  func validate(_ request: AdmissionRequest) async throws {
    guard request.operation == .create || request.operation == .update else { return }
    if request.isAbout("", "namespaces") { return try await validateNamespace(request) }
    guard !request.namespace.isEmpty else { return }
    let isPod: Bool =
      request.group == GroupResource("", "pods") && (request.subresource.isEmpty || request.subresource == "ephemeralcontainers")
    let path: [String]? = request.subresource.isEmpty ? Self.templates[request.group] : nil
    guard isPod || path != nil else { return }
    if isPod, request.operation == .update, request.object["spec"] == request.old["spec"] { return }
    guard let namespace: CachedObject = try await namespaces.get(namespace: "", name: request.namespace, freshness: .any),
      namespace.labels.keys.contains(where: { $0.hasPrefix(PodSecurityPolicy.prefix) })
    else { return }
    let policy: PodSecurityPolicy = PodSecurityPolicy(namespace.labels)
    let template: JSONValue = (path ?? []).reduce(request.object) { $0[$1] }
    let pod: JSONValue = isPod ? request.object : template
    guard pod["spec"].object != nil else { return }
    if isPod {
      let found: [String] = policy.enforce.violations(pod)
      if !found.isEmpty {
        throw request.forbidden(
          "violates PodSecurity \(policy.enforce.text.goQuoted): \(found.joined(separator: ", "))")
      }
    }
    let found: [String] = policy.warn.violations(pod)
    if !found.isEmpty {
      request.warnings.add(
        "would violate PodSecurity \(policy.warn.text.goQuoted): \(found.joined(separator: ", "))")
    }
  }

  /// The labels must be right where they are new; and pods that a stricter level would refuse are told of.
  private func validateNamespace(_ request: AdmissionRequest) async throws {
    let policy: PodSecurityPolicy = PodSecurityPolicy(request.object["metadata"]["labels"])
    let before: PodSecurityPolicy = PodSecurityPolicy(request.old["metadata"]["labels"])
    let isNew: Bool = request.operation == .create
    if !policy.errors.isEmpty, isNew || policy.errors != before.errors {
      throw StatusError.invalid(GroupKind("", "Namespace"), request.name, policy.errors)
    }
    let wanted: PodSecurityPolicy.Mode = policy.enforce
    guard !isNew, wanted != before.enforce, wanted.level != "privileged",
      wanted.version != before.enforce.version || wanted.rank > before.enforce.rank
    else { return }
    let existing: [CachedObject] = try await pods.list(ListRequest(namespace: request.name, freshness: .any)).objects
    var names: [String: [String]] = [:]
    for object: CachedObject in existing {
      let reasons: [String] = wanted.violations(try ObjectStorage.tree(object)).map(PodSecurityChecks.reason)
      if !reasons.isEmpty { names[reasons.joined(separator: ", "), default: []].append(object.name) }
    }
    guard !names.isEmpty else { return }
    request.warnings.add(
      "existing pods in namespace \(request.name.goQuoted) violate the new PodSecurity enforce level "
        + wanted.text.goQuoted)
    let texts: [String] = names.map { reasons, pods in
      let first: String = pods.min() ?? ""
      switch pods.count {
      case 1: return "\(first): \(reasons)"
      case 2: return "\(first) (and 1 other pod): \(reasons)"
      default: return "\(first) (and \(pods.count - 1) other pods): \(reasons)"
      }
    }
    for text: String in texts.sorted() { request.warnings.add(text) }
  }
}

/// The rules of the baseline and restricted levels.
enum PodSecurityChecks {
  private static let capabilities: Set<String> = [
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
  ]
  private static let safeSysctls: Set<String> = [
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
  ]
  private static let restrictedVolumes: Set<String> = [
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "image",
  ]

  /// From this minor version on, pods with users of their own may do more.
  private static let userNamespaceVersion: Int = 35
  private static let probeHostVersion: Int = 34

  /// What of a pod a level forbids, each as its reason with details in brackets.
  static func violations(_ pod: JSONValue, level: String, version: Int) -> [String] {
    guard level == "baseline" || level == "restricted" else { return [] }
    let isRelaxed: Bool = version >= userNamespaceVersion && pod["spec"]["hostUsers"].bool == false
    let isRestricted: Bool = level == "restricted"
    var found: [String] = baseline(
      pod, isRestricted: isRestricted, version: version,
      checksMasks: isRestricted ? version < userNamespaceVersion : !isRelaxed)
    if isRestricted {
      found += restricted(pod, isRelaxed: isRelaxed, checksMasks: version >= userNamespaceVersion)
    }
    return found
  }

  /// A violation without its details.
  static func reason(_ violation: String) -> String {
    violation.firstRange(of: " (").map { String(violation[..<$0.lowerBound]) } ?? violation
  }

  private static func masks(_ pod: JSONValue) -> [String] {
    func mount(_ container: JSONValue) -> String { container["securityContext"]["procMount"].string ?? "Default" }
    let names: [String] = named(pod) { mount($0) != "Default" }
    if names.isEmpty { return [] }
    let kinds: [String] = Array(Set(PodReferences.containers(pod).map(mount).filter { $0 != "Default" })).sorted()
    return ["procMount (\(containers(names)) must not set securityContext.procMount to \(quoted(kinds)))"]
  }

  private static func probeHosts(_ pod: JSONValue) -> [String] {
    func hosts(_ container: JSONValue) -> [String] {
      let probes: [JSONValue] = ["livenessProbe", "readinessProbe", "startupProbe"].map { container[$0] }
      let hooks: [JSONValue] = ["postStart", "preStop"].map { container["lifecycle"][$0] }
      return (probes + hooks).flatMap { handler in
        ["httpGet", "tcpSocket"].compactMap { handler[$0]["host"].string }.filter { !$0.isEmpty }
      }
    }
    let names: [String] = Array(Set(named(pod) { !hosts($0).isEmpty })).sorted()
    if names.isEmpty { return [] }
    let all: [String] = Array(Set(PodReferences.containers(pod).flatMap(hosts))).sorted()
    return [
      "probe or lifecycle host (\(containers(names)) \(names.count == 1 ? "uses" : "use") probe or lifecycle "
        + "\(all.count == 1 ? "host" : "hosts") \(quoted(all)))"
    ]
  }

  private static func hostProcess(_ pod: JSONValue) -> [String] {
    func isBad(_ holder: JSONValue) -> Bool {
      holder["securityContext"]["windowsOptions"]["hostProcess"].bool == true
    }
    let bad: [String] = named(pod, isBad)
    let who: [String] = (isBad(pod["spec"]) ? ["pod"] : []) + (bad.isEmpty ? [] : [containers(bad)])
    if who.isEmpty { return [] }
    return [
      "hostProcess (\(who.joined(separator: " and ")) must not set securityContext.windowsOptions.hostProcess=true)"
    ]
  }

  private static func quoted(_ names: [String]) -> String { names.map(\.goQuoted).joined(separator: ", ") }

  private static func containers(_ names: [String]) -> String {
    (names.count == 1 ? "container " : "containers ") + quoted(names)
  }

  private static func named(_ pod: JSONValue, _ predicate: (JSONValue) -> Bool) -> [String] {
    PodReferences.containers(pod).filter(predicate).compactMap { $0["name"].string }
  }

  private static func baseline(_ pod: JSONValue, isRestricted: Bool, version: Int, checksMasks: Bool) -> [String] {
    let spec: JSONValue = pod["spec"]
    var found: [String] = appArmor(pod)
    let shared: [String] = ["hostNetwork", "hostPID", "hostIPC"].filter { spec[$0].bool == true }.map { "\($0)=true" }
    let adding: [JSONValue] = PodReferences.containers(pod)
    if !isRestricted {
      let bad: [(String, [String])] = adding.map { container in
        (container["name"].string ?? "", container["securityContext"]["capabilities"]["add"].stringItems.filter { !capabilities.contains($0) })
      }.filter { !$0.1.isEmpty }
      if !bad.isEmpty {
        let all: [String] = Array(Set(bad.flatMap(\.1))).sorted()
        found.append("non-default capabilities (\(containers(bad.map(\.0))) must not include \(quoted(all)) in securityContext.capabilities.add)")
      }
    }
    if !shared.isEmpty { found.append("host namespaces (\(shared.joined(separator: ", ")))") }
    let paths: [String] = spec["volumes"].items.filter { $0["hostPath"].object != nil }.compactMap { $0["name"].string }
    if !paths.isEmpty, !isRestricted {
      found.append("hostPath volumes (\(paths.count == 1 ? "volume" : "volumes") \(quoted(paths)))")
    }
    let ports: [(String, [Int64])] = adding.map { container in
      (container["name"].string ?? "", container["ports"].items.compactMap { $0["hostPort"].int }.filter { $0 != 0 })
    }.filter { !$0.1.isEmpty }
    if !ports.isEmpty {
      let numbers: [String] = Array(Set(ports.flatMap(\.1))).sorted().map(String.init)
      found.append("hostPort (\(containers(ports.map(\.0))) \(ports.count == 1 ? "uses" : "use") \(numbers.count == 1 ? "hostPort" : "hostPorts") \(numbers.joined(separator: ", ")))")
    }
    if version >= probeHostVersion { found += probeHosts(pod) }
    let privileged: [String] = named(pod) { $0["securityContext"]["privileged"].bool == true }
    if !privileged.isEmpty { found.append("privileged (\(containers(privileged)) must not set securityContext.privileged=true)") }
    if checksMasks { found += masks(pod) }
    found += selinux(pod)
    if !isRestricted {
      if pod["spec"]["securityContext"]["seccompProfile"]["type"].string == "Unconfined" {
        found.append("seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")")
      }
    }
    let sysctls: [String] = spec["securityContext"]["sysctls"].items.compactMap { $0["name"].string }.filter { !safeSysctls.contains($0) }
    if !sysctls.isEmpty { found.append("forbidden sysctls (\(sysctls.joined(separator: ", ")))") }
    return found + hostProcess(pod)
  }

  private static let seLinuxTypes: Set<String> = [
    "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t",
  ]

  private static func selinux(_ pod: JSONValue) -> [String] {
    let types: (JSONValue) -> String = { $0["securityContext"]["seLinuxOptions"]["type"].string ?? "" }
    let setsIdentity: (JSONValue) -> Bool = { holder in
      ["user", "role"].contains { !(holder["securityContext"]["seLinuxOptions"][$0].string ?? "").isEmpty }
    }
    let isPodBad: Bool = !seLinuxTypes.contains(types(pod["spec"])) || setsIdentity(pod["spec"])
    let bad: [String] = named(pod) { !seLinuxTypes.contains(types($0)) || setsIdentity($0) }
    guard isPodBad || !bad.isEmpty else { return [] }
    let who: String = ((isPodBad ? ["pod"] : []) + (bad.isEmpty ? [] : [containers(bad)])).joined(separator: " and ")
    let holders: [JSONValue] = [pod["spec"]] + PodReferences.containers(pod)
    let wrong: [String] = Array(Set(holders.map(types).filter { !seLinuxTypes.contains($0) })).sorted()
    var details: [String] = []
    if !wrong.isEmpty { details.append("\(wrong.count == 1 ? "type" : "types") \(quoted(wrong))") }
    for key: String in ["user", "role"]
    where holders.contains(where: { !($0["securityContext"]["seLinuxOptions"][key].string ?? "").isEmpty }) {
      details.append("\(key) may not be set")
    }
    return ["seLinuxOptions (\(who) set forbidden securityContext.seLinuxOptions: \(details.joined(separator: "; ")))"]
  }

  private static func appArmor(_ pod: JSONValue) -> [String] {
    func isBad(_ holder: JSONValue) -> Bool {
      holder["securityContext"]["appArmorProfile"]["type"].string == "Unconfined"
    }
    let bad: [String] = named(pod, isBad)
    let isPodBad: Bool = isBad(pod["spec"])
    guard isPodBad || !bad.isEmpty else { return [] }
    let who: String = ((isPodBad ? ["pod"] : []) + (bad.isEmpty ? [] : [containers(bad)])).joined(separator: " and ")
    return ["forbidden AppArmor profile (\(who) must not set AppArmor profile type to \"Unconfined\")"]
  }

  private static func restricted(_ pod: JSONValue, isRelaxed: Bool, checksMasks: Bool) -> [String] {
    let spec: JSONValue = pod["spec"]
    if spec["os"]["name"].string == "windows" { return [] }
    var found: [String] = []
    let escalating: [String] = named(pod) { $0["securityContext"]["allowPrivilegeEscalation"].bool != false }
    if !escalating.isEmpty {
      found.append("allowPrivilegeEscalation != false (\(containers(escalating)) must set securityContext.allowPrivilegeEscalation=false)")
    }
    let keeping: [String] = named(pod) { !$0["securityContext"]["capabilities"]["drop"].stringItems.contains("ALL") }
    let adding: [String] = named(pod) { $0["securityContext"]["capabilities"]["add"].stringItems.contains { $0 != "NET_BIND_SERVICE" } }
    var details: [String] = []
    if !keeping.isEmpty { details.append("\(containers(keeping)) must set securityContext.capabilities.drop=[\"ALL\"]") }
    if !adding.isEmpty {
      let added: [String] = PodReferences.containers(pod).flatMap { $0["securityContext"]["capabilities"]["add"].stringItems }
      details.append("\(containers(adding)) must not include \(quoted(Array(Set(added.filter { $0 != "NET_BIND_SERVICE" })).sorted())) in securityContext.capabilities.add")
    }
    if !details.isEmpty { found.append("unrestricted capabilities (\(details.joined(separator: "; ")))") }
    if checksMasks { found += masks(pod) }
    let volumes: [(String, String)] = spec["volumes"].items.compactMap { volume in
      let kind: String = volume.object?.keys.first { $0 != "name" } ?? "emptyDir"
      return restrictedVolumes.contains(kind) ? nil : (volume["name"].string ?? "", kind)
    }
    if !volumes.isEmpty {
      let kinds: [String] = Array(Set(volumes.map(\.1))).sorted()
      found.append("restricted volume types (\(volumes.count == 1 ? "volume" : "volumes") \(quoted(volumes.map(\.0))) \(volumes.count == 1 ? "uses" : "use") restricted volume \(kinds.count == 1 ? "type" : "types") \(quoted(kinds)))")
    }
    if !isRelaxed { found += identity(pod) }
    found += seccomp(pod)
    return found
  }

  private static func identity(_ pod: JSONValue) -> [String] {
    var found: [String] = []
    let podValue: Bool? = pod["spec"]["securityContext"]["runAsNonRoot"].bool
    let wrong: [String] = named(pod) { $0["securityContext"]["runAsNonRoot"].bool == false }
    let missing: [String] = named(pod) { $0["securityContext"]["runAsNonRoot"].isNull }
    let setters: [String] = (podValue == false ? ["pod"] : []) + (wrong.isEmpty ? [] : [containers(wrong)])
    if !setters.isEmpty {
      found.append(
        "runAsNonRoot != true (\(setters.joined(separator: " and ")) must not set securityContext.runAsNonRoot=false)")
    } else if podValue != true, !missing.isEmpty {
      found.append("runAsNonRoot != true (pod or \(containers(missing)) must set securityContext.runAsNonRoot=true)")
    }
    let roots: [String] = named(pod) { $0["securityContext"]["runAsUser"].int == 0 }
    var culprits: [String] = []
    if pod["spec"]["securityContext"]["runAsUser"].int == 0 { culprits.append("pod") }
    if !roots.isEmpty { culprits.append(containers(roots)) }
    if !culprits.isEmpty { found.append("runAsUser=0 (\(culprits.joined(separator: " and ")) must not set runAsUser=0)") }
    return found
  }

  private static func seccomp(_ pod: JSONValue) -> [String] {
    let podType: String? = pod["spec"]["securityContext"]["seccompProfile"]["type"].string
    let wrong: [String] = named(pod) {
      guard let type: String = $0["securityContext"]["seccompProfile"]["type"].string else { return false }
      return !["RuntimeDefault", "Localhost"].contains(type)
    }
    if !wrong.isEmpty { return ["seccompProfile (\(containers(wrong)) must not set securityContext.seccompProfile.type to \"Unconfined\")"] }
    let missing: [String] = named(pod) { $0["securityContext"]["seccompProfile"]["type"].isNull }
    if let podType, !["RuntimeDefault", "Localhost"].contains(podType) {
      return ["seccompProfile (pod must not set securityContext.seccompProfile.type to \(podType.goQuoted))"]
    }
    if podType == nil, !missing.isEmpty {
      return ["seccompProfile (pod or \(containers(missing)) must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"]
    }
    return []
  }
}
