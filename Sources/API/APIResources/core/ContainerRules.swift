// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// Containers of all three lists.
enum ContainerRules {
  /// What a container's rules need to know of its pod.
  struct Surroundings {
    var volumes: [String: JSONValue]
    var claims: [String]
    var hostUsers: Bool
    var hostNetwork: Bool
    var restartPolicy: String
    var isWindows: Bool
  }

  static func errors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var volumes: [String: JSONValue] = [:]
    for volume: JSONValue in spec["volumes"].items { volumes[volume["name"].plain] = volume }
    let around: Surroundings = Surroundings(
      volumes: volumes, claims: spec["resourceClaims"].items.map { $0["name"].plain },
      hostUsers: spec["hostUsers"].bool ?? true, hostNetwork: spec["hostNetwork"].bool ?? false,
      restartPolicy: spec["restartPolicy"].plain, isWindows: spec["os"]["name"].plain == "windows")
    var errors: [FieldError] = []
    let main: [JSONValue] = spec["containers"].items
    if main.isEmpty { errors.append(.required(path.child("containers"))) }
    var names: Set<String> = []
    for (place, container) in main.enumerated() {
      let at: FieldPath = path.child("containers").index(place)
      errors += common(container, at, around)
      errors += nameErrors(container, at, &names)
      errors += lifecycleErrors(container["lifecycle"], at.child("lifecycle"))
      for key: String in ["livenessProbe", "readinessProbe", "startupProbe"] {
        errors += ProbeRules.errors(container[key], at.child(key), kind: key)
      }
      if container["restartPolicy"].isThere {
        let known: [String] = ["Always", "Never", "OnFailure"]
        if !known.contains(container["restartPolicy"].plain) {
          errors.append(.notSupported(at.child("restartPolicy"), container["restartPolicy"], known))
        }
      }
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
      errors += nameErrors(container, at, &names)
      if isSidecar {
        errors += lifecycleErrors(container["lifecycle"], at.child("lifecycle"))
        for key: String in ["livenessProbe", "readinessProbe", "startupProbe"] {
          errors += ProbeRules.errors(container[key], at.child(key), kind: key)
        }
      } else {
        let message: String = "may not be set for init containers without restartPolicy=Always"
        for key: String in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] where container[key].isThere
        {
          errors.append(.forbidden(at.child(key), message))
        }
      }
      if container["restartPolicy"].isThere {
        let known: [String] = ["Always", "Never", "OnFailure"]
        if !known.contains(container["restartPolicy"].plain) {
          errors.append(.notSupported(at.child("restartPolicy"), container["restartPolicy"], known))
        }
      }
    }
    return errors + portConflicts(spec["initContainers"].items, path)
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
      ] where !container[key].isVoid {
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
    errors += mountErrors(container, at, around)
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
      if !["cpu", "memory"].contains(resource) {
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
      if !port["hostIP"].plain.isEmpty { errors += Checks.address(port["hostIP"], at.child("hostIP")) }
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

  private static func mountErrors(_ container: JSONValue, _ at: FieldPath, _ around: Surroundings) -> [FieldError] {
    var errors: [FieldError] = []
    var paths: Set<String> = []
    for (place, mount) in container["volumeMounts"].items.enumerated() {
      let path: FieldPath = at.child("volumeMounts").index(place)
      let name: String = mount["name"].plain
      if name.isEmpty {
        errors.append(.required(path.child("name")))
      } else if around.volumes[name] == nil {
        errors.append(.notFound(path.child("name"), .string(name)))
      }
      let target: String = mount["mountPath"].plain
      if target.isEmpty { errors.append(.required(path.child("mountPath"))) }
      if !paths.insert(target).inserted {
        errors.append(.invalid(path.child("mountPath"), .string(target), "must be unique"))
      }
      for key: String in ["subPath", "subPathExpr"] where !mount[key].plain.isEmpty {
        errors += PathRules.local(mount[key], path.child(key))
      }
      if !mount["subPath"].plain.isEmpty, !mount["subPathExpr"].plain.isEmpty {
        errors.append(
          .invalid(path.child("subPathExpr"), mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"))
      }
      errors += propagationErrors(mount, container, path)
    }
    for (place, device) in container["volumeDevices"].items.enumerated() {
      let path: FieldPath = at.child("volumeDevices").index(place)
      let name: String = device["name"].plain
      if name.isEmpty {
        errors.append(.required(path.child("name")))
      } else if let volume: JSONValue = around.volumes[name] {
        if volume["persistentVolumeClaim"].isNull, volume["ephemeral"].isNull {
          errors.append(
            .invalid(
              path.child("name"), .string(name),
              "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
        }
      } else {
        errors.append(.notFound(path.child("name"), .string(name)))
      }
      let target: String = device["devicePath"].plain
      if target.isEmpty {
        errors.append(.required(path.child("devicePath")))
      } else if !paths.insert(target).inserted {
        errors.append(.invalid(path.child("devicePath"), .string(target), "must be unique"))
      }
    }
    return errors
  }

  private static func propagationErrors(_ mount: JSONValue, _ container: JSONValue, _ path: FieldPath) -> [FieldError] {
    let value: JSONValue = mount["mountPropagation"]
    guard value.isThere else { return [] }
    let at: FieldPath = path.child("mountPropagation")
    let known: [String] = ["Bidirectional", "HostToContainer", "None"]
    if !known.contains(value.plain) { return [.notSupported(at, value, known)] }
    if value.plain == "Bidirectional", !(container["securityContext"]["privileged"].bool ?? false) {
      return [.forbidden(at, "Bidirectional mount propagation is available only to privileged containers")]
    }
    return []
  }

  private static func lifecycleErrors(_ lifecycle: JSONValue, _ path: FieldPath) -> [FieldError] {
    ["postStart", "preStop"].flatMap { key in
      lifecycle[key].isNull ? [] : ProbeRules.handler(lifecycle[key], path.child(key), isProbe: false)
    }
  }
}
