// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// What is kept of a container between one command and the next: a folder below the root, with
///
/// - `state.json`: this record, replaced as a whole,
/// - `config.json`: the configuration at its creation, which later changes to the bundle do not reach,
/// - `start.sock`: where its first process awaits the start.
struct ContainerRecord {
  let root: String
  let id: String
  var bundle: String = ""
  var rootPath: String = ""
  /// When it was created, as RFC 3339 writes it.
  var created: String = ""
  var annotations: [String: String] = [:]
  /// Its first process; 0 before there is one.
  var pid: Int32 = 0
  /// With the pid, this names the process for ever.
  var startTime: UInt64 = 0
  /// The group that was made for it; empty before that.
  var cgroupsPath: String = ""
  /// Whether all steps of the creation are done.
  var isComplete: Bool = false

  var folder: String { root + "/" + id }
  var startSocket: String { folder + "/start.sock" }
  var configurationPath: String { folder + "/config.json" }

  init(root: String, id: String) {
    self.root = root
    self.id = id
  }

  /// The states of runtime-spec, runtime.md "State", and `paused`.
  enum Status: String {
    case creating
    case created
    case running
    case paused
    case stopped
  }

  /// Finds a container.
  static func load(root: String, id: String) throws(CommandError) -> ContainerRecord {
    try checkName(id)
    var record: ContainerRecord = ContainerRecord(root: root, id: id)
    guard Files.exists(record.folder) else { throw CommandError("container does not exist") }
    // A creation that was killed before it could write anything down leaves a folder alone.
    guard Files.exists(record.folder + "/state.json") else { return record }
    let json: JSONValue = try readDocument(record.folder + "/state.json")
    record.bundle = json["bundle"].string ?? ""
    record.rootPath = json["rootfs"].string ?? ""
    record.created = json["created"].string ?? ""
    for (name, value) in json["annotations"].object ?? JSONObject() { record.annotations[name] = value.string ?? "" }
    record.pid = Int32(clamping: json["pid"].int ?? 0)
    record.startTime = UInt64(clamping: json["startTime"].int ?? 0)
    record.cgroupsPath = json["cgroupsPath"].string ?? ""
    record.isComplete = json["complete"].bool ?? false
    return record
  }

  /// A name that is one component of a path.
  static func checkName(_ id: String) throws(CommandError) {
    guard !id.isEmpty else { throw CommandError("container id cannot be empty") }
    let isFine: Bool = id.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard isFine, id != ".", id != "..", id.utf8.count <= 1024 else { throw CommandError("invalid container ID format") }
  }

  func save() throws(CommandError) {
    let json: JSONValue = [
      "id": .string(id), "bundle": .string(bundle), "rootfs": .string(rootPath), "created": .string(created),
      "annotations": JSONValue(annotations), "pid": JSONValue(pid), "startTime": JSONValue(startTime),
      "cgroupsPath": .string(cgroupsPath), "complete": .bool(isComplete),
    ]
    try attempt("write the state") { () throws(SystemError) in
      try Files.replace(folder + "/state.json", json.bytes)
    }
  }

  /// The configuration it was created with.
  func configuration() throws(CommandError) -> JSONValue { try readDocument(configurationPath) }

  func group(_ hierarchy: CgroupHierarchy) -> Cgroup? { cgroupsPath.isEmpty ? nil : hierarchy.group(cgroupsPath) }

  /// Whether its first process lives.
  var isAlive: Bool { pid > 0 && Processes.startTime(pid) == startTime }

  /// Whether its first process awaits the start. Nobody else holds the listening socket, and exec closes it.
  var awaitsStart: Bool { (try? UnixSocket.connect(startSocket)) != nil }

  func status(_ hierarchy: CgroupHierarchy) -> Status {
    guard isAlive else { return isComplete || pid > 0 ? .stopped : .creating }
    if !isComplete { return .creating }
    if group(hierarchy)?.isFrozen ?? false { return .paused }
    return awaitsStart ? .created : .running
  }

  /// The state as the specification has it, for hooks.
  func state(_ status: Status) -> JSONValue {
    var json: JSONValue = ["ociVersion": .string(OCICommand.specificationVersion), "id": .string(id)]
    json["status"] = .string(status.rawValue)
    if status != .stopped { json["pid"] = JSONValue(pid) }
    json["bundle"] = .string(bundle)
    if !annotations.isEmpty { json["annotations"] = JSONValue(annotations) }
    return json
  }

  /// What `state` and `list` print.
  func report(_ status: Status) -> JSONValue {
    var json: JSONValue = ["ociVersion": .string(OCICommand.specificationVersion), "id": .string(id)]
    json["pid"] = JSONValue(status == .stopped ? 0 : pid)
    json["status"] = .string(status.rawValue)
    json["bundle"] = .string(bundle)
    json["rootfs"] = .string(rootPath)
    json["created"] = .string(created)
    if !annotations.isEmpty { json["annotations"] = JSONValue(annotations) }
    json["owner"] = ""
    return json
  }

  func hooks(_ kind: Hook.Kind) throws(CommandError) -> [Hook] {
    let configuration: JSONValue = try self.configuration()
    do throws(OCISpecError) { return try Hook.all(kind, in: configuration["hooks"]) } catch {
      throw CommandError(error.message)
    }
  }
}
