// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Images
import Kernel

/// Who a container's process is, from the CRI's wishes, the image's and the files of its root.
struct ContainerUser: Sendable, Hashable {
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  var groups: [UInt32] = []

  /// Files larger than this are no user databases.
  private static let databaseBytesMax: Int = 1 << 20

  /// - Parameter layers: the directories of the root file system, topmost first.
  init(
    _ security: CRILinuxContainerSecurityContext, imageUser: String, layers: [String]
  ) throws {
    let users: [[Substring]] = Self.entries("etc/passwd", layers)
    let groupEntries: [[Substring]] = Self.entries("etc/group", layers)
    var name: String = ""
    var groupName: String = ""
    if security.hasRunAsUser {
      uid = try Self.number(security.runAsUser.value, "user")
    } else {
      let wanted: String = security.runAsUsername.isEmpty ? imageUser : security.runAsUsername
      let parts: [Substring] = wanted.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      name = String(parts.first ?? "")
      if parts.count > 1 { groupName = String(parts[1]) }
      if let number = UInt32(name) {
        uid = number
      } else if !name.isEmpty {
        guard let entry = users.first(where: { $0[0] == name }), let number = UInt32(entry[2]) else {
          throw RuntimeError(.invalid, "unable to find user \(name): no matching entries in passwd file")
        }
        uid = number
      }
    }
    let entry: [Substring]? = users.first { UInt32($0[2]) == uid }
    if security.hasRunAsGroup {
      guard security.hasRunAsUser || !security.runAsUsername.isEmpty else {
        throw RuntimeError(.invalid, "user group is specified without user, cannot run container")
      }
      gid = try Self.number(security.runAsGroup.value, "group")
    } else if let number = UInt32(groupName) {
      gid = number
    } else if !groupName.isEmpty {
      guard let group = groupEntries.first(where: { $0[0] == groupName }), let number = UInt32(group[2]) else {
        throw RuntimeError(.invalid, "unable to find group \(groupName): no matching entries in group file")
      }
      gid = number
    } else if let entry, entry.count > 3, let number = UInt32(entry[3]) {
      gid = number
    }
    collectGroups(security, userName: entry.map { String($0[0]) } ?? name, groupEntries)
  }

  private mutating func collectGroups(
    _ security: CRILinuxContainerSecurityContext, userName: String, _ entries: [[Substring]]
  ) {
    var found: Set<UInt32> = [gid]
    if security.supplementalGroupsPolicy == .merge, !userName.isEmpty {
      for entry: [Substring] in entries where entry.count > 3 {
        if entry[3].split(separator: ",").contains(Substring(userName)), let number = UInt32(entry[2]) {
          found.insert(number)
        }
      }
    }
    for group: Int64 in security.supplementalGroups { found.insert(UInt32(clamping: group)) }
    groups = found.sorted()
  }

  private static func number(_ value: Int64, _ what: String) throws -> UInt32 {
    guard let number = UInt32(exactly: value) else { throw RuntimeError(.invalid, "no \(what) can have the number \(value)") }
    return number
  }

  /// The lines of a colon-separated file in the topmost layer that has it, with at least three fields.
  private static func entries(_ path: String, _ layers: [String]) -> [[Substring]] {
    for layer: String in layers {
      let file: String = layer + "/" + path
      guard let status: Files.Status = try? Files.status(file, followLinks: false) else { continue }
      // A whiteout or a link (which could lead anywhere): as if there were no database.
      guard status.isRegular, let bytes: [UInt8] = try? Files.read(file, limit: databaseBytesMax) else { return [] }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        .map { $0.split(separator: ":", omittingEmptySubsequences: false) }.filter { $0.count >= 3 }
    }
    return []
  }
}
