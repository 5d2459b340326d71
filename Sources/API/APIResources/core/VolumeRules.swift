// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Paths inside containers and volumes.
enum PathRules {
  /// A relative path that stays where it begins.
  static func local(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    (value.plain.hasPrefix("/") ? [.invalid(path, value, "must be a relative path")] : []) + noBacksteps(value, path)
  }

  /// A relative path that also leaves names that begin with two dots to nodes.
  static func unreserved(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    let text: String = value.plain
    let isReserved: Bool = text.hasPrefix("..") && !text.hasPrefix("../") && text != ".."
    return local(value, path) + (isReserved ? [.invalid(path, value, "must not start with '..'")] : [])
  }

  static func noBacksteps(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    value.plain.split(separator: "/").contains("..") ? [.invalid(path, value, "must not contain '..'")] : []
  }
}

/// The volumes of a pod.
enum VolumeRules {
  /// - Returns: what is wrong, and the names of the volumes that are right, which alone containers can mount.
  static func errors(_ volumes: JSONValue, _ path: FieldPath) -> (errors: [FieldError], sound: Set<String>) {
    var errors: [FieldError] = []
    var names: Set<String> = []
    for (place, volume) in volumes.items.enumerated() {
      let at: FieldPath = path.index(place)
      let name: String = volume["name"].plain
      var own: [FieldError] = sourceErrors(volume, at)
      if name.isEmpty {
        own.append(.required(at.child("name")))
      } else {
        own += Checks.text(volume["name"], at.child("name"), Names.label)
        if names.contains(name) { own.append(.duplicate(at.child("name"), .string(name))) }
      }
      if own.isEmpty { names.insert(name) }
      errors += own
    }
    return (errors, names)
  }

  private static let known: [String] = [
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
    "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk",
    "storageos", "projected", "scaleIO", "csi", "ephemeral", "image",
  ]

  private static func sourceErrors(_ volume: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var count: Int = 0
    for kind: String in known where volume[kind].isThere {
      let at: FieldPath = path.child(kind)
      if count > 0 {
        // Upstream misspells two of them here.
        let misspelt: [String: String] = ["downwardAPI": "downwarAPI", "cephfs": "cephFS"]
        errors.append(.forbidden(path.child(misspelt[kind] ?? kind), "may not specify more than 1 volume type"))
      } else {
        errors += kindErrors(kind, volume[kind], kind == "gcePersistentDisk" ? path.child("persistentDisk") : at)
      }
      count += 1
    }
    if count == 0 { errors.append(.required(path, "must specify a volume type")) }
    return errors
  }

  private static func required(_ source: JSONValue, _ at: FieldPath, _ keys: String...) -> [FieldError] {
    keys.filter { source[$0].isVoid }.map { .required(at.child($0)) }
  }

  private static func kindErrors(_ kind: String, _ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    switch kind {
    case "emptyDir":
      if let size: JSONValue = Optional(source["sizeLimit"]), size.isThere,
        Checks.quantity(size)?.nanounits ?? 0 < 0
      {
        return [.forbidden(at.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]
      }
      return []
    case "hostPath": return hostPath(source, at)
    case "secret": return required(source, at, "secretName") + modeErrors(source, at) + itemErrors(source, at)
    case "configMap": return required(source, at, "name") + modeErrors(source, at) + itemErrors(source, at)
    case "persistentVolumeClaim": return required(source, at, "claimName")
    case "nfs":
      var errors: [FieldError] = required(source, at, "server", "path")
      if !source["path"].plain.hasPrefix("/") {
        errors.append(.invalid(at.child("path"), .string(source["path"].plain), "must be an absolute path"))
      }
      return errors
    case "downwardAPI": return modeErrors(source, at) + downwardErrors(source, at)
    case "projected": return modeErrors(source, at) + ProjectionRules.errors(source["sources"], at)
    case "csi":
      var errors: [FieldError] = driverName(source["driver"], at.child("driver"))
      let secret: JSONValue = source["nodePublishSecretRef"]
      if secret.isThere, secret["name"].plain.isEmpty {
        errors.append(.required(at.child("nodePublishSecretRef", "name")))
      } else if secret.isThere {
        errors += Checks.text(secret["name"], at.child("name"), Names.subdomain)
      }
      return errors
    case "image": return imageErrors(source, at)
    case "gitRepo":
      return required(source, at, "repository") + PathRules.local(source["directory"], at.child("directory"))
    case "ephemeral":
      let template: JSONValue = source["volumeClaimTemplate"]
      guard template.isThere else { return [.required(at.child("volumeClaimTemplate"))] }
      return claimMetadataErrors(template["metadata"], at.child("volumeClaimTemplate", "metadata"))
        + PersistentVolumeClaimValidation.specErrors(template["spec"], at.child("volumeClaimTemplate", "spec"))
    default: return PluginVolumeRules.errors(kind, source, at)
    }
  }

  private static func imageErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    let policy: JSONValue = source["pullPolicy"]
    return required(source, at, "reference")
      + (policy.plain.isEmpty
        ? [.required(at.child("pullPolicy"))]
        : Checks.supported(policy, at.child("pullPolicy"), ["Always", "IfNotPresent", "Never"]))
  }

  /// A template's object has labels and annotations of its own, and nothing else.
  static func claimMetadataErrors(_ metadata: JSONValue, _ at: FieldPath) -> [FieldError] {
    let names: [(json: String, shown: String)] = [
      ("creationTimestamp", "creationTimestamp"), ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
      ("deletionTimestamp", "deletionTimestamp"), ("finalizers", "finalizers"), ("generateName", "generateName"),
      ("generation", "generation"), ("managedFields", "managedFields"), ("name", "name"), ("namespace", "namespace"),
      ("ownerReferences", "ownerReferences"), ("resourceVersion", "resourceVersion"), ("selfLink", "selfLink"),
      ("uid", "uID"),
    ]
    return MetadataValidation.annotations(metadata["annotations"], at.child("annotations"))
      + Checks.labels(metadata["labels"], at.child("labels"))
      + names.filter { metadata[$0.json].isThere && !(metadata[$0.json] == 0 && $0.json == "generation") && metadata[$0.json] != "" }
      .map { .forbidden(at.child($0.shown), "cannot be set") }
  }

  static func hostPath(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    if source["path"].plain.isEmpty { return [.required(at.child("path"))] }
    let known: [String] = [
      "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
    ]
    var errors: [FieldError] = PathRules.noBacksteps(source["path"], at.child("path"))
    if source["type"].isThere, !known.contains(source["type"].plain) {
      errors.append(.notSupported(at.child("type"), source["type"], known.sorted()))
    }
    return errors
  }

  static func driverName(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    if value.plain.isEmpty { return [.required(path)] }
    return (value.plain.utf8.count > 63 ? [.tooLong(path, 63)] : [])
      + Names.subdomain(value.plain.lowercased()).map { .invalid(path, value, $0) }
  }

  private static func modeErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    guard let mode: Int64 = source["defaultMode"].int, !(0...0o777).contains(mode) else { return [] }
    return [
      .invalid(
        at.child("defaultMode"), .int(mode), "must be a number between 0 and 0777 (octal), both inclusive")
    ]
  }

  static func itemErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    source["items"].items.enumerated().flatMap { place, item in
      let path: FieldPath = at.child("items").index(place)
      var errors: [FieldError] = []
      if item["key"].plain.isEmpty { errors.append(.required(path.child("key"))) }
      errors += itemPath(item, path)
      return errors
    }
  }

  private static func itemPath(_ item: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if item["path"].plain.isEmpty {
      errors.append(.required(path.child("path")))
    } else {
      errors += PathRules.unreserved(item["path"], path.child("path"))
    }
    return errors + fileMode(item, path)
  }

  private static func fileMode(_ item: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let mode: Int64 = item["mode"].int, !(0...0o777).contains(mode) else { return [] }
    return [.invalid(path.child("mode"), .int(mode), "must be a number between 0 and 0777 (octal), both inclusive")]
  }

  private static let downwardFields: Set<String> = [
    "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid",
  ]

  /// The files of a downward volume; upstream does not say which.
  static func downwardErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    source["items"].items.flatMap { item in
      var errors: [FieldError] =
        item["path"].plain.isEmpty
        ? [.required(at.child("path"))] : PathRules.unreserved(item["path"], at.child("path"))
      switch (item["fieldRef"].isThere, item["resourceFieldRef"].isThere) {
      case (true, let both):
        errors += EnvironmentRules.fieldErrors(item["fieldRef"], at.child("fieldRef"), downwardFields)
        if both {
          errors.append(.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
        }
      case (false, true):
        errors += EnvironmentRules.resourceErrors(
          item["resourceFieldRef"], at.child("resourceFieldRef"), needsContainer: true)
      case (false, false):
        errors.append(.required(at, "one of fieldRef and resourceFieldRef is required"))
      }
      return errors + fileMode(item, at)
    }
  }
}
