// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Paths inside containers and volumes.
enum PathRules {
  /// A relative path that stays where it begins.
  static func local(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    if value.plain.hasPrefix("/") { return [.invalid(path, value, "must be a relative path")] }
    return noBacksteps(value, path)
  }

  static func noBacksteps(_ value: JSONValue, _ path: FieldPath) -> [FieldError] {
    value.plain.split(separator: "/").contains("..") ? [.invalid(path, value, "must not contain '..'")] : []
  }
}

/// The volumes of a pod.
enum VolumeRules {
  static func errors(_ volumes: JSONValue, _ path: FieldPath) -> [FieldError] {
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
    return errors
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
        errors.append(.forbidden(at, "may not specify more than 1 volume type"))
      } else {
        errors += kindErrors(kind, volume[kind], at)
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
      if !source["path"].plain.isEmpty, !source["path"].plain.hasPrefix("/") {
        errors.append(.invalid(at.child("path"), source["path"], "must be an absolute path"))
      }
      return errors
    case "downwardAPI": return modeErrors(source, at) + downwardErrors(source, at)
    case "projected": return projectedErrors(source, at)
    case "csi":
      return driverName(source["driver"], at.child("driver"))
    case "image": return required(source, at, "reference")
    case "gitRepo": return required(source, at, "repository")
    case "ephemeral":
      let template: JSONValue = source["volumeClaimTemplate"]
      guard template.isThere else { return [.required(at.child("volumeClaimTemplate"))] }
      return PersistentVolumeClaimValidation.specErrors(template["spec"], at.child("volumeClaimTemplate", "spec"))
    default: return []
    }
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
    if value.plain.utf8.count > 63 { return [.tooLong(path, 63)] }
    return Names.subdomain(value.plain.lowercased()).map { .invalid(path, value, $0) }
  }

  private static func modeErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    guard let mode: Int64 = source["defaultMode"].int, !(0...0o777).contains(mode) else { return [] }
    return [
      .invalid(
        at.child("defaultMode"), .int(mode), "must be a number between 0 and 0777 (octal), both inclusive")
    ]
  }

  private static func itemErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
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
      errors += PathRules.local(item["path"], path.child("path"))
      if item["path"].plain.hasPrefix(".."), !item["path"].plain.hasPrefix("../"), item["path"].plain != ".." {
        errors.append(.invalid(path.child("path"), item["path"], "must not start with '..'"))
      }
    }
    if let mode: Int64 = item["mode"].int, !(0...0o777).contains(mode) {
      errors.append(
        .invalid(path.child("mode"), .int(mode), "must be a number between 0 and 0777 (octal), both inclusive"))
    }
    return errors
  }

  private static let downwardFields: Set<String> = [
    "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid",
  ]

  private static func downwardErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    source["items"].items.enumerated().flatMap { place, item in
      let path: FieldPath = at.child("items").index(place)
      var errors: [FieldError] = itemPath(item, path)
      switch (item["fieldRef"].isThere, item["resourceFieldRef"].isThere) {
      case (true, true):
        errors.append(.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
      case (true, false):
        errors += EnvironmentRules.fieldErrors(item["fieldRef"], path.child("fieldRef"), downwardFields)
      case (false, true):
        errors += EnvironmentRules.resourceErrors(
          item["resourceFieldRef"], path.child("resourceFieldRef"), needsContainer: true)
      case (false, false):
        errors.append(.required(path, "one of fieldRef and resourceFieldRef is required"))
      }
      return errors
    }
  }

  private static func projectedErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = modeErrors(source, at)
    for (place, item) in source["sources"].items.enumerated() {
      let path: FieldPath = at.child("sources").index(place)
      let kinds: [String] = [
        "secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate",
      ].filter { item[$0].isThere }
      if kinds.count > 1 {
        errors.append(.forbidden(path, "may not specify more than 1 volume type"))
        continue
      }
      guard let kind: String = kinds.first else {
        errors.append(.required(path, "must specify a volume type"))
        continue
      }
      let inner: FieldPath = path.child(kind)
      switch kind {
      case "secret", "configMap":
        errors += required(item[kind], inner, "name") + itemErrors(item[kind], inner)
      case "downwardAPI": errors += downwardErrors(item[kind], inner)
      case "serviceAccountToken": errors += tokenErrors(item[kind], inner)
      default: break
      }
    }
    return errors
  }

  private static func tokenErrors(_ token: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let seconds: Int64 = token["expirationSeconds"].int ?? 0
    if seconds < 600 {
      errors.append(
        .invalid(at.child("expirationSeconds"), .int(seconds), "may not specify a duration less than 10 minutes"))
    } else if seconds > 1 << 32 {
      errors.append(
        .invalid(at.child("expirationSeconds"), .int(seconds), "may not specify a duration larger than 2^32 seconds"))
    }
    if token["path"].plain.isEmpty {
      errors.append(.required(at.child("path")))
    } else {
      errors += PathRules.local(token["path"], at.child("path"))
    }
    return errors
  }
}
