// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// Containers of all three lists.
enum ContainerRules {
  /// What a container's rules need to know of its pod.
  struct Surroundings {
    /// Those that are right.
    var volumes: [String: JSONValue]
    var claims: [String]
    var hostUsers: Bool
    var hostNetwork: Bool
    var restartPolicy: String
    var isWindows: Bool
    var gracePeriod: Int64
  }

  static func errors(_ spec: JSONValue, _ path: FieldPath, volumes sound: Set<String>) -> [FieldError] {
    var volumes: [String: JSONValue] = [:]
    for volume: JSONValue in spec["volumes"].items where sound.contains(volume["name"].plain) {
      volumes[volume["name"].plain] = volume
    }
    let around: Surroundings = Surroundings(
      volumes: volumes, claims: spec["resourceClaims"].items.map { $0["name"].plain },
      hostUsers: spec["hostUsers"].bool ?? true, hostNetwork: spec["hostNetwork"].bool ?? false,
      restartPolicy: spec["restartPolicy"].plain, isWindows: spec["os"]["name"].plain == "windows",
      gracePeriod: spec["terminationGracePeriodSeconds"].int ?? 30)
    var errors: [FieldError] = []
    let main: [JSONValue] = spec["containers"].items
    if main.isEmpty { errors.append(.required(path.child("containers"))) }
    var names: Set<String> = []
    for (place, container) in main.enumerated() {
      let at: FieldPath = path.child("containers").index(place)
      errors += common(container, at, around)
      errors += nameErrors(container, at, &names)
      errors += lifecycleErrors(container["lifecycle"], at.child("lifecycle"), around)
      for key: String in ["livenessProbe", "readinessProbe", "startupProbe"] {
        errors += ProbeRules.errors(container[key], at.child(key), kind: key)
      }
      errors += RestartRules.errors(container, at)
    }
    errors += portConflicts(main, path.child("containers"))
    errors += initErrors(spec, path.child("initContainers"), around, &names)
    return errors + ephemeralErrors(spec, path.child("ephemeralContainers"), around, &names)
  }

  private static func initErrors(
    _ spec: JSONValue, _ path: FieldPath, _ around: Surroundings, _ names: inout Set<String>
  ) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, container) in spec["initContainers"].items.enumerated() {
      let at: FieldPath = path.index(place)
      let isSidecar: Bool = container["restartPolicy"].plain == "Always"
      errors += common(container, at, around)
      errors += RestartRules.errors(container, at, isFirst: true)
      errors += nameErrors(container, at, &names)
      errors += portConflicts([container], path)
      if isSidecar {
        errors += lifecycleErrors(container["lifecycle"], at.child("lifecycle"), around)
        for key: String in ["livenessProbe", "readinessProbe", "startupProbe"] {
          errors += ProbeRules.errors(container[key], at.child(key), kind: key)
        }
      } else {
        let message: String = "may not be set for init containers without restartPolicy=Always"
        for key: String in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] where container[key].isThere
        {
          errors.append(.forbidden(at.child(key), message))
        }
        for (index, policy) in container["resizePolicy"].items.enumerated()
        where policy["restartPolicy"].plain == "RestartContainer" {
          errors.append(
            .invalid(
              at.child("resizePolicy").index(index).child("restartPolicy"), policy["restartPolicy"],
              "must not be set to 'RestartContainer' for non-sidecar initContainers"))
        }
      }
    }
    return errors
  }

  private static func ephemeralErrors(
    _ spec: JSONValue, _ path: FieldPath, _ around: Surroundings, _ names: inout Set<String>
  ) -> [FieldError] {
    var errors: [FieldError] = []
    let targets: Set<String> = Set(
      spec["containers"].items.map { $0["name"].plain } + spec["initContainers"].items.map { $0["name"].plain })
    for (place, container) in spec["ephemeralContainers"].items.enumerated() {
      let at: FieldPath = path.index(place)
      errors += common(container, at, around)
      errors += nameErrors(container, at, &names)
      let target: String = container["targetContainerName"].plain
      if !target.isEmpty, !targets.contains(target) {
        errors.append(.notFound(at.child("targetContainerName"), .string(target)))
      }
      let message: String = "cannot be set for an Ephemeral Container"
      for key: String in [
        "ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy",
        "restartPolicy", "restartPolicyRules",
      ] where container[key].isThere && !(key == "resources" && container[key].isVoid) {
        errors.append(.forbidden(at.child(key), message))
      }
      for (index, mount) in container["volumeMounts"].items.enumerated() {
        for key: String in ["subPath", "subPathExpr"] where !mount[key].plain.isEmpty {
          errors.append(.forbidden(at.child("volumeMounts").index(index).child(key), message))
        }
      }
    }
    return errors
  }

  private static func nameErrors(_ container: JSONValue, _ at: FieldPath, _ names: inout Set<String>) -> [FieldError] {
    let name: String = container["name"].plain
    guard !name.isEmpty else { return [] }
    return names.insert(name).inserted ? [] : [.duplicate(at.child("name"), .string(name))]
  }

  /// The rules of containers of every list.
  private static func common(_ container: JSONValue, _ at: FieldPath, _ around: Surroundings) -> [FieldError] {
    var errors: [FieldError] = []
    let name: String = container["name"].plain
    if name.isEmpty {
      errors.append(.required(at.child("name")))
    } else {
      errors += Checks.text(container["name"], at.child("name"), Names.label)
    }
    let image: String = container["image"].plain
    if image.isEmpty { errors.append(.required(at.child("image"))) }
    if image.first?.isWhitespace ?? false || image.last?.isWhitespace ?? false {
      errors.append(
        .invalid(at.child("image"), .string(image), "must not have leading or trailing whitespace"))
    }
    switch container["terminationMessagePolicy"].plain {
    case "File", "FallbackToLogsOnError": break
    case "": errors.append(.required(at.child("terminationMessagePolicy")))
    default:
      errors.append(
        .notSupported(
          at.child("terminationMessagePolicy"), container["terminationMessagePolicy"],
          ["File", "FallbackToLogsOnError"]))
    }
    errors += portErrors(container["ports"], at.child("ports"), around)
    errors += EnvironmentRules.errors(container, at)
    errors += MountRules.errors(container, at, volumes: around.volumes)
    let policy: String = container["imagePullPolicy"].plain
    if policy.isEmpty {
      errors.append(.required(at.child("imagePullPolicy")))
    } else {
      errors += Checks.supported(
        container["imagePullPolicy"], at.child("imagePullPolicy"), ["Always", "IfNotPresent", "Never"])
    }
    errors += ResourceRules.requirements(container["resources"], at.child("resources"), claims: around.claims)
    errors += resizeErrors(container["resizePolicy"], at.child("resizePolicy"), around)
    errors += SecurityRules.containerErrors(container, at.child("securityContext"), hostUsers: around.hostUsers)
    return errors
  }

  private static func resizeErrors(_ policies: JSONValue, _ path: FieldPath, _ around: Surroundings) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for policy: JSONValue in policies.items {
      let resource: String = policy["resourceName"].plain
      if resource.isEmpty {
        errors.append(.required(path))
      } else if !["cpu", "memory"].contains(resource) {
        errors.append(.notSupported(path, .string(resource), ["cpu", "memory"]))
      }
      let restart: String = policy["restartPolicy"].plain
      if restart.isEmpty {
        errors.append(.required(path))
      } else if !["NotRequired", "RestartContainer"].contains(restart) {
        errors.append(.notSupported(path, .string(restart), ["NotRequired", "RestartContainer"]))
      }
      if around.restartPolicy == "Never", restart != "NotRequired" {
        errors.append(
          .invalid(path, .string(restart), "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
      }
      if !seen.insert(resource).inserted { errors.append(.duplicate(path, .string(resource))) }
    }
    return errors
  }

  private static func portErrors(_ ports: JSONValue, _ path: FieldPath, _ around: Surroundings) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, port) in ports.items.enumerated() {
      let at: FieldPath = path.index(place)
      let name: String = port["name"].plain
      if !name.isEmpty {
        let wrong: [String] = Names.portName(name)
        if !wrong.isEmpty {
          errors += wrong.map { .invalid(at.child("name"), .string(name), $0) }
        } else if !names.insert(name).inserted {
          errors.append(.duplicate(at.child("name"), .string(name)))
        }
      }
      let number: Int64 = port["containerPort"].int ?? 0
      if number == 0 {
        errors.append(.required(at.child("containerPort")))
      } else {
        errors += Names.portNumber(number).map { .invalid(at.child("containerPort"), .int(number), $0) }
      }
      if let host: Int64 = port["hostPort"].int, host != 0 {
        errors += Names.portNumber(host).map { .invalid(at.child("hostPort"), .int(host), $0) }
        if around.hostNetwork, host != number {
          errors.append(
            .invalid(at.child("hostPort"), .int(host), "must match `containerPort` when `hostNetwork` is true"))
        }
      }
      if port["protocol"].plain.isEmpty {
        errors.append(.required(at.child("protocol")))
      } else {
        errors += Checks.supported(port["protocol"], at.child("protocol"), ["SCTP", "TCP", "UDP"])
      }
    }
    return errors
  }

  /// Host ports that two containers want.
  private static func portConflicts(_ containers: [JSONValue], _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, container) in containers.enumerated() {
      for (index, port) in container["ports"].items.enumerated() {
        guard let host: Int64 = port["hostPort"].int, host != 0 else { continue }
        let text: String = "\(port["protocol"].plain)/\(port["hostIP"].plain)/\(host)"
        if !seen.insert(text).inserted {
          errors.append(.duplicate(path.index(place).child("ports").index(index).child("hostPort"), .string(text)))
        }
      }
    }
    return errors
  }

  private static func lifecycleErrors(
    _ lifecycle: JSONValue, _ path: FieldPath, _ around: Surroundings
  ) -> [FieldError] {
    ["postStart", "preStop"].flatMap { key in
      lifecycle[key].isNull
        ? [] : ProbeRules.handler(lifecycle[key], path.child(key), isProbe: false, gracePeriod: around.gracePeriod)
    }
  }
}
