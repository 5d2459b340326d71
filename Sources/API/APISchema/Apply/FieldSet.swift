// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// A set of paths into an object (structured-merge-diff's `Set`): who owns what.
struct FieldSet: Hashable, Sendable {
  /// What the set holds of one step.
  struct Entry: Hashable, Sendable {
    /// The path that ends here is in the set.
    var isMember: Bool = false
    /// The paths that go on from here.
    var rest: FieldSet = FieldSet()
  }

  private(set) var entries: [PathElement: Entry] = [:]

  var isEmpty: Bool { entries.isEmpty }

  init() {}

  /// A set of paths of names.
  init(names paths: [[String]]) {
    for path: [String] in paths { insert(path.map(PathElement.field)[...]) }
  }

  /// Adds a path.
  mutating func insert(_ path: ArraySlice<PathElement>) {
    guard let first: PathElement = path.first else { return }
    if path.count == 1 {
      entries[first, default: Entry()].isMember = true
    } else {
      entries[first, default: Entry()].rest.insert(path.dropFirst())
    }
  }

  /// Adds a path of one step.
  mutating func insert(_ step: PathElement) { entries[step, default: Entry()].isMember = true }

  /// Adds what goes on from a step; nothing where there is nothing.
  mutating func attach(_ step: PathElement, _ rest: FieldSet) {
    if rest.isEmpty { return }
    if entries[step]?.rest.isEmpty ?? true {
      entries[step, default: Entry()].rest = rest
    } else {
      entries[step, default: Entry()].rest.formUnion(rest)
    }
  }

  /// Whether the path of one step is a member.
  func has(_ step: PathElement) -> Bool { entries[step]?.isMember ?? false }

  /// What goes on from a step.
  func rest(_ step: PathElement) -> FieldSet { entries[step]?.rest ?? FieldSet() }

  mutating func formUnion(_ other: FieldSet) {
    if isEmpty {
      self = other
      return
    }
    for (step, entry) in other.entries {
      guard let index = entries.index(forKey: step) else {
        entries[step] = entry
        continue
      }
      if entry.isMember { entries.values[index].isMember = true }
      if !entry.rest.isEmpty { entries.values[index].rest.formUnion(entry.rest) }
    }
  }

  func union(_ other: FieldSet) -> FieldSet {
    var result: FieldSet = self
    result.formUnion(other)
    return result
  }

  /// The paths that are members of both.
  func intersection(_ other: FieldSet) -> FieldSet {
    var result: FieldSet = FieldSet()
    if other.isEmpty { return result }
    for (step, entry) in entries {
      guard let match: Entry = other.entries[step] else { continue }
      let both: Entry = Entry(
        isMember: entry.isMember && match.isMember,
        rest: entry.rest.isEmpty || match.rest.isEmpty ? FieldSet() : entry.rest.intersection(match.rest))
      if both.isMember || !both.rest.isEmpty { result.entries[step] = both }
    }
    return result
  }

  /// The paths that are not members of the other.
  func difference(_ other: FieldSet) -> FieldSet {
    if other.isEmpty { return self }
    var result: FieldSet = FieldSet()
    for (step, entry) in entries {
      guard let match: Entry = other.entries[step] else {
        result.entries[step] = entry
        continue
      }
      let left: Entry = Entry(
        isMember: entry.isMember && !match.isMember,
        rest: entry.rest.isEmpty ? entry.rest : entry.rest.difference(match.rest))
      if left.isMember || !left.rest.isEmpty { result.entries[step] = left }
    }
    return result
  }

  /// The paths of which no beginning is a member of the other.
  func recursiveDifference(_ other: FieldSet) -> FieldSet {
    if other.isEmpty { return self }
    var result: FieldSet = FieldSet()
    for (step, entry) in entries {
      guard let match: Entry = other.entries[step] else {
        result.entries[step] = entry
        continue
      }
      if match.isMember { continue }
      let left: Entry = Entry(isMember: entry.isMember, rest: entry.rest.recursiveDifference(match.rest))
      if left.isMember || !left.rest.isEmpty { result.entries[step] = left }
    }
    return result
  }

  /// The set with every field of the schema a member that is on the way to one.
  func withNamedFields(_ type: MergeType) -> FieldSet {
    var result: FieldSet = FieldSet()
    for (step, entry) in entries {
      var entry: Entry = entry
      if !entry.rest.isEmpty {
        if case .field(let name) = step, type.schema?.shape == .object, type.schema?.field(name) != nil {
          entry.isMember = true
        }
        entry.rest = entry.rest.withNamedFields(type.inner(step))
      }
      result.entries[step] = entry
    }
    return result
  }

  /// Every path, in order, as messages print it.
  func displayPaths(_ prefix: String = "") -> [String] {
    var paths: [String] = []
    for (step, entry) in sortedEntries {
      let path: String = prefix + step.display
      if entry.isMember { paths.append(path) }
      paths += entry.rest.displayPaths(path)
    }
    return paths
  }

  private var sortedEntries: [(key: PathElement, value: Entry)] { entries.sorted { $0.key < $1.key } }
}

// MARK: - fieldsV1

extension FieldSet {
  /// Reads `fieldsV1`; nil where it is malformed. Steps of unknown kinds are skipped.
  init?(fieldsV1 value: JSONValue) {
    self.init()
    guard case .object(let members) = value else {
      if value.isNull { return }
      return nil
    }
    for (name, inner) in members where name != "." {
      guard let step: PathElement = PathElement(name) else { return nil }
      guard case .object(let below) = inner, let rest: FieldSet = FieldSet(fieldsV1: inner) else { return nil }
      let isMember: Bool = below.isEmpty || below["."] != nil
      entries[step] = Entry(isMember: isMember, rest: rest)
    }
  }

  /// The set as `fieldsV1`.
  var fieldsV1: JSONValue { .object(object(isMember: false)) }

  private func object(isMember: Bool) -> JSONObject {
    var result: JSONObject = JSONObject()
    result.reserveCapacity(entries.count + 1)
    if isMember { result.appendUnique(".", .object(JSONObject())) }
    for (step, entry) in sortedEntries {
      let inner: JSONObject = entry.rest.isEmpty ? JSONObject() : entry.rest.object(isMember: entry.isMember)
      result.appendUnique(step.text, .object(inner))
    }
    return result
  }
}
