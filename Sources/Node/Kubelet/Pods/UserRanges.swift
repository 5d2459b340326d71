// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import Kernel
import KubeCore
import SwiftProtobuf
import Synchronization

/// The host's user numbers that belong to a pod alone (`hostUsers: false`). The file that names them is in the pod's
/// directory, as upstream writes it: it tells a kubelet that is started again, and its end gives the numbers back.
struct UserRanges: Sendable {
  let paths: PodPaths

  /// Every pod has as many; the first as many are the host's.
  private static let length: UInt32 = 65536
  private static let turn: Mutex<Void> = Mutex(())

  /// The numbers of a pod, chosen when it has none yet; nil for a pod of the host's users.
  func mapping(of pod: Pod) throws -> CRIIDMapping? {
    guard pod.spec.hasHostUsers, !pod.spec.hostUsers else { return nil }
    let file: String = path("\(pod.uid)")
    return try Self.turn.withLock { _ in
      if let known: UInt32 = first(file) { return Self.mapping(known) }
      let taken: Set<UInt32> = Set(((try? Files.list(paths.pods)) ?? []).compactMap { first(path($0)) })
      var free: UInt32 = Self.length
      while taken.contains(free) {
        let (next, isOver) = free.addingReportingOverflow(Self.length)
        guard !isOver else { throw KubeletError(.configuration, "no numbers are left for the users of another pod") }
        free = next
      }
      let range: JSONValue = [
        ["hostId": JSONValue(free), "containerId": 0, "length": JSONValue(Self.length)]
      ]
      let text: JSONValue = ["uidMappings": range, "gidMappings": range]
      try Files.makeDirectories(paths.pod(pod.uid))
      try Files.replace(file, text.bytes)
      return Self.mapping(free)
    }
  }

  private func path(_ uid: String) -> String { "\(paths.pods)/\(uid)/userns" }

  private func first(_ file: String) -> UInt32? {
    guard let json: JSONValue = (try? Files.read(file)).flatMap({ try? JSONValue(parsing: $0) }) else { return nil }
    return json["uidMappings"].items.first?["hostId"].int.flatMap { UInt32(exactly: $0) }
  }

  private static func mapping(_ first: UInt32) -> CRIIDMapping {
    .with {
      $0.hostID = first
      $0.containerID = 0
      $0.length = length
    }
  }
}
