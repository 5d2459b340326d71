// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Ways to reach a volume.
enum AccessModes {
  static let known: [String] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]

  static func errors(_ modes: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = modes.strings.filter { !known.contains($0) }.map {
      .notSupported(path, .string($0), known)
    }
    if modes.strings.contains("ReadWriteOncePod"), modes.items.count > 1 {
      errors.append(.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    }
    return errors
  }
}

/// The rules of PersistentVolumes.
enum PersistentVolumeValidation {
  private static let sources: [String] = [
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs",
    "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume",
    "azureDisk", "scaleIO", "local", "storageos", "csi",
  ]

  static func errors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    if spec["accessModes"].isVoid { errors.append(.required(path.child("accessModes"))) }
    errors += AccessModes.errors(spec["accessModes"], path.child("accessModes"))
    let capacity: JSONValue = spec["capacity"]
    if capacity.isVoid { errors.append(.required(path.child("capacity"))) }
    if capacity["storage"].isNull || capacity.object?.count ?? 0 > 1 {
      errors.append(.notSupported(path.child("capacity"), GoForm.of(capacity, "{}q"), ["storage"]))
    }
    for name: String in capacity.sortedKeys {
      if let quantity = Checks.quantity(capacity[name]), quantity.nanounits <= 0 {
        errors.append(
          .invalid(path.child("capacity").key(name), Checks.canonical(capacity[name]), "must be greater than zero"))
      }
    }
    if let policy: String = spec["persistentVolumeReclaimPolicy"].string, !policy.isEmpty {
      errors += Checks.supported(
        .string(policy), path.child("persistentVolumeReclaimPolicy"), ["Delete", "Recycle", "Retain"])
    }
    errors += affinityErrors(spec, path.child("nodeAffinity"))
    errors += sourceErrors(spec, path)
    if spec["hostPath"]["path"].plain == "/", spec["persistentVolumeReclaimPolicy"].plain == "Recycle" {
      errors.append(
        .forbidden(path.child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
    }
    if !spec["storageClassName"].plain.isEmpty {
      errors += Checks.text(spec["storageClassName"], path.child("storageClassName"), Names.subdomain)
    }
    if spec["volumeMode"].isThere {
      errors += Checks.supported(spec["volumeMode"], path.child("volumeMode"), ["Block", "Filesystem"])
    }
    return errors + attributesErrors(spec, path)
  }

  private static func attributesErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let name: String = spec["volumeAttributesClassName"].string else { return [] }
    var errors: [FieldError] = []
    let at: FieldPath = path.child("volumeAttributesClassName")
    if name.isEmpty {
      errors.append(.required(at, "an empty string is disallowed"))
    } else {
      errors += Checks.text(.string(name), at, Names.subdomain)
    }
    if spec["csi"].isNull {
      errors.append(.required(path.child("csi"), "has to be specified when using volumeAttributesClassName"))
    }
    return errors
  }

  private static func affinityErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    let affinity: JSONValue = spec["nodeAffinity"]
    if affinity.isNull { return [] }
    if affinity["required"].isNull {
      return [.required(path.child("required"), "must specify required node constraints")]
    }
    return AffinityRules.nodeSelector(affinity["required"], path.child("required"))
  }

  private static func secretErrors(_ secret: JSONValue, _ at: FieldPath) -> [FieldError] {
    ["name", "namespace"].flatMap { key -> [FieldError] in
      if secret[key].plain.isEmpty { return [.required(at.child(key))] }
      return Checks.text(secret[key], at.child(key), key == "name" ? Names.subdomain : Names.label)
    }
  }

  /// What a volume of the cluster says about namespaces, as it is in none.
  private static func namespaceErrors(_ kind: String, _ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    switch kind {
    case "azureFile" where source["secretNamespace"].isThere && source["secretNamespace"].plain.isEmpty:
      return [.required(at.child("secretNamespace"))]
    case "cinder", "storageos":
      return source["secretRef"].isThere && source["secretRef"]["namespace"].plain.isEmpty
        ? [.required(at.child("secretRef", "namespace"))] : []
    case "glusterfs" where source["endpointsNamespace"].isThere:
      let path: FieldPath = at.child("endpointsNamespace")
      return source["endpointsNamespace"].plain.isEmpty
        ? [.invalid(path, "", "if the endpointnamespace is set, it must be a valid namespace name")]
        : Checks.text(source["endpointsNamespace"], path, Names.label)
    default: return []
    }
  }

  private static func sourceErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var count: Int = 0
    for kind: String in sources where spec[kind].isThere {
      let at: FieldPath = path.child(kind)
      defer { count += 1 }
      // Upstream takes a flexVolume for one more source only when it is alone.
      if count > 0, kind != "flexVolume" {
        errors.append(
          .forbidden(kind == "cephfs" ? path.child("cephFS") : at, "may not specify more than 1 volume type"))
        continue
      }
      switch kind {
      case "hostPath": errors += VolumeRules.hostPath(spec[kind], at)
      case "nfs":
        for key: String in ["server", "path"] where spec[kind][key].plain.isEmpty {
          errors.append(.required(at.child(key)))
        }
        if !spec[kind]["path"].plain.hasPrefix("/") {
          errors.append(.invalid(at.child("path"), .string(spec[kind]["path"].plain), "must be an absolute path"))
        }
      case "csi":
        errors += VolumeRules.driverName(spec[kind]["driver"], at.child("driver"))
        if spec[kind]["volumeHandle"].plain.isEmpty { errors.append(.required(at.child("volumeHandle"))) }
        for key: String in [
          "controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef",
        ] where spec[kind][key].isThere {
          errors += secretErrors(spec[kind][key], at.child(key))
        }
      case "local":
        if spec[kind]["path"].plain.isEmpty { errors.append(.required(at.child("path"))) }
        errors += PathRules.noBacksteps(spec[kind]["path"], at.child("path"))
        if spec["nodeAffinity"].isNull {
          errors.append(.required(path.child("nodeAffinity"), "Local volume requires node affinity"))
        }
      default:
        let own: FieldPath = kind == "gcePersistentDisk" ? path.child("persistentDisk") : at
        errors += PluginVolumeRules.errors(kind, spec[kind], own, ofCluster: true) + namespaceErrors(kind, spec[kind], own)
      }
    }
    if count == 0 { errors.append(.required(path, "must specify a volume type")) }
    return errors
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    var errors: [FieldError] = self.errors(object)
    // A secret for expansion may be named where none was.
    var spec: JSONValue = object["spec"]
    if old["spec"]["csi"].isThere, old["spec"]["csi"]["controllerExpandSecretRef"].isNull, spec["csi"].isThere {
      spec["csi"]["controllerExpandSecretRef"] = .null
    }
    if !GoForm.isSame(spec, old["spec"], "@core.PersistentVolumeSource") {
      let difference: String = GoForm.difference(old["spec"], spec, "@core.PersistentVolumeSource")
      errors.append(
        .forbidden(
          path.child("persistentvolumesource"),
          "spec.persistentvolumesource is immutable after creation\n\(difference)"))
    }
    errors += Checks.immutable(object["spec"]["volumeMode"], old["spec"]["volumeMode"], FieldPath("volumeMode"))
    if old["spec"]["nodeAffinity"].isThere {
      errors += affinityUpdateErrors(object["spec"]["nodeAffinity"], old["spec"]["nodeAffinity"])
    }
    if old["spec"]["volumeAttributesClassName"].isThere, object["spec"]["volumeAttributesClassName"].isNull {
      errors.append(
        .forbidden(path.child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
    }
    return errors
  }
}

extension PersistentVolumeValidation {
  /// Labels may change from their beta names to those that stay.
  private static let stableLabels: [String: String] = [
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os", "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
  ]

  private static func affinityUpdateErrors(_ affinity: JSONValue, _ old: JSONValue) -> [FieldError] {
    func stable(_ value: JSONValue) -> JSONValue {
      var value: JSONValue = value
      value.edit("required") { required in
        required.editItems("nodeSelectorTerms") { term in
          term.editItems("matchExpressions") { $0["key"] = .string(stableLabels[$0["key"].plain] ?? $0["key"].plain) }
        }
      }
      return value
    }
    let type: String = "*@core.VolumeNodeAffinity"
    if GoForm.isSame(affinity, old, type) || GoForm.isSame(affinity, stable(old), type) { return [] }
    return [
      .invalid(
        FieldPath("nodeAffinity"), GoForm.of(affinity, type),
        Checks.immutable + ", except for updating from beta label to GA")
    ]
  }
}

/// The rules of PersistentVolumeClaims.
enum PersistentVolumeClaimValidation {
  private static let immutable: String =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"

  static func specErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if spec["accessModes"].isVoid {
      errors.append(.required(path.child("accessModes"), "at least 1 access mode is required"))
    }
    errors += Checks.labelSelector(spec["selector"], path.child("selector"))
    errors += AccessModes.errors(spec["accessModes"], path.child("accessModes"))
    let storage: JSONValue = spec["resources"]["requests"]["storage"]
    let at: FieldPath = path.child("resources").key("storage")
    if storage.isNull {
      errors.append(.required(at))
    } else if let quantity = Checks.quantity(storage), quantity.nanounits <= 0 {
      errors.append(.invalid(at, Checks.canonical(storage), "must be greater than zero"))
    }
    for key: String in ["storageClassName", "volumeAttributesClassName"] where !spec[key].plain.isEmpty {
      errors += Checks.text(spec[key], path.child(key), Names.subdomain)
    }
    if spec["volumeMode"].isThere {
      errors += Checks.supported(spec["volumeMode"], path.child("volumeMode"), ["Block", "Filesystem"])
    }
    for key: String in ["dataSource", "dataSourceRef"] where spec[key].isThere {
      errors += sourceErrors(spec[key], path.child(key))
    }
    if !spec["dataSourceRef"]["namespace"].plain.isEmpty {
      if spec["dataSource"].isThere {
        let words: String = "may not be specified when dataSourceRef.namespace is specified"
        errors.append(.invalid(path, .object(JSONObject()), words))
      }
    } else if spec["dataSource"].isThere, spec["dataSourceRef"].isThere {
      let isSame: Bool = ["apiGroup", "kind", "name"].allSatisfy {
        spec["dataSource"][$0].plain == spec["dataSourceRef"][$0].plain
      }
      if !isSame { errors.append(.invalid(path, .object(JSONObject()), "must match dataSourceRef")) }
    }
    return errors
  }

  private static func sourceErrors(_ source: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if source["name"].plain.isEmpty { errors.append(.required(path.child("name"))) }
    if source["kind"].plain.isEmpty { errors.append(.required(path.child("kind"))) }
    if source["apiGroup"].plain.isEmpty, source["kind"].plain != "PersistentVolumeClaim" {
      errors.append(
        .invalid(
          path, .string(source["kind"].plain), "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
    }
    if !source["apiGroup"].plain.isEmpty {
      errors += Checks.text(source["apiGroup"], path.child("apiGroup"), Names.subdomain)
    }
    if !source["namespace"].plain.isEmpty {
      errors += Checks.text(source["namespace"], path.child("namespace"), Names.label)
    }
    return errors
  }

  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = specErrors(spec, path)
    var before: JSONValue = old["spec"]
    var allowed: JSONValue = spec
    // The volume may be named once.
    if before["volumeName"].plain.isEmpty { before["volumeName"] = spec["volumeName"] }
    errors += classErrors(object, old: old, &allowed)
    if object["status"]["phase"].plain == "Bound" {
      if !allowed["resources"]["requests"].isNull {
        allowed["resources"]["requests"]["storage"] = before["resources"]["requests"]["storage"]
      }
      allowed["volumeAttributesClassName"] = before["volumeAttributesClassName"]
    }
    let type: String = "@core.PersistentVolumeClaimSpec"
    if !GoForm.isSame(allowed, before, type) {
      errors.append(.forbidden(path, "\(immutable)\n\(GoForm.difference(before, allowed, type))"))
    }
    let wanted: Int128 = Checks.quantity(spec["resources"]["requests"]["storage"])?.nanounits ?? 0
    let known: Int128 = Checks.quantity(before["resources"]["requests"]["storage"])?.nanounits ?? 0
    let capacity: Int128 = Checks.quantity(old["status"]["capacity"]["storage"])?.nanounits ?? 0
    if wanted < known, wanted <= capacity {
      errors.append(
        .forbidden(path.child("resources", "requests", "storage"), "field can not be less than status.capacity"))
    }
    errors += Checks.immutable(spec["volumeMode"], before["volumeMode"], FieldPath("volumeMode"))
    if old["status"]["currentVolumeAttributesClassName"].isThere, spec["volumeAttributesClassName"].plain.isEmpty,
      spec["volumeAttributesClassName"] != old["spec"]["volumeAttributesClassName"]
    {
      let what: String = spec["volumeAttributesClassName"].isNull ? "nil" : "empty string"
      errors.append(
        .forbidden(
          path.child("volumeAttributesClassName"),
          "update to \(what) is forbidden when status.currentVolumeAttributesClassName is not nil"))
    }
    return errors
  }

  /// The class may move from the old annotation to its field, and a claim without one may get one.
  private static func classErrors(_ object: JSONValue, old: JSONValue, _ allowed: inout JSONValue) -> [FieldError] {
    let key: String = "volume.beta.kubernetes.io/storage-class"
    let annotation: JSONValue = object["metadata"]["annotations"][key]
    let before: JSONValue = old["metadata"]["annotations"][key]
    let wanted: JSONValue = object["spec"]["storageClassName"]
    let known: JSONValue = old["spec"]["storageClassName"]
    if before.isThere, known.isNull, wanted == before, annotation.isNull || annotation == before {
      allowed["storageClassName"] = .null
      return []
    }
    if wanted.isThere, known.isNull, before.isNull || wanted == before { allowed["storageClassName"] = known }
    return annotation.plain == before.plain
      ? []
      : [.invalid(FieldPath("metadata", "annotations", key), .string(annotation.plain), Checks.immutable)]
  }

  static func statusErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("status", "capacity")
    let capacity: JSONValue = object["status"]["capacity"]
    var errors: [FieldError] = []
    if object["spec"]["accessModes"].isVoid { errors.append(.required(FieldPath("Spec", "accessModes"))) }
    errors += capacity.sortedKeys.flatMap { ResourceRules.quantityErrors($0, capacity[$0], path.key($0)) }
    return errors + resizeErrors(object["status"])
  }

  private static let resizeStates: [String] = [
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending", "NodeResizeInProgress",
    "NodeResizeInfeasible",
  ]

  /// How far the growth of a claim has come.
  private static func resizeErrors(_ status: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let states: FieldPath = FieldPath("status", "allocatedResourceStatuses")
    for key: String in status["allocatedResourceStatuses"].sortedKeys {
      errors += keyErrors(key, states)
      if !resizeStates.contains(status["allocatedResourceStatuses"][key].plain) {
        errors.append(.notSupported(states, .string(key), resizeStates.sorted()))
      }
    }
    let resources: FieldPath = FieldPath("status", "allocatedResources")
    for key: String in status["allocatedResources"].sortedKeys {
      let wrong: [FieldError] = keyErrors(key, resources)
      let value: JSONValue = status["allocatedResources"][key]
      errors += wrong.isEmpty ? ResourceRules.quantityErrors(key, value, resources.key(key)) : wrong
    }
    return errors
  }

  private static func keyErrors(_ key: String, _ path: FieldPath) -> [FieldError] {
    let wrong: [String] = Names.qualified(key)
    if !wrong.isEmpty { return wrong.map { .invalid(path, .string(key), $0) } }
    let isNative: Bool = !key.contains("/") || key.contains("kubernetes.io/")
    return isNative && key != "storage" ? [.notSupported(path, .string(key), ["storage"])] : []
  }
}
