// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of volumes that plug-ins of other storage serve: nodes here do not know them, but objects may hold them.
enum PluginVolumeRules {
  /// What each sort of volume cannot do without.
  private static let needs: [String: [String]] = [
    "awsElasticBlockStore": ["volumeID"], "azureDisk": ["diskName", "diskURI"],
    "azureFile": ["secretName", "shareName"], "cephfs": ["monitors"], "cinder": ["volumeID"], "flexVolume": ["driver"],
    "gcePersistentDisk": ["pdName"], "glusterfs": ["endpoints", "path"], "iscsi": ["targetPortal", "iqn"],
    "photonPersistentDisk": ["pdID"], "portworxVolume": ["volumeID"], "rbd": ["monitors", "image"],
    "scaleIO": ["gateway", "system", "volumeName"], "storageos": ["volumeName"], "vsphereVolume": ["volumePath"],
  ]

  /// - Parameter ofCluster: of a PersistentVolume, whose messages differ a little.
  static func errors(
    _ kind: String, _ source: JSONValue, _ at: FieldPath, ofCluster: Bool = false
  ) -> [FieldError] {
    let missing: [FieldError] = (needs[kind] ?? []).filter { source[$0].isVoid }.map { .required(at.child($0)) }
    switch kind {
    case "awsElasticBlockStore", "gcePersistentDisk": return missing + partitionErrors(source, at)
    case "azureDisk": return missing + azureErrors(source, at)
    case "cinder": return missing + secretErrors(source, at)
    case "fc": return channelErrors(source, at)
    case "flexVolume": return missing + optionErrors(source["options"], at.child("options"))
    case "flocker": return dataSetErrors(source, at)
    case "iscsi": return missing + initiatorErrors(source, at, ofCluster: ofCluster)
    case "quobyte": return registryErrors(source, at)
    case "storageos":
      var errors: [FieldError] = missing
      for key: String in ["volumeName", "volumeNamespace"] where !source[key].plain.isEmpty {
        errors += Checks.text(source[key], at.child(key), Names.label)
      }
      return errors + secretErrors(source, at)
    default: return missing
    }
  }

  private static func partitionErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    guard let number: Int64 = source["partition"].int, !(0...255).contains(number) else { return [] }
    return [.invalid(at.child("partition"), .int(number), "must be between 1 and 255, inclusive")]
  }

  private static func unitErrors(_ unit: JSONValue, _ at: FieldPath) -> [FieldError] {
    guard let number: Int64 = unit.int, !(0...255).contains(number) else { return [] }
    return [.invalid(at, .int(number), "must be between 0 and 255, inclusive")]
  }

  private static func secretErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    source["secretRef"].isThere && source["secretRef"]["name"].plain.isEmpty
      ? [.required(at.child("secretRef", "name"))] : []
  }

  private static func azureErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if source["cachingMode"].isThere {
      errors += Checks.supported(source["cachingMode"], at.child("cachingMode"), ["None", "ReadOnly", "ReadWrite"])
    }
    guard source["kind"].isThere else { return errors }
    errors += Checks.supported(source["kind"], at.child("kind"), ["Dedicated", "Managed", "Shared"])
    let isManaged: Bool = source["kind"].plain == "Managed"
    if !source["diskURI"].plain.hasPrefix(isManaged ? "/subscriptions/" : "https://") {
      let form: String =
        isManaged
        ? "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
        : "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
      errors.append(.notSupported(at.child("diskURI"), .string(source["diskURI"].plain), [form]))
    }
    return errors
  }

  private static func channelErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    let path: FieldPath = at.child("targetWWNs")
    var errors: [FieldError] = []
    switch (source["targetWWNs"].isVoid, source["wwids"].isVoid) {
    case (true, true): errors.append(.required(path, "must specify either targetWWNs or wwids, but not both"))
    case (false, false):
      errors.append(
        .invalid(path, source["targetWWNs"], "targetWWNs and wwids can not be specified simultaneously"))
    default: break
    }
    guard !source["targetWWNs"].isVoid else { return errors }
    if source["lun"].isNull {
      errors.append(.required(at.child("lun"), "lun is required if targetWWNs is specified"))
    }
    return errors + unitErrors(source["lun"], at.child("lun"))
  }

  private static func optionErrors(_ options: JSONValue, _ at: FieldPath) -> [FieldError] {
    options.sortedKeys.filter { key in
      let domain: String = "." + (key.contains("/") ? String(key.prefix { $0 != "/" }) : key).lowercased()
      return domain.hasSuffix(".kubernetes.io") || domain.hasSuffix(".k8s.io")
    }.map { .invalid(at.key($0), .string($0), "kubernetes.io and k8s.io namespaces are reserved") }
  }

  private static func dataSetErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    let name: String = source["datasetName"].plain
    let identifier: String = source["datasetUUID"].plain
    var errors: [FieldError] = []
    if name.isEmpty, identifier.isEmpty {
      errors.append(.required(at, "one of datasetName and datasetUUID is required"))
    }
    if !name.isEmpty, !identifier.isEmpty {
      errors.append(.invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
    }
    if name.contains("/") { errors.append(.invalid(at.child("datasetName"), .string(name), "must not contain '/'")) }
    return errors
  }

  private static func initiatorErrors(_ source: JSONValue, _ at: FieldPath, ofCluster: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if !source["iqn"].plain.isEmpty { errors += nameErrors(source["iqn"], at.child("iqn"), ofCluster) }
    errors += unitErrors(source["lun"], at.child("lun"))
    let authenticates: Bool = ["chapAuthDiscovery", "chapAuthSession"].contains { source[$0].bool ?? false }
    if authenticates, source["secretRef"].isNull { errors.append(.required(at.child("secretRef"))) }
    if ofCluster { errors += secretErrors(source, at) }
    if source["initiatorName"].isThere {
      errors += nameErrors(source["initiatorName"], at.child("initiatorname"), ofCluster)
    }
    return errors
  }

  /// The three forms of iSCSI names.
  private static func nameErrors(_ name: JSONValue, _ at: FieldPath, _ ofCluster: Bool) -> [FieldError] {
    let text: String = name.plain
    let isRight: Bool
    switch text.prefix(3) {
    case "iqn": isRight = isQualified(text.utf8)
    case "eui": isRight = hasIdentifier(text, 16)
    case "naa": isRight = hasIdentifier(text, 32)
    default:
      let words: String = ofCluster ? "must be valid format" : "must be valid format starting with iqn, eui, or naa"
      return [.invalid(at, .string(text), words)]
    }
    return isRight ? [] : [.invalid(at, .string(text), "must be valid format")]
  }

  /// `iqn.2024-05.com.example:x`: a month, a domain's beginning, and anything after a colon.
  private static func isQualified(_ text: String.UTF8View) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    let bytes: [UInt8] = Array(text)
    guard bytes.count > 12, bytes[3] == 0x2E, bytes[4...7].allSatisfy(isDigit), bytes[8] == 0x2D,
      bytes[9...10].allSatisfy(isDigit), bytes[11] == 0x2E
    else { return false }
    func isName(_ byte: UInt8) -> Bool {
      isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == 0x2E || byte == 0x2D
    }
    let domain: ArraySlice<UInt8> = bytes[12...].prefix { $0 != 0x3A }
    let rest: ArraySlice<UInt8> = bytes[domain.endIndex...].dropFirst()
    let forbidden: Set<UInt8> = Set("^,;*&$|\t\n\u{0B}\u{0C}\r ".utf8)
    return !domain.isEmpty && domain.allSatisfy(isName) && !rest.isEmpty && rest.allSatisfy { !forbidden.contains($0) }
  }

  private static func hasIdentifier(_ text: String, _ length: Int) -> Bool {
    let identifier: Substring = text.dropFirst(4)
    return identifier.count == length && identifier.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
  }

  private static func registryErrors(_ source: JSONValue, _ at: FieldPath) -> [FieldError] {
    let registry: String = source["registry"].plain
    let words: String = "must be a host:port pair or multiple pairs separated by commas"
    var errors: [FieldError] = []
    if registry.isEmpty {
      errors.append(.required(at.child("registry"), words))
    } else if source["tenant"].plain.utf8.count >= 65 {
      errors.append(.required(at.child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
    } else {
      for pair: Substring in registry.split(separator: ",", omittingEmptySubsequences: false)
      where pair.count(where: { $0 == ":" }) != 1 && !(pair.hasPrefix("[") && pair.contains("]:")) {
        errors.append(.invalid(at.child("registry"), .string(registry), words))
      }
    }
    if source["volume"].plain.isEmpty { errors.append(.required(at.child("volume"))) }
    return errors
  }
}
