// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

/// The order in which groups and their versions are told: by the priorities of their APIServices.
enum GroupOrder {
  private struct Rank {
    var groupVersion: GroupVersion
    var group: Int64
    var version: Int64
    /// The place among the built-in ones.
    var place: Int
  }

  /// - Parameter local: The group-versions that this server serves, the built-in ones first.
  static func sorted(
    local: [GroupVersion], builtInCount: Int, services: [GroupVersion: APIServiceEntry]
  ) -> [(name: String, versions: [GroupVersion])] {
    var ranks: [Rank] = []
    for (place, groupVersion) in local.enumerated() {
      let usual: (group: Int64, version: Int64) = APIServiceDefaults.priorities(groupVersion)
      let entry: APIServiceEntry? = services[groupVersion]
      ranks.append(
        Rank(
          groupVersion: groupVersion, group: entry?.groupPriority ?? usual.group,
          version: entry?.versionPriority ?? usual.version, place: place < builtInCount ? place : Int.max))
    }
    let known: Set<GroupVersion> = Set(local)
    for (groupVersion, entry) in services where entry.service != nil && !known.contains(groupVersion) {
      ranks.append(
        Rank(groupVersion: groupVersion, group: entry.groupPriority, version: entry.versionPriority, place: Int.max))
    }
    var groups: [String: [Rank]] = [:]
    for rank: Rank in ranks { groups[rank.groupVersion.group, default: []].append(rank) }
    return groups.values.map(versions).sorted(by: isBefore).map { ranks in
      (ranks.first?.groupVersion.group ?? "", ranks.map(\.groupVersion))
    }
  }

  private static func versions(_ ranks: [Rank]) -> [Rank] {
    ranks.sorted { left, right in
      if left.version != right.version { return left.version > right.version }
      if left.place != right.place { return left.place < right.place }
      return VersionOrder.isBetter(left.groupVersion.version, right.groupVersion.version)
    }
  }

  private static func isBefore(_ left: [Rank], _ right: [Rank]) -> Bool {
    func key(_ ranks: [Rank]) -> (priority: Int64, place: Int, name: String) {
      let best: Int64 = ranks.map(\.group).max() ?? 0
      let names: [String] = ranks.filter { $0.group == best }.map { "\($0.groupVersion.version).\($0.groupVersion.group)" }
      return (best, ranks.map(\.place).min() ?? Int.max, names.min() ?? "")
    }
    let (one, other): ((priority: Int64, place: Int, name: String), (priority: Int64, place: Int, name: String)) = (
      key(left), key(right)
    )
    if one.priority != other.priority { return one.priority > other.priority }
    return (one.place, one.name) < (other.place, other.name)
  }
}
