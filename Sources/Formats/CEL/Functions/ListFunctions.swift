// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What can be done with lists, and with lists as sets.
enum ListFunctions {
  static func call(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    guard case .list(let items)? = arguments.first else { return nil }
    if arguments.count == 2, case .list(let others) = arguments[1] {
      switch name {
      case "sets.contains": return .bool(others.allSatisfy { items.contains($0) })
      case "sets.equivalent":
        return .bool(others.allSatisfy { items.contains($0) } && items.allSatisfy { others.contains($0) })
      case "sets.intersects": return .bool(others.contains { items.contains($0) })
      default: break
      }
    }
    switch (name, arguments.count) {
    case ("indexOf", 2): return .int(Int64(items.firstIndex(of: arguments[1]) ?? -1))
    case ("lastIndexOf", 2): return .int(Int64(items.lastIndex(of: arguments[1]) ?? -1))
    case ("isSorted", 1):
      for (left, right) in zip(items, items.dropFirst()) {
        guard let order: Int = Functions.order(left, right) else { throw .noOverload }
        if order > 0 { return .bool(false) }
      }
      return .bool(true)
    case ("sum", 1):
      guard var total: CELValue = items.first else { return .int(0) }
      for item: CELValue in items.dropFirst() { total = try Arithmetic.binary("_+_", total, item) }
      return total
    case ("min", 1), ("max", 1):
      guard var best: CELValue = items.first else { throw CELError("\(name) called on empty list") }
      for item: CELValue in items.dropFirst() {
        guard let order: Int = Functions.order(item, best) else { throw .noOverload }
        if name == "min" ? order < 0 : order > 0 { best = item }
      }
      return best
    default: return nil
    }
  }
}
