// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel
import SwiftProtobuf

/// What the runtime knows of one container; `containers/<id>/container.json` below the runtime's root.
struct ContainerRecord: Sendable {
  /// Where it is in its life: created -> running -> exited; unknown when its shim was lost.
  enum State: String, Sendable {
    case created, running, exited, unknown
  }

  var id: String
  var sandboxID: String
  var config: CRIContainerConfig
  /// The id of its image.
  var imageID: String
  /// The name of its image with a digest, where it has one.
  var imageReference: String
  var state: State = .created
  var pid: Int32 = 0
  /// Nanoseconds since 1970, as all times here.
  var createdAt: Int64
  var startedAt: Int64 = 0
  var finishedAt: Int64 = 0
  var exitCode: Int32 = 0
  var reason: String = ""
  var message: String = ""
  var cgroupPath: String
  /// The log file; empty for none.
  var logPath: String
  /// Who its process is.
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  var groups: [UInt32] = []
  /// The signal that asks it to stop.
  var stopSignal: String = ""
  /// The runtime-spec's `process`, from which exec sessions are derived.
  var process: JSONValue = .null
  var seccompProgram: String = ""

  init(
    id: String, sandboxID: String, config: CRIContainerConfig, imageID: String, imageReference: String, createdAt: Int64,
    cgroupPath: String, logPath: String
  ) {
    self.id = id
    self.sandboxID = sandboxID
    self.config = config
    self.imageID = imageID
    self.imageReference = imageReference
    self.createdAt = createdAt
    self.cgroupPath = cgroupPath
    self.logPath = logPath
  }

  var uniqueName: String { "\(config.metadata.name)_\(config.metadata.attempt)_\(sandboxID)" }

  init(_ json: JSONValue) throws {
    id = json["id"].string ?? ""
    sandboxID = json["sandbox"].string ?? ""
    config = try CRIContainerConfig(jsonUTF8Bytes: json["config"].bytes)
    imageID = json["imageID"].string ?? ""
    imageReference = json["imageReference"].string ?? ""
    state = State(rawValue: json["state"].string ?? "") ?? .unknown
    pid = Int32(clamping: json["pid"].int ?? 0)
    createdAt = json["createdAt"].int ?? 0
    startedAt = json["startedAt"].int ?? 0
    finishedAt = json["finishedAt"].int ?? 0
    exitCode = Int32(clamping: json["exitCode"].int ?? 0)
    reason = json["reason"].string ?? ""
    message = json["message"].string ?? ""
    cgroupPath = json["cgroup"].string ?? ""
    logPath = json["log"].string ?? ""
    uid = UInt32(clamping: json["uid"].int ?? 0)
    gid = UInt32(clamping: json["gid"].int ?? 0)
    groups = json["groups"].items.compactMap(\.int).map { UInt32(clamping: $0) }
    stopSignal = json["stopSignal"].string ?? ""
    process = json["process"]
    seccompProgram = json["seccompProgram"].string ?? ""
  }

  func json() throws -> JSONValue {
    let bytes: [UInt8] = try config.jsonUTF8Bytes()
    var json: JSONValue = [
      "id": .string(id), "sandbox": .string(sandboxID), "imageID": .string(imageID),
      "imageReference": .string(imageReference), "state": .string(state.rawValue), "pid": JSONValue(pid),
      "createdAt": .int(createdAt), "startedAt": .int(startedAt), "finishedAt": .int(finishedAt),
      "exitCode": JSONValue(exitCode), "reason": .string(reason), "message": .string(message),
    ]
    json["cgroup"] = .string(cgroupPath)
    json["log"] = .string(logPath)
    json["uid"] = JSONValue(uid)
    json["gid"] = JSONValue(gid)
    json["groups"] = .array(groups.map { JSONValue($0) })
    json["stopSignal"] = .string(stopSignal)
    json["process"] = process
    json["seccompProgram"] = .string(seccompProgram)
    json["config"] = try JSONValue(parsing: bytes)
    return json
  }
}
