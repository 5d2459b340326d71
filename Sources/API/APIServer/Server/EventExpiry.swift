// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues
import Logging

/// Takes Events away some time after they were written last, as kube-apiserver's leases in etcd do; the same for
/// every store.
struct EventExpiry: Sendable {
  /// The time between two looks at most.
  private static let intervalMax: Duration = .seconds(60)

  let core: ServerCore
  let lifetime: Duration

  func run() async {
    guard lifetime > .zero else { return }
    while true {
      do { try await Task.sleep(for: min(lifetime / 4, Self.intervalMax)) } catch { return }
      guard let storage: ObjectStorage = core.registry.storage("", "events") else { continue }
      do { try await expire(storage, before: Timestamp.now + (.zero - lifetime)) } catch {
        core.logger.warning("old Events are kept longer: \(error)")
      }
    }
  }

  private func expire(_ storage: ObjectStorage, before limit: Timestamp) async throws {
    for event: CachedObject in try await storage.list(ListRequest(freshness: .any)).objects {
      guard let written: Timestamp = Self.lastWrite(try ObjectStorage.tree(event)), written < limit else { continue }
      do { try await storage.delete(event) } catch {
        // Written or deleted by somebody else just now.
        guard error.reason == "Conflict" || error.reason == "NotFound" else { throw error }
      }
    }
  }

  /// When an object was written last, as its managers' entries say.
  static func lastWrite(_ object: JSONValue) -> Timestamp? {
    var texts: [String] = object["metadata"]["managedFields"].array?.compactMap { $0["time"].string } ?? []
    if let created: String = object["metadata"]["creationTimestamp"].string { texts.append(created) }
    return texts.compactMap { text in
      // An unreadable time says nothing about when the object was written.
      try? Timestamp(parsing: text)
    }.max()
  }
}
