// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension RuntimeSpec {
  /// Reads a `config.json`.
  public init(_ json: JSONValue) throws(OCISpecError) {
    guard json.object != nil else {
      throw OCISpecError(code: .invalidDocument, message: "a runtime configuration must be a JSON object")
    }
    version = json["ociVersion"].string ?? ""
    if json["process"].object != nil { process = try Process(json["process"]) }
    rootPath = json["root"]["path"].string ?? "rootfs"
    isRootReadOnly = json["root"]["readonly"].bool ?? false
    hostname = json["hostname"].string ?? ""
    domainName = json["domainname"].string ?? ""
    mounts = json["mounts"].items.map {
      Mount(
        destination: $0["destination"].string ?? "", type: $0["type"].string ?? "", source: $0["source"].string ?? "",
        options: $0["options"].items.compactMap(\.string))
    }
    annotations = stringMap(json["annotations"])
    let linux: JSONValue = json["linux"]
    namespaces = linux["namespaces"].items.map {
      Namespace($0["type"].string ?? "", path: $0["path"].string.flatMap { $0.isEmpty ? nil : $0 })
    }
    uidMappings = linux["uidMappings"].items.map(IDMapping.init)
    gidMappings = linux["gidMappings"].items.map(IDMapping.init)
    devices = linux["devices"].items.map(Device.init)
    cgroupsPath = linux["cgroupsPath"].string ?? ""
    resources = linux["resources"]
    sysctls = stringMap(linux["sysctl"])
    rootPropagation = linux["rootfsPropagation"].string ?? ""
    seccomp = linux["seccomp"]
    maskedPaths = linux["maskedPaths"].items.compactMap(\.string)
    readOnlyPaths = linux["readonlyPaths"].items.compactMap(\.string)
    personality = linux["personality"]["domain"].string ?? ""
    timeOffsets = linux["timeOffsets"]
    hooks = json["hooks"]
    let own: JSONValue = json["apus"]
    if own["overlay"].object != nil {
      overlay = Overlay(
        lower: own["overlay"]["lower"].items.compactMap(\.string), upper: own["overlay"]["upper"].string,
        work: own["overlay"]["work"].string, options: own["overlay"]["options"].items.compactMap(\.string))
    }
    seccompProgram = own["seccompProgram"].string ?? ""
  }

  /// The document as JSON.
  public var json: JSONValue {
    var json: JSONValue = ["ociVersion": .string(version)]
    if let process { json["process"] = process.json }
    json["root"] = ["path": .string(rootPath), "readonly": .bool(isRootReadOnly)]
    if !hostname.isEmpty { json["hostname"] = .string(hostname) }
    if !domainName.isEmpty { json["domainname"] = .string(domainName) }
    json["mounts"] = .array(
      mounts.map {
        [
          "destination": .string($0.destination), "type": .string($0.type), "source": .string($0.source),
          "options": JSONValue($0.options),
        ]
      })
    if !annotations.isEmpty { json["annotations"] = JSONValue(annotations) }
    json["linux"] = linuxJSON
    json["hooks"] = hooks
    if let overlay {
      var value: JSONValue = ["lower": JSONValue(overlay.lower), "options": JSONValue(overlay.options)]
      value["upper"] = JSONValue(overlay.upper)
      value["work"] = JSONValue(overlay.work)
      json["apus"]["overlay"] = value
    }
    if !seccompProgram.isEmpty { json["apus"]["seccompProgram"] = .string(seccompProgram) }
    return json
  }

  private var linuxJSON: JSONValue {
    var linux: JSONValue = [:]
    linux["namespaces"] = .array(
      namespaces.map {
        var value: JSONValue = ["type": .string($0.type)]
        value["path"] = JSONValue($0.path)
        return value
      })
    if !uidMappings.isEmpty { linux["uidMappings"] = .array(uidMappings.map(\.json)) }
    if !gidMappings.isEmpty { linux["gidMappings"] = .array(gidMappings.map(\.json)) }
    if !devices.isEmpty { linux["devices"] = .array(devices.map(\.json)) }
    if !cgroupsPath.isEmpty { linux["cgroupsPath"] = .string(cgroupsPath) }
    linux["resources"] = resources
    if !sysctls.isEmpty { linux["sysctl"] = JSONValue(sysctls) }
    if !rootPropagation.isEmpty { linux["rootfsPropagation"] = .string(rootPropagation) }
    linux["seccomp"] = seccomp
    if !maskedPaths.isEmpty { linux["maskedPaths"] = JSONValue(maskedPaths) }
    if !readOnlyPaths.isEmpty { linux["readonlyPaths"] = JSONValue(readOnlyPaths) }
    if !personality.isEmpty { linux["personality"] = ["domain": .string(personality)] }
    linux["timeOffsets"] = timeOffsets
    return linux
  }
}

extension RuntimeSpec.Process {
  /// Reads the member `process`.
  public init(_ json: JSONValue) throws(OCISpecError) {
    self.init()
    hasTerminal = json["terminal"].bool ?? false
    let user: JSONValue = json["user"]
    self.user.uid = number(user["uid"])
    self.user.gid = number(user["gid"])
    self.user.additionalGroups = user["additionalGids"].items.map(number)
    if user["umask"].int != nil { self.user.umask = number(user["umask"]) }
    arguments = json["args"].items.compactMap(\.string)
    environment = json["env"].items.compactMap(\.string)
    workingDirectory = json["cwd"].string ?? "/"
    if json["capabilities"].object != nil {
      var sets: RuntimeSpec.Capabilities = RuntimeSpec.Capabilities()
      sets.bounding = json["capabilities"]["bounding"].items.compactMap(\.string)
      sets.effective = json["capabilities"]["effective"].items.compactMap(\.string)
      sets.inheritable = json["capabilities"]["inheritable"].items.compactMap(\.string)
      sets.permitted = json["capabilities"]["permitted"].items.compactMap(\.string)
      sets.ambient = json["capabilities"]["ambient"].items.compactMap(\.string)
      capabilities = sets
    }
    for item: JSONValue in json["rlimits"].items {
      guard let type: String = item["type"].string else {
        throw OCISpecError(code: .invalidDocument, message: "a resource limit without a type")
      }
      resourceLimits.append(
        RuntimeSpec.ResourceLimit(type: type, hard: limit(item["hard"]), soft: limit(item["soft"])))
    }
    hasNoNewPrivileges = json["noNewPrivileges"].bool ?? false
    oomScoreAdjustment = json["oomScoreAdj"].int.map { Int($0) }
    appArmorProfile = json["apparmorProfile"].string ?? ""
    seLinuxLabel = json["selinuxLabel"].string ?? ""
    if let rows: Int64 = json["consoleSize"]["height"].int, let columns: Int64 = json["consoleSize"]["width"].int {
      consoleSize = (UInt16(clamping: rows), UInt16(clamping: columns))
    }
    ioPriority = json["ioPriority"]
    scheduler = json["scheduler"]
  }

  /// The member `process`.
  public var json: JSONValue {
    var userJSON: JSONValue = ["uid": JSONValue(user.uid), "gid": JSONValue(user.gid)]
    if !user.additionalGroups.isEmpty {
      userJSON["additionalGids"] = .array(user.additionalGroups.map { JSONValue($0) })
    }
    if let umask: UInt32 = user.umask { userJSON["umask"] = JSONValue(umask) }
    var json: JSONValue = [
      "terminal": .bool(hasTerminal), "user": userJSON, "args": JSONValue(arguments), "env": JSONValue(environment),
      "cwd": .string(workingDirectory), "noNewPrivileges": .bool(hasNoNewPrivileges),
    ]
    if let capabilities {
      json["capabilities"] = [
        "bounding": JSONValue(capabilities.bounding), "effective": JSONValue(capabilities.effective),
        "inheritable": JSONValue(capabilities.inheritable), "permitted": JSONValue(capabilities.permitted),
        "ambient": JSONValue(capabilities.ambient),
      ]
    }
    if !resourceLimits.isEmpty {
      json["rlimits"] = .array(
        resourceLimits.map {
          ["type": .string($0.type), "hard": JSONValue($0.hard), "soft": JSONValue($0.soft)]
        })
    }
    if let oomScoreAdjustment { json["oomScoreAdj"] = JSONValue(oomScoreAdjustment) }
    if !appArmorProfile.isEmpty { json["apparmorProfile"] = .string(appArmorProfile) }
    if !seLinuxLabel.isEmpty { json["selinuxLabel"] = .string(seLinuxLabel) }
    if let consoleSize {
      json["consoleSize"] = ["height": JSONValue(consoleSize.rows), "width": JSONValue(consoleSize.columns)]
    }
    json["ioPriority"] = ioPriority
    json["scheduler"] = scheduler
    return json
  }
}

extension RuntimeSpec.IDMapping {
  /// Reads an item of `uidMappings` or `gidMappings`.
  public init(_ json: JSONValue) {
    self.init(
      containerID: number(json["containerID"]), hostID: number(json["hostID"]), size: number(json["size"]))
  }

  var json: JSONValue {
    ["containerID": JSONValue(containerID), "hostID": JSONValue(hostID), "size": JSONValue(size)]
  }
}

extension RuntimeSpec.Device {
  init(_ json: JSONValue) {
    self.init(
      path: json["path"].string ?? "", type: json["type"].string ?? "", major: number(json["major"]),
      minor: number(json["minor"]), fileMode: json["fileMode"].int.map { UInt32(clamping: $0) } ?? 0o666,
      uid: number(json["uid"]), gid: number(json["gid"]))
  }

  var json: JSONValue {
    [
      "path": .string(path), "type": .string(type), "major": JSONValue(major), "minor": JSONValue(minor),
      "fileMode": JSONValue(fileMode), "uid": JSONValue(uid), "gid": JSONValue(gid),
    ]
  }
}

private func number(_ json: JSONValue) -> UInt32 { UInt32(clamping: json.int ?? 0) }

/// Limits go up to 2^64 - 1, which JSON integers here do not: what does not fit is no limit.
private func limit(_ json: JSONValue) -> UInt64 {
  if let exact: Int64 = json.int { return exact < 0 ? UInt64.max : UInt64(exact) }
  return UInt64.max
}
