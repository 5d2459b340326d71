// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// The rules of the group storage.k8s.io.
enum StorageValidation {
  static func storageClassErrors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = provisionerErrors(object["provisioner"].plain, FieldPath("provisioner"))
    errors += parameterErrors(object["parameters"], allowsEmpty: true)
    errors += Checks.supported(object["reclaimPolicy"], FieldPath("reclaimPolicy"), ["Delete", "Retain"])
    errors += Checks.supported(
      object["volumeBindingMode"], FieldPath("volumeBindingMode"), ["Immediate", "WaitForFirstConsumer"])
    return errors + topologyErrors(object["allowedTopologies"], FieldPath("allowedTopologies"))
  }

  private static func provisionerErrors(_ name: String, _ path: FieldPath) -> [FieldError] {
    if name.isEmpty { return [.required(path)] }
    return Names.qualified(name.lowercased()).map { .invalid(path, .string(name.lowercased()), $0) }
  }

  private static func parameterErrors(_ parameters: JSONValue, allowsEmpty: Bool) -> [FieldError] {
    let path: FieldPath = FieldPath("parameters")
    let members: JSONObject = parameters.object ?? JSONObject()
    if members.count > 512 {
      return [.tooLong(path, 512)]
    }
    if members.isEmpty, !allowsEmpty { return [.required(path, "must contain at least one key/value pair")] }
    var errors: [FieldError] = []
    var size: Int = 0
    for (key, value) in members {
      if key.isEmpty { errors.append(.invalid(path, .string(key), "field can not be empty.")) }
      size += key.utf8.count + value.plain.utf8.count
    }
    if size > 256 * 1024 { errors.append(.tooLong(path, 256 * 1024)) }
    return errors
  }

  private static func topologyErrors(_ topologies: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var earlier: [[String: Set<String>]] = []
    for (place, term) in topologies.items.enumerated() {
      let at: FieldPath = path.index(place).child("matchLabelExpressions")
      let values: [String: Set<String>] = Dictionary(
        term["matchLabelExpressions"].items.map { ($0["key"].plain, Set($0["values"].strings)) }) { $0.union($1) }
      defer { earlier.append(values) }
      var keys: Set<String> = []
      for (index, expression) in term["matchLabelExpressions"].items.enumerated() {
        let one: FieldPath = at.index(index)
        if expression["values"].isVoid { errors.append(.required(one.child("values"))) }
        var seen: Set<String> = []
        for (number, value) in expression["values"].strings.enumerated() where !seen.insert(value).inserted {
          errors.append(.duplicate(one.child("values").index(number), .string(value)))
        }
        errors += Checks.text(expression["key"], one.child("key"), Names.qualified)
        if !keys.insert(expression["key"].plain).inserted {
          errors.append(.duplicate(one.child("key"), expression["key"]))
        }
      }
      // An empty term is also as good as each that was not looked at yet.
      let same: Int = earlier.count { $0 == values } + (values.isEmpty ? topologies.items.count : 0)
      errors += Array(repeating: .duplicate(at, ""), count: same)
    }
    return errors
  }

  static func storageClassUpdateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"].flatMap { key in
      Checks.immutable(object[key], old[key], FieldPath(key))
    }
  }

  static func driverErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    for key: String in ["attachRequired", "podInfoOnMount", "storageCapacity"] where spec[key].isNull {
      errors.append(.required(path.child(key)))
    }
    if spec["fsGroupPolicy"].isThere {
      errors += Checks.supported(
        spec["fsGroupPolicy"], path.child("fsGroupPolicy"), ["File", "None", "ReadWriteOnceWithFSType"])
    }
    var audiences: Set<String> = []
    for (place, request) in spec["tokenRequests"].items.enumerated() {
      let at: FieldPath = path.child("tokenRequests").index(place)
      if !audiences.insert(request["audience"].plain).inserted {
        errors.append(.duplicate(at.child("audience"), .string(request["audience"].plain)))
      }
      if let seconds: Int64 = request["expirationSeconds"].int {
        if seconds < 600 {
          errors.append(
            .invalid(at.child("expirationSeconds"), .int(seconds), "may not specify a duration less than 10 minutes"))
        } else if seconds > 1 << 32 {
          errors.append(
            .invalid(
              at.child("expirationSeconds"), .int(seconds), "may not specify a duration larger than 2^32 seconds"))
        }
      }
    }
    for mode: String in spec["volumeLifecycleModes"].strings where !["Persistent", "Ephemeral"].contains(mode) {
      errors.append(
        .notSupported(path.child("volumeLifecycleModes"), .string(mode), ["Persistent", "Ephemeral"]))
    }
    if let seconds: Int64 = spec["nodeAllocatableUpdatePeriodSeconds"].int, seconds < 10 {
      errors.append(
        .invalid(
          path.child("nodeAllocatableUpdatePeriodSeconds"), .int(seconds), "must be greater than or equal to 10 seconds"
        ))
    }
    return errors
  }

  static func nodeErrors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, driver) in object["spec"]["drivers"].items.enumerated() {
      let at: FieldPath = FieldPath("spec", "drivers").index(place)
      errors += VolumeRules.driverName(driver["name"], at.child("name"))
      let node: String = driver["nodeID"].plain
      if node.isEmpty {
        errors.append(.required(at.child("nodeID")))
      } else if node.utf8.count > 256 {
        errors.append(.invalid(at.child("nodeID"), driver["nodeID"], "must be 256 characters or less"))
      }
      if let count: Int64 = driver["allocatable"]["count"].int, count < 0 {
        errors.append(.invalid(at.child("allocatable", "count"), .int(count), "must be greater than or equal to 0"))
      }
      if !names.insert(driver["name"].plain).inserted {
        errors.append(.duplicate(at.child("name"), driver["name"]))
      }
      var keys: Set<String> = []
      for key: String in driver["topologyKeys"].strings {
        if key.isEmpty { errors.append(.required(at)) }
        if !keys.insert(key).inserted { errors.append(.duplicate(at, .string(key))) }
        errors += Names.qualified(key).map { .invalid(at, .string(key), $0) }
      }
    }
    return errors
  }

  static func nodeUpdateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = nodeErrors(object)
    for before: JSONValue in old["spec"]["drivers"].items {
      for driver: JSONValue in object["spec"]["drivers"].items where driver["name"] == before["name"] {
        // How many volumes a node takes may change.
        var known: JSONValue = before
        var wanted: JSONValue = driver
        known["allocatable"] = .null
        wanted["allocatable"] = .null
        errors += GoForm.immutable(wanted, known, FieldPath("spec", "drivers"), "*@storage.CSINodeDriver")
      }
    }
    return errors
  }

  static func capacityErrors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = Checks.labelSelector(object["nodeTopology"], FieldPath("nodeTopology"))
    errors += Checks.text(object["storageClassName"], FieldPath("storageClassName"), Names.subdomain)
    for key: String in ["capacity"] {
      if let quantity = Checks.quantity(object[key]), quantity.nanounits < 0 {
        errors.append(
          .invalid(FieldPath(key), Checks.canonical(object[key]), "must be greater than or equal to 0"))
      }
    }
    return errors
  }

  static func attachmentErrors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = VolumeRules.driverName(spec["attacher"], path.child("attacher"))
    let source: JSONValue = spec["source"]
    let inline: JSONValue = source["inlineVolumeSpec"]
    if inline.isNull, source["persistentVolumeName"].isNull {
      errors.append(
        .required(path.child("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
    } else if inline.isThere, source["persistentVolumeName"].isThere {
      errors.append(
        .forbidden(path.child("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
    } else if source["persistentVolumeName"].isThere, source["persistentVolumeName"].plain.isEmpty {
      errors.append(
        .required(path.child("source", "persistentVolumeName"), "must specify non empty persistentVolumeName"))
    }
    if inline.isNull, source["persistentVolumeName"].isThere {
      errors += Checks.text(
        source["persistentVolumeName"], path.child("source", "persistentVolumeName"), Names.subdomain)
    }
    errors += Checks.text(spec["nodeName"], path.child("nodeName"), Names.subdomain)
    return errors
  }

  static func attributesClassErrors(_ object: JSONValue) -> [FieldError] {
    provisionerErrors(object["driverName"].plain, FieldPath("driverName"))
      + parameterErrors(object["parameters"], allowsEmpty: false)
  }
}
