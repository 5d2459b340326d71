// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What server-side apply does with values of a type: the paths they set, merging, removing.
enum TypedValue {
  /// The paths that a configuration sets.
  static func fieldSet(_ value: JSONValue, _ type: MergeType) -> FieldSet {
    var set: FieldSet = FieldSet()
    switch type.form(value) {
    case .leaf: break
    case .map:
      for (name, inner) in value.object ?? JSONObject() {
        let innerType: MergeType = type.member(name)
        let step: PathElement = .field(name)
        set.attach(step, fieldSet(inner, innerType))
        let isEmptyMap: Bool = inner.isNull || inner.object?.isEmpty == true
        let isKnown: Bool = type.schema?.shape == .object && type.schema?.field(name) != nil
        if innerType.form(inner) == .leaf || isEmptyMap || !isKnown { set.insert(step) }
      }
    case .list:
      var counts: [PathElement: Int] = [:]
      let steps: [PathElement] = value.items.map(type.step)
      for step: PathElement in steps { counts[step, default: 0] += 1 }
      for (step, inner) in zip(steps, value.items) {
        set.insert(step)
        if counts[step] == 1 { set.attach(step, fieldSet(inner, type.item)) }
      }
    }
    return set
  }

  /// The live value with the configuration laid over it.
  static func merged(_ live: JSONValue?, _ configuration: JSONValue?, _ type: MergeType) -> JSONValue? {
    guard let configuration else { return live }
    guard let live else { return configuration }
    switch type.form(configuration) {
    case .leaf: return configuration
    case .map:
      guard case .object(let right) = configuration, case .object(var result) = live, !(right.isEmpty && result.isEmpty)
      else { return live.object?.isEmpty == false && configuration.isNull ? live : configuration }
      for (name, value) in right { result[name] = merged(result[name], value, type.member(name)) }
      return .object(result)
    case .list:
      guard case .array(let left) = live, !left.isEmpty else { return configuration }
      guard case .array(let right) = configuration, !right.isEmpty else { return live }
      return .array(mergedItems(left, right, type))
    }
  }

  /// Items in the order of the configuration, those of the live list among them where they stand.
  private static func mergedItems(_ live: [JSONValue], _ configuration: [JSONValue], _ type: MergeType) -> [JSONValue] {
    let leftSteps: [PathElement] = live.map(type.step)
    let rightSteps: [PathElement] = configuration.map(type.step)
    let left: [PathElement: JSONValue] = Dictionary(zip(leftSteps, live)) { first, _ in first }
    let right: [PathElement: JSONValue] = Dictionary(zip(rightSteps, configuration)) { first, _ in first }
    var shared: ArraySlice<PathElement> = rightSteps.filter { left[$0] != nil }[...]
    var nextShared: PathElement? = shared.popFirst()
    var done: Set<PathElement> = []
    var result: [JSONValue] = []
    var leftIndex: Int = 0
    var rightIndex: Int = 0
    while leftIndex < live.count || rightIndex < configuration.count {
      if leftIndex < live.count, rightIndex < configuration.count {
        let step: PathElement = leftSteps[leftIndex]
        if step == rightSteps[rightIndex] {
          done.insert(step)
          if let item: JSONValue = merged(left[step], right[step], type.item) { result.append(item) }
          leftIndex += 1
          rightIndex += 1
          nextShared = shared.popFirst()
          continue
        }
        if right[step] != nil, let next: PathElement = nextShared, next != step {
          // A shared item, but not the one whose turn it is.
          leftIndex += 1
          continue
        }
      }
      if leftIndex < live.count {
        let step: PathElement = leftSteps[leftIndex]
        if right[step] == nil {
          result.append(live[leftIndex])
          leftIndex += 1
          continue
        } else if done.contains(step) {
          leftIndex += 1
        }
      }
      if rightIndex < configuration.count {
        let step: PathElement = rightSteps[rightIndex]
        done.insert(step)
        if let item: JSONValue = merged(left[step], right[step], type.item) { result.append(item) }
        rightIndex += 1
        if nextShared == step { nextShared = shared.popFirst() }
      }
    }
    return result
  }

  /// The value without what is at the given paths.
  static func removing(_ value: JSONValue, _ paths: FieldSet, _ type: MergeType) -> JSONValue {
    switch type.form(value) {
    case .leaf: return type.schema?.shape.isNested == true || value.array != nil ? .null : value
    case .map:
      guard case .object(let members) = value else { return .null }
      var result: JSONObject = JSONObject()
      for (name, inner) in members {
        let step: PathElement = .field(name)
        if paths.has(step) { continue }
        let rest: FieldSet = paths.rest(step)
        result.appendUnique(name, rest.isEmpty ? inner : removing(inner, rest, type.member(name)))
      }
      return result.isEmpty ? .null : .object(result)
    case .list:
      var result: [JSONValue] = []
      for inner: JSONValue in value.items {
        let step: PathElement = type.step(of: inner)
        if paths.has(step) { continue }
        let rest: FieldSet = paths.rest(step)
        result.append(rest.isEmpty ? inner : removing(inner, rest, type.item))
      }
      return result.isEmpty ? .null : .array(result)
    }
  }
}
