// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What differs between two values of one type, as sets of paths.
struct Comparison {
  var added: FieldSet = FieldSet()
  var removed: FieldSet = FieldSet()
  var modified: FieldSet = FieldSet()

  /// Compares two whole objects.
  init(_ old: JSONValue, _ new: JSONValue, _ type: MergeType) {
    walk(old, new, type)
  }

  private init() {}

  /// Leaves out what is below the given paths.
  mutating func exclude(_ paths: FieldSet) {
    if paths.isEmpty { return }
    added = added.recursiveDifference(paths)
    removed = removed.recursiveDifference(paths)
    modified = modified.recursiveDifference(paths)
  }

  /// What a step leads to is compared and its differences hung below the step.
  private mutating func descend(_ step: PathElement, _ old: JSONValue?, _ new: JSONValue?, _ type: MergeType) {
    var inner: Comparison = Comparison()
    if inner.walk(old, new, type) {
      // A leaf: the step itself.
      if old == nil {
        added.insert(step)
      } else if new == nil {
        removed.insert(step)
      } else {
        modified.insert(step)
      }
      return
    }
    added.attach(step, inner.added)
    removed.attach(step, inner.removed)
    modified.attach(step, inner.modified)
    // An object or list that came or went is itself a member.
    if old == nil, !Self.isLeaf(nil, new, type) {
      added.insert(step)
    } else if new == nil, !Self.isLeaf(old, nil, type) {
      removed.insert(step)
    }
  }

  private static func isLeaf(_ old: JSONValue?, _ new: JSONValue?, _ type: MergeType) -> Bool {
    switch type.form(new ?? old) {
    case .leaf: true
    case .map: (old?.object?.isEmpty ?? true) && (new?.object?.isEmpty ?? true)
    case .list: (old?.array?.isEmpty ?? true) && (new?.array?.isEmpty ?? true)
    }
  }

  /// Compares what is at one place; true where it is a leaf that differs.
  @discardableResult
  private mutating func walk(_ old: JSONValue?, _ new: JSONValue?, _ type: MergeType) -> Bool {
    if Self.isLeaf(old, new, type) { return old != new }
    switch type.form(new ?? old) {
    case .leaf: break
    case .map:
      // A value of another form on one side counts as an empty one (types that follow from the values).
      let left: JSONObject = old?.object ?? JSONObject()
      let right: JSONObject = new?.object ?? JSONObject()
      for (name, value) in left {
        let other: JSONValue? = right[name]
        if let other, other == value { continue }
        descend(.field(name), value, other, type.member(name))
      }
      for (name, value) in right where left[name] == nil { descend(.field(name), nil, value, type.member(name)) }
    case .list: walkItems(old?.array ?? [], new?.array ?? [], type)
    }
    return false
  }

  private mutating func walkItems(_ old: [JSONValue], _ new: [JSONValue], _ type: MergeType) {
    var order: [PathElement] = []
    var items: [PathElement: (old: [JSONValue], new: [JSONValue])] = [:]
    for value: JSONValue in old {
      let step: PathElement = type.step(of: value)
      if items[step] == nil { order.append(step) }
      items[step, default: ([], [])].old.append(value)
    }
    for value: JSONValue in new {
      let step: PathElement = type.step(of: value)
      if items[step] == nil { order.append(step) }
      items[step, default: ([], [])].new.append(value)
    }
    let inner: MergeType = type.item
    for step: PathElement in order {
      guard let both = items[step], both.old != both.new else { continue }
      switch (both.old.count, both.new.count) {
      case (0...1, 0...1): descend(step, both.old.first, both.new.first, inner)
      case (2..., 2...): modified.insert(step)
      case (2..., _):
        if let value: JSONValue = both.new.first { descend(step, nil, value, inner) }
        removed.insert(step)
      default:
        if let value: JSONValue = both.old.first { descend(step, value, nil, inner) }
        added.insert(step)
      }
    }
  }
}
