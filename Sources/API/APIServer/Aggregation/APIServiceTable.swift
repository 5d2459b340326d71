// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import Synchronization

/// The APIServices that there are at the moment, by the group-versions that they are for.
final class APIServiceTable: Sendable {
  private struct State {
    var entries: [GroupVersion: APIServiceEntry] = [:]
    var remoteCount: Int = 0
    var generation: Int = 0
  }

  private let state: Mutex<State> = Mutex(State())

  /// Changes with every change of the table.
  var generation: Int { state.withLock { $0.generation } }

  subscript(groupVersion: GroupVersion) -> APIServiceEntry? { state.withLock { $0.entries[groupVersion] } }

  /// Those that other servers serve.
  var remote: [APIServiceEntry] { state.withLock { $0.entries.values.filter { $0.service != nil } } }

  var all: [GroupVersion: APIServiceEntry] { state.withLock { $0.entries } }

  /// Who else serves what a request is about; nil where it is this server, as nearly always.
  func remote(for info: RequestInfo) -> APIServiceEntry? {
    guard state.withLock({ $0.remoteCount > 0 }), let groupVersion: GroupVersion = Self.groupVersion(info) else { return nil }
    return self[groupVersion].flatMap { $0.service == nil ? nil : $0 }
  }

  /// The group-version that a path is below of.
  private static func groupVersion(_ info: RequestInfo) -> GroupVersion? {
    if info.isResource { return GroupVersion(info.group, info.version) }
    let segments: [Substring] = info.path.split(separator: "/")
    switch (segments.first, segments.count) {
    case ("apis", 3): return GroupVersion(String(segments[1]), String(segments[2]))
    case ("api", 2): return GroupVersion("", String(segments[1]))
    default: return nil
    }
  }

  func set(_ entry: APIServiceEntry) {
    state.withLock { state in
      state.entries[entry.groupVersion] = entry
      Self.count(&state)
    }
  }

  func remove(_ name: String) {
    state.withLock { state in
      state.entries = state.entries.filter { $0.value.name != name }
      Self.count(&state)
    }
  }

  private static func count(_ state: inout State) {
    state.remoteCount = state.entries.values.count { $0.service != nil }
    state.generation += 1
  }
}
