// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Strategic merge patches: merge patches that know from the schema how lists merge, with directives in the patch
/// (`$patch`, `$retainKeys`, `$setElementOrder/...`, `$deleteFromPrimitiveList/...`).
///
/// Upstream: k8s.io/apimachinery/pkg/util/strategicpatch, errors included.
enum StrategicPatch {
  static let directive: String = "$patch"
  static let retainKeys: String = "$retainKeys"
  static let setElementOrder: String = "$setElementOrder/"
  static let deleteFromPrimitiveList: String = "$deleteFromPrimitiveList/"

  /// How a field of an object merges.
  struct Strategy {
    var schema: Schema?
    var replaces: Bool = false
    var merges: Bool = false
    var mergeKey: String = ""

    init(_ name: String, in schema: Schema?) {
      guard let field: SchemaField = schema?.field(name) else {
        self.schema = schema?.element
        return
      }
      self.schema = field.schema.shape == .list || field.schema.shape == .map ? field.schema.element : field.schema
      replaces = field.patchStrategies.contains("replace")
      merges = field.patchStrategies.contains("merge")
      mergeKey = field.patchMergeKey
      if field.schema.shape == .map { self.schema = field.schema }
    }
  }

  private static func malformed(_ message: String) -> StatusError { .badRequest(message) }

  static func noMergeKey(_ item: JSONValue, _ key: String) -> StatusError {
    StatusError(
      code: 500, reason: "", message: "map: \(TypedValue.goPlain(item)) does not contain declared merge key: \(key)")
  }

  static func badPatchType(_ type: JSONValue, _ patch: JSONValue) -> StatusError {
    StatusError(
      code: 500, reason: "",
      message: "unknown patch type: \(TypedValue.goPlain(type)) in map: \(TypedValue.goPlain(patch))")
  }

  /// The object with the patch merged into it.
  static func merged(_ original: JSONObject, _ patch: JSONObject, _ schema: Schema?) throws(StatusError) -> JSONObject {
    var original: JSONObject = original
    var patch: JSONObject = patch
    if let type: JSONValue = patch[directive] {
      patch.removeValue(directive)
      switch type.string {
      case "replace": return patch
      case "delete": return JSONObject()
      default: throw badPatchType(type, .object(patch))
      }
    }
    try applyRetainKeys(&original, &patch)
    try applyElementOrders(&original, &patch, schema)
    for (key, value) in patch {
      var name: String = key
      let isDeletion: Bool = key.hasPrefix(deleteFromPrimitiveList)
      if isDeletion { name = String(key.dropFirst(deleteFromPrimitiveList.count)) }
      if value.isNull {
        original.removeValue(name)
        continue
      }
      guard let current: JSONValue = original[name] else {
        if !isDeletion { original[name] = dropDirectives(withoutNulls(value)) }
        continue
      }
      switch (current, value) {
      case (.object(let left), .object(let right)):
        let strategy: Strategy = Strategy(name, in: schema)
        original[name] = .object(strategy.replaces ? right : try merged(left, right, strategy.schema))
      case (.array(let left), .array(let right)):
        let strategy: Strategy = Strategy(name, in: schema)
        original[name] = .array(try mergedLists(left, right, strategy, isDeletion))
      default:
        if !isDeletion { original[name] = dropDirectives(withoutNulls(value)) }
      }
    }
    return original
  }

  /// Removes the fields that `$retainKeys` does not name.
  private static func applyRetainKeys(_ original: inout JSONObject, _ patch: inout JSONObject) throws(StatusError) {
    guard let directive: JSONValue = patch.removeValue(retainKeys) else { return }
    guard case .array(let items) = directive else { throw malformed("invalid patch format of retainKeys") }
    let kept: Set<String> = Set(items.compactMap(\.string))
    for (key, value) in patch
    where !value.isNull && !key.hasPrefix(deleteFromPrimitiveList) && !key.hasPrefix(setElementOrder)
      && !kept.contains(key)
    {
      throw malformed("invalid patch format of retainKeys")
    }
    original.removeAll { !kept.contains($0.key) }
  }

  /// Merges the lists whose order the patch gives, and takes them out of the patch.
  private static func applyElementOrders(
    _ original: inout JSONObject, _ patch: inout JSONObject, _ schema: Schema?
  ) throws(StatusError) {
    for key: String in patch.keys where key.hasPrefix(setElementOrder) {
      guard case .array(let order)? = patch.removeValue(key) else {
        throw malformed("invalid patch format of setElementOrder list")
      }
      let name: String = String(key.dropFirst(setElementOrder.count))
      let strategy: Strategy = Strategy(name, in: schema)
      let left: [JSONValue]? = original[name]?.array
      let right: [JSONValue]? = patch[name]?.array
      try checkOrder(right ?? [], order, strategy.mergeKey)
      let merged: [JSONValue]
      switch (left, right) {
      case (let left?, nil): merged = left
      case (nil, let right?): merged = dropDirectives(.array(right)).items
      case (let left?, let right?): merged = try mergedLists(left, right, strategy, false)
      case (nil, nil): continue
      }
      let order2: [JSONValue] = order
      let split = partition(merged, order2, strategy.mergeKey)
      original[name] = .array(
        try arranged(split.patch, split.server, order: order2, serverOrder: left ?? [], strategy.mergeKey))
      patch.removeValue(name)
    }
  }

  /// Every item of the patch's list must be in the order list, in the same order.
  private static func checkOrder(_ items: [JSONValue], _ order: [JSONValue], _ key: String) throws(StatusError) {
    var next: Int = 0
    for item: JSONValue in items where item[directive].isNull || item.object == nil {
      while next < order.count, identity(order[next], key) != identity(item, key) { next += 1 }
      guard next < order.count else {
        throw StatusError(
          code: 500, reason: "",
          message:
            "The order in patch list:\n\(TypedValue.goPlain(.array(items)))\n doesn't match $setElementOrder list:\n\(TypedValue.goPlain(.array(order)))\n"
        )
      }
      next += 1
    }
  }

  // MARK: - Lists

  private static func mergedLists(
    _ original: [JSONValue], _ patch: [JSONValue], _ strategy: Strategy, _ isDeletion: Bool
  ) throws(StatusError) -> [JSONValue] {
    guard strategy.merges || isDeletion else { return patch }
    if original.isEmpty, patch.isEmpty { return original }
    guard (original + patch).allSatisfy({ $0.array == nil }) else {
      throw StatusError(
        code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
        details: .object(JSONObject()))
    }
    guard (original.first ?? patch.first)?.object != nil else {
      if isDeletion { return original.filter { !patch.contains($0) } }
      var seen: Set<JSONValue> = []
      let merged: [JSONValue] = (original + patch).filter { seen.insert($0).inserted }
      let split = partition(merged, patch, "")
      return try arranged(split.patch, split.server, order: patch, serverOrder: original, "")
    }
    let key: String = strategy.mergeKey
    guard !key.isEmpty else {
      throw StatusError(code: 500, reason: "", message: "cannot merge lists without merge key")
    }
    var (list, rest) = try applySpecialItems(original, patch, key)
    let server: [JSONValue] = list
    for item: JSONValue in rest {
      guard let value: JSONValue = item.object?[key] else { throw noMergeKey(item, key) }
      if let place: Int = list.firstIndex(where: { $0[key] == value }), let left: JSONObject = list[place].object {
        list[place] = .object(try merged(left, item.object ?? JSONObject(), strategy.schema))
      } else {
        list.append(dropDirectives(withoutNulls(item)))
      }
    }
    rest = rest.filter { item in list.contains { $0[key] == item[key] } }
    let split = partition(list, rest, key)
    return try arranged(split.patch, split.server, order: rest, serverOrder: server, key)
  }

  /// Carries out the `$patch` items of a list: deletes what they name, or replaces everything.
  private static func applySpecialItems(
    _ original: [JSONValue], _ patch: [JSONValue], _ key: String
  ) throws(StatusError) -> ([JSONValue], [JSONValue]) {
    var list: [JSONValue] = original
    var rest: [JSONValue] = []
    var replaces: Bool = false
    for item: JSONValue in patch {
      guard let type: JSONValue = item.object?[directive] else {
        rest.append(item)
        continue
      }
      switch type.string {
      case "delete":
        guard let value: JSONValue = item.object?[key] else { throw noMergeKey(item, key) }
        list.removeAll { $0[key] == value }
      case "replace": replaces = true
      case "merge":
        throw StatusError(code: 500, reason: "", message: "merging lists cannot yet be specified in the patch")
      default: throw badPatchType(type, item)
      }
    }
    return replaces ? (rest, []) : (list, rest)
  }

  private static func identity(_ item: JSONValue, _ key: String) -> JSONValue {
    key.isEmpty || item.object == nil ? item : item[key]
  }

  /// The items that the order list has, and those that only the server has.
  private static func partition(
    _ items: [JSONValue], _ order: [JSONValue], _ key: String
  ) -> (patch: [JSONValue], server: [JSONValue]) {
    let known: Set<JSONValue> = Set(order.map { identity($0, key) })
    return (items.filter { known.contains(identity($0, key)) }, items.filter { !known.contains(identity($0, key)) })
  }

  /// Both parts in one list: the patch's items in its order, the server's where they stood among them.
  private static func arranged(
    _ patch: [JSONValue], _ server: [JSONValue], order: [JSONValue], serverOrder: [JSONValue], _ key: String
  ) throws(StatusError) -> [JSONValue] {
    let inPatch: [JSONValue: Int] = places(order, key)
    let inServer: [JSONValue: Int] = places(serverOrder, key)
    let right: [JSONValue] = sorted(patch, inPatch, key)
    let left: [JSONValue] = sorted(server, inServer, key)
    var result: [JSONValue] = []
    var next: Int = 0
    for item: JSONValue in right {
      while next < left.count, let one: Int = inServer[identity(left[next], key)],
        let other: Int = inServer[identity(item, key)], one < other
      {
        result.append(left[next])
        next += 1
      }
      result.append(item)
    }
    return result + left[next...]
  }

  private static func places(_ order: [JSONValue], _ key: String) -> [JSONValue: Int] {
    Dictionary(order.enumerated().map { (identity($0.element, key), $0.offset) }) { first, _ in first }
  }

  private static func sorted(_ items: [JSONValue], _ places: [JSONValue: Int], _ key: String) -> [JSONValue] {
    items.enumerated().sorted { one, other in
      let left: Int? = places[identity(one.element, key)]
      let right: Int? = places[identity(other.element, key)]
      guard let left, let right, left != right else { return one.offset < other.offset }
      return left < right
    }.map(\.element)
  }

  // MARK: - New values

  /// A value that is new in the object, without members that are null.
  private static func withoutNulls(_ value: JSONValue) -> JSONValue {
    guard case .object(let members) = value else { return value }
    var result: JSONObject = JSONObject()
    for (key, inner) in members where !inner.isNull { result.appendUnique(key, withoutNulls(inner)) }
    return .object(result)
  }

  /// A value that is new in the object, without directives.
  private static func dropDirectives(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      var result: JSONObject = JSONObject()
      for (key, inner) in members
      where key != directive && key != retainKeys && !key.hasPrefix(setElementOrder)
        && !key.hasPrefix(deleteFromPrimitiveList)
      {
        result.appendUnique(key, dropDirectives(inner))
      }
      return .object(result)
    case .array(let items):
      let kept: [JSONValue] = items.filter { item in
        guard let type: String = item.object?[directive]?.string else { return true }
        return type != "delete" && !(type == "replace" && item.object?.count == 1)
      }
      return .array(kept.map(dropDirectives))
    default: return value
    }
  }
}
