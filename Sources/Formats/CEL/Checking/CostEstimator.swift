// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// How many items or characters a value can have.
struct SizeRange: Sendable {
  var low: UInt64
  var high: UInt64

  static let unknown: SizeRange = SizeRange(low: 0, high: .max)
  static let one: SizeRange = SizeRange(low: 1, high: 1)

  static func + (left: SizeRange, right: SizeRange) -> SizeRange {
    SizeRange(low: left.low.saturatingAdd(right.low), high: left.high.saturatingAdd(right.high))
  }

  func union(_ other: SizeRange) -> SizeRange { SizeRange(low: min(low, other.low), high: max(high, other.high)) }
}

extension UInt64 {
  func saturatingAdd(_ other: UInt64) -> UInt64 {
    let (sum, overflows): (UInt64, Bool) = addingReportingOverflow(other)
    return overflows ? .max : sum
  }

  func saturatingMultiply(_ other: UInt64) -> UInt64 {
    let (product, overflows): (UInt64, Bool) = multipliedReportingOverflow(by: other)
    return overflows ? .max : product
  }

  /// A tenth, rounded up: what walking along a string costs.
  var tenth: UInt64 { self / 10 + (self % 10 == 0 ? 0 : 1) }
  /// A quarter, rounded up: what a pattern costs for each character of it.
  var quarter: UInt64 { self / 4 + (self % 4 == 0 ? 0 : 1) }
}

extension CELProgram {
  /// What an evaluation can cost at most.
  ///
  /// - Parameter sizes: how many characters or items the value at a path has at most; a path is names of fields,
  ///   `@items`, `@keys` and `@values`.
  public func estimatedCost(sizes: @escaping ([String]) -> UInt64?) -> UInt64 {
    var estimator: CostEstimator = CostEstimator(types: types, sizes: sizes)
    return estimator.estimate(root).cost
  }
}

/// Finds the most that an expression can cost, as cel-go counts it.
struct CostEstimator {
  /// What is known of a node.
  struct Estimate {
    var cost: UInt64
    var size: SizeRange?
    var path: [String]?
  }

  private static let listCost: UInt64 = 10
  private static let mapCost: UInt64 = 30
  private static let structureCost: UInt64 = 40

  let types: [ObjectIdentifier: CELType]
  let sizes: ([String]) -> UInt64?
  private var scopes: [[String: Estimate]] = []

  init(types: [ObjectIdentifier: CELType], sizes: @escaping ([String]) -> UInt64?) {
    self.types = types
    self.sizes = sizes
  }

  private func type(_ node: Node) -> CELType { types[ObjectIdentifier(node)] ?? .dyn }

  private func size(_ estimate: Estimate, _ node: Node) -> SizeRange {
    if let size: SizeRange = estimate.size { return size }
    if let path: [String] = estimate.path, let most: UInt64 = sizes(path) { return SizeRange(low: 0, high: most) }
    switch type(node) {
    case .bool, .int, .uint, .double, .null, .timestamp, .duration: return .one
    default: return .unknown
    }
  }

  mutating func estimate(_ node: Node) -> Estimate {
    switch node.kind {
    case .literal(let value): return Estimate(cost: 0, size: Self.literalSize(value))
    case .identifier(let name):
      for scope: [String: Estimate] in scopes.reversed() {
        if let known: Estimate = scope[name] { return Estimate(cost: 1, size: known.size, path: known.path) }
      }
      return Estimate(cost: 1, path: [name])
    case .select(let operand, let name, let isTest, _):
      let inner: Estimate = estimate(operand)
      var path: [String]? = inner.path
      if case .map = type(operand) { path?.append("@values") } else { path?.append(name) }
      return Estimate(cost: inner.cost.saturatingAdd(isTest ? 0 : 1), path: path)
    case .call(let name, let target, let arguments):
      let nodes: [Node] = (target.map { [$0] } ?? []) + arguments
      return call(name, nodes, nodes.map { estimate($0) })
    case .list(let items, _):
      let cost: UInt64 = items.reduce(Self.listCost) { $0.saturatingAdd(estimate($1).cost) }
      return Estimate(cost: cost, size: SizeRange(low: UInt64(items.count), high: UInt64(items.count)))
    case .map(let entries):
      let cost: UInt64 = entries.reduce(Self.mapCost) {
        $0.saturatingAdd(estimate($1.key).cost).saturatingAdd(estimate($1.value).cost)
      }
      return Estimate(cost: cost, size: SizeRange(low: UInt64(entries.count), high: UInt64(entries.count)))
    case .structure(_, let fields):
      return Estimate(cost: fields.reduce(Self.structureCost) { $0.saturatingAdd(estimate($1.value).cost) })
    case .comprehension(let kind, let range, let first, let second, let filter, let step):
      return comprehension(kind, range, first, second, filter, step)
    case .bind(let name, let value, let body):
      let bound: Estimate = estimate(value)
      scopes.append([name: bound])
      defer { scopes.removeLast() }
      let inner: Estimate = estimate(body)
      return Estimate(cost: bound.cost.saturatingAdd(inner.cost).saturatingAdd(Self.listCost), size: inner.size, path: inner.path)
    }
  }

  private static func literalSize(_ value: CELValue) -> SizeRange {
    let count: Int =
      switch value {
      case .string(let text): text.unicodeScalars.count
      case .bytes(let bytes): bytes.count
      default: 1
      }
    return SizeRange(low: UInt64(count), high: UInt64(count))
  }

  private mutating func call(_ name: String, _ nodes: [Node], _ parts: [Estimate]) -> Estimate {
    let sum: UInt64 = parts.reduce(0) { $0.saturatingAdd($1.cost) }
    switch name {
    case "_&&_", "_||_": return Estimate(cost: sum, size: .one)
    case "_?_:_":
      let cost: UInt64 = parts[0].cost.saturatingAdd(max(parts[1].cost, parts[2].cost))
      let size: SizeRange? = parts[1].size.flatMap { left in parts[2].size.map { left.union($0) } }
      return Estimate(cost: cost, size: size)
    case "_[_]", "_[?_]":
      var path: [String]? = parts[0].path
      if case .list = type(nodes[0]) { path?.append("@items") } else { path?.append("@values") }
      return Estimate(cost: sum.saturatingAdd(1), path: path)
    default: break
    }
    let all: [SizeRange] = zip(parts, nodes).map { size($0, $1) }
    let (own, result): (UInt64, SizeRange?) = cost(name, nodes, all)
    return Estimate(cost: sum.saturatingAdd(own), size: result)
  }

  /// What a call itself costs, and the size of its result.
  private func cost(_ name: String, _ nodes: [Node], _ sizes: [SizeRange]) -> (UInt64, SizeRange?) {
    let first: UInt64 = sizes.first?.high ?? 1
    let second: UInt64 = sizes.count > 1 ? sizes[1].high : 1
    let target: CELType = nodes.first.map { type($0) } ?? .dyn
    switch name {
    case "_==_", "_!=_": return (min(first, second).tenth, .one)
    case "_<_", "_<=_", "_>_", "_>=_":
      return (target == .string || target == .bytes ? min(first, second).tenth : 1, .one)
    case "_+_":
      switch target {
      case .string, .bytes: return (sizes[0].high.saturatingAdd(second).tenth, sizes[0] + sizes[1])
      case .list: return (1, sizes[0] + sizes[1])
      case .dyn: return (sizes[0].high.saturatingAdd(second).tenth, sizes[0] + sizes[1])
      default: return (1, .one)
      }
    case "@in":
      if case .map = type(nodes[1]) { return (1, .one) }
      return (second, .one)
    case "startsWith", "endsWith": return (second.tenth, .one)
    case "contains": return (first.tenth.saturatingMultiply(second.tenth), .one)
    case "matches", "find", "findAll":
      let cost: UInt64 = first.saturatingAdd(1).tenth.saturatingMultiply(second.quarter)
      return (cost, name == "matches" ? .one : SizeRange(low: 0, high: first))
    case "indexOf", "lastIndexOf":
      if case .list = target { return (first, .one) }
      return (first.tenth.saturatingMultiply(second.tenth), .one)
    case "string", "bytes":
      if target == .bytes || (name == "bytes" && target == .string) { return (first.tenth, SizeRange(low: 0, high: first)) }
      return (1, target == .string ? sizes[0] : nil)
    case "lowerAscii", "upperAscii", "trim", "reverse", "substring", "charAt", "base64.encode", "base64.decode":
      return (first.tenth, SizeRange(low: 0, high: first))
    case "replace":
      let grown: UInt64 = first.saturatingMultiply(max(1, sizes.count > 2 ? sizes[2].high : 1))
      return (first.tenth, SizeRange(low: 0, high: grown))
    case "split": return (first.tenth, SizeRange(low: 0, high: first))
    case "join":
      return (first.saturatingMultiply(max(1, second)).tenth, nil)
    case "format": return (first.tenth, nil)
    case "isSorted", "sum", "max", "min": return (first, .one)
    case "sets.contains", "sets.equivalent", "sets.intersects": return (first.saturatingMultiply(second), .one)
    case "ip", "isIP", "ip.isCanonical", "cidr", "isCIDR", "url", "isURL", "quantity", "isQuantity", "semver", "isSemver",
      "validate", "containsIP", "containsCIDR":
      return (first.tenth, .one)
    default: return (1, nil)
    }
  }

  private mutating func comprehension(
    _ kind: ComprehensionKind, _ range: Node, _ first: String, _ second: String?, _ filter: Node?, _ step: Node
  ) -> Estimate {
    let source: Estimate = estimate(range)
    let count: SizeRange = size(source, range)
    var keys: Estimate = Estimate(cost: 0, path: source.path)
    var values: Estimate = Estimate(cost: 0, path: source.path)
    if case .map = type(range) {
      keys.path?.append("@keys")
      values.path?.append("@values")
    } else {
      keys.path?.append("@items")
      values.path?.append("@items")
      if second != nil { keys = Estimate(cost: 0, size: .one) }
    }
    scopes.append(second.map { [first: keys, $0: values] } ?? [first: keys])
    let inner: UInt64 = estimate(step).cost
    let test: UInt64 = filter.map { estimate($0).cost } ?? 0
    scopes.removeLast()
    let (start, each, end): (UInt64, UInt64, UInt64) =
      switch kind {
      case .all: (0, 3, 1)
      case .exists: (0, 4, 1)
      case .existsOne: (0, 2, 2)
      case .filter, .map, .transformList: (Self.listCost, 13, 1)
      case .transformMap, .transformMapEntry: (Self.mapCost, Self.mapCost + 3, 1)
      }
    let loop: UInt64 = inner.saturatingAdd(test).saturatingAdd(each)
    let cost: UInt64 = source.cost.saturatingAdd(start).saturatingAdd(count.high.saturatingMultiply(loop)).saturatingAdd(end)
    switch kind {
    case .all, .exists, .existsOne: return Estimate(cost: cost, size: .one)
    default: return Estimate(cost: cost, size: SizeRange(low: 0, high: count.high))
    }
  }
}

/// What calls cost when they are made.
enum FunctionCosts {
  private static func size(_ value: CELValue) -> Int {
    switch value {
    case .string(let text): text.unicodeScalars.count
    case .bytes(let bytes): bytes.count
    case .list(let items): items.count
    case .map(let map): map.count
    default: 1
    }
  }

  static func cost(_ name: String, _ arguments: [CELValue]) -> Int {
    let first: Int = arguments.first.map(size) ?? 1
    let second: Int = arguments.count > 1 ? size(arguments[1]) : 1
    func tenth(_ number: Int) -> Int { (number + 9) / 10 }
    switch name {
    case "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_": return tenth(min(first, second))
    case "_+_":
      if arguments.first?.list != nil { return 1 + tenth(first + second) }
      return tenth(first + second)
    case "@in":
      if case .list? = arguments.last { return second }
      return 1
    case "startsWith", "endsWith": return tenth(second)
    case "contains", "indexOf", "lastIndexOf": return max(1, tenth(first) * tenth(second))
    case "matches", "find", "findAll": return tenth(first + 1) * ((second + 3) / 4)
    case "sets.contains", "sets.equivalent", "sets.intersects": return first * second + 1
    case "isSorted", "sum", "min", "max": return first + 1
    case "replace", "split", "join", "format", "lowerAscii", "upperAscii", "substring", "quantity", "url", "ip", "cidr":
      return 1 + tenth(first + second)
    default: return 1
    }
  }
}
