// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel
import SwiftProtobuf

/// What the runtime knows of one pod sandbox; `pods/<id>/sandbox.json` below the runtime's root.
struct SandboxRecord: Sendable {
  var id: String
  var config: CRIPodSandboxConfig
  var runtimeHandler: String
  /// Nanoseconds since 1970.
  var createdAt: Int64
  var isReady: Bool
  var pausePID: Int32 = 0
  var shimPID: Int32 = 0
  /// The group of the sandbox's own processes, from the root of the hierarchy; its parent is the pod's.
  var cgroupPath: String
  /// Empty where the pod uses the host's network.
  var networkNamespace: String = ""
  var addresses: [String] = []
  /// What the CNI plugins were given and answered, for DEL and CHECK; null where there is no network of its own.
  var network: JSONValue = .null
  /// Whether the network has been taken down.
  var isNetworkDown: Bool = false

  init(
    id: String, config: CRIPodSandboxConfig, runtimeHandler: String, createdAt: Int64, isReady: Bool, cgroupPath: String
  ) {
    self.id = id
    self.config = config
    self.runtimeHandler = runtimeHandler
    self.createdAt = createdAt
    self.isReady = isReady
    self.cgroupPath = cgroupPath
  }

  /// The name under which a second sandbox of the same pod and attempt is refused.
  var uniqueName: String {
    let metadata: CRIPodSandboxMetadata = config.metadata
    return "\(metadata.name)_\(metadata.namespace)_\(metadata.uid)_\(metadata.attempt)"
  }

  var usesHostNetwork: Bool { config.linux.securityContext.namespaceOptions.network == .node }
  var usesHostIPC: Bool { config.linux.securityContext.namespaceOptions.ipc == .node }
  var usesHostPID: Bool { config.linux.securityContext.namespaceOptions.pid == .node }
  var sharesPID: Bool { config.linux.securityContext.namespaceOptions.pid == .pod }

  init(_ json: JSONValue) throws {
    id = json["id"].string ?? ""
    config = try CRIPodSandboxConfig(jsonUTF8Bytes: json["config"].bytes)
    runtimeHandler = json["runtimeHandler"].string ?? ""
    createdAt = json["createdAt"].int ?? 0
    isReady = json["ready"].bool ?? false
    pausePID = Int32(clamping: json["pausePID"].int ?? 0)
    shimPID = Int32(clamping: json["shimPID"].int ?? 0)
    cgroupPath = json["cgroup"].string ?? ""
    networkNamespace = json["networkNamespace"].string ?? ""
    addresses = json["addresses"].items.compactMap(\.string)
    network = json["network"]
    isNetworkDown = json["networkDown"].bool ?? false
  }

  func json() throws -> JSONValue {
    let bytes: [UInt8] = try config.jsonUTF8Bytes()
    var json: JSONValue = [
      "id": .string(id), "runtimeHandler": .string(runtimeHandler), "createdAt": .int(createdAt),
      "ready": .bool(isReady), "pausePID": JSONValue(pausePID), "shimPID": JSONValue(shimPID),
      "cgroup": .string(cgroupPath), "networkNamespace": .string(networkNamespace), "addresses": JSONValue(addresses),
      "networkDown": .bool(isNetworkDown),
    ]
    json["config"] = try JSONValue(parsing: bytes)
    json["network"] = network
    return json
  }
}
