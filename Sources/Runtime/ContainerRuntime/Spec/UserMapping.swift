// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel
import OCISpec

/// The users and groups of a pod that has a user namespace of its own.
struct UserMapping: Sendable, Hashable {
  var users: RuntimeSpec.IDMapping
  var groups: RuntimeSpec.IDMapping

  /// What CRI asks for; nil for the host's users.
  init?(_ options: CRINamespaceOption) throws {
    guard options.hasUsernsOptions, options.usernsOptions.mode != .node else { return nil }
    let wanted: CRIUserNamespace = options.usernsOptions
    guard wanted.mode == .pod else {
      throw RuntimeError(.invalid, "a user namespace of mode \(wanted.mode) is not supported")
    }
    guard options.network != .node, options.pid != .node, options.ipc != .node else {
      throw RuntimeError(.invalid, "a pod with a user namespace cannot use other namespaces of the host")
    }
    users = try Self.single(wanted.uids, "user")
    groups = try Self.single(wanted.gids, "group")
  }

  private static func single(_ mappings: [CRIIDMapping], _ what: String) throws -> RuntimeSpec.IDMapping {
    guard mappings.count == 1, let mapping: CRIIDMapping = mappings.first else {
      throw RuntimeError(.invalid, "a user namespace needs one \(what) mapping, not \(mappings.count)")
    }
    guard mapping.containerID == 0, mapping.length > 0 else {
      throw RuntimeError(.invalid, "the \(what) mapping of a user namespace must begin with 0 inside, and map something")
    }
    return RuntimeSpec.IDMapping(containerID: 0, hostID: mapping.hostID, size: mapping.length)
  }

  /// A mapping as the shim reads it.
  static func json(_ mapping: RuntimeSpec.IDMapping?) -> JSONValue {
    guard let mapping else { return .null }
    return [
      [
        "containerID": JSONValue(mapping.containerID), "hostID": JSONValue(mapping.hostID),
        "size": JSONValue(mapping.size),
      ]
    ]
  }

  /// Whether this kernel lets overlayfs stand on mapped layers (Linux 5.19), and users have namespaces at all.
  static let isSupported: Bool = {
    let limit: Int = (try? Files.readText("/proc/sys/user/max_user_namespaces")).flatMap { Int($0) } ?? 0
    let release: String = (try? Files.readText("/proc/sys/kernel/osrelease")) ?? ""
    let numbers: [Int] = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    return limit > 0 && numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 19)
  }()
}

extension SandboxRecord {
  /// The users of the pod's user namespace; nil for the host's. What CRI asked for was looked at when the pod was made.
  var userMapping: UserMapping? { try? UserMapping(config.linux.securityContext.namespaceOptions) }
}
