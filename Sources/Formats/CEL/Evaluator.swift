// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What expressions may refer to.
public struct CELEnvironment: Sendable {
  private let variables: [String: CELType]
  private let buildsObjects: Bool

  /// An environment with the given variables.
  ///
  /// - Parameter buildsObjects: Whether expressions may say `Object{...}` and `JSONPatch{...}`.
  public init(variables: [String: CELType], buildsObjects: Bool = false) {
    self.variables = variables
    self.buildsObjects = buildsObjects
  }

  /// Reads and checks an expression.
  public func compile(_ text: String) throws(CELIssues) -> CELProgram {
    let root: Node = try Parser.parse(text)
    var checker: Checker = Checker(variables: variables, buildsObjects: buildsObjects)
    let type: CELType = checker.check(root)
    guard checker.issues.isEmpty else { throw CELIssues(checker.issues, in: text) }
    return CELProgram(text: text, root: root, type: type, types: checker.types)
  }
}

/// An expression that can be evaluated.
public struct CELProgram: Sendable {
  /// The expression.
  public let text: String
  let root: Node
  /// The type of its value.
  public let type: CELType
  let types: [ObjectIdentifier: CELType]

  /// The variables that the expression reads, free ones only.
  public func uses(_ variable: String) -> Bool { Self.uses(variable, root) }

  private static func uses(_ variable: String, _ node: Node) -> Bool {
    switch node.kind {
    case .identifier(let name): return name == variable
    case .comprehension(_, let range, let first, let second, let filter, let step):
      if uses(variable, range) { return true }
      if first == variable || second == variable { return false }
      return uses(variable, step) || filter.map { uses(variable, $0) } == true
    case .bind(let name, let value, let body):
      return uses(variable, value) || (name != variable && uses(variable, body))
    default: return node.children.contains { uses(variable, $0) }
    }
  }

  /// The value of the expression.
  ///
  /// - Parameter budget: what evaluation may cost; what it did cost is taken from it.
  public func evaluate(_ bindings: [String: CELValue], budget: inout Int) throws(CELError) -> CELValue {
    var evaluator: Evaluator = Evaluator(bindings: bindings, limit: budget)
    defer { budget -= evaluator.cost }
    return try evaluator.value(root)
  }
}

/// Evaluates trees and counts what it costs.
struct Evaluator {
  private static let listCost: Int = 10
  private static let mapCost: Int = 30

  private var scopes: [[String: CELValue]]
  private let limit: Int
  private(set) var cost: Int = 0

  init(bindings: [String: CELValue], limit: Int) {
    scopes = [bindings]
    self.limit = limit
  }

  mutating func spend(_ amount: Int) throws(CELError) {
    cost += amount
    if cost > limit { throw .overBudget }
  }

  mutating func value(_ node: Node) throws(CELError) -> CELValue {
    switch node.kind {
    case .literal(let value): return value
    case .identifier(let name):
      try spend(1)
      for scope: [String: CELValue] in scopes.reversed() { if let value: CELValue = scope[name] { return value } }
      if name == "null_type" || Declarations.overloads[name] != nil || name == "list" || name == "map" { return .type(name) }
      throw CELError("undeclared reference to '\(name)' (in container '')")
    case .select(let operand, let name, let isTest, let isOptional):
      let object: CELValue = try value(operand)
      if isTest { return .bool(try Self.has(object, name)) }
      try spend(1)
      return try Self.select(object, name, isOptional: isOptional)
    case .call(let name, let target, let arguments): return try call(name, target, arguments)
    case .list(let items, let optional): return .list(try list(items, optional))
    case .map(let entries): return try map(entries)
    case .structure(let name, let fields): return try structure(name, fields)
    case .comprehension(let kind, let range, let first, let second, let filter, let step):
      return try comprehension(kind, try value(range), first, second, filter, step)
    case .bind(let name, let bound, let body):
      scopes.append([name: try value(bound)])
      defer { scopes.removeLast() }
      return try value(body)
    }
  }

  private mutating func list(_ nodes: [Node], _ optional: Set<Int>) throws(CELError) -> [CELValue] {
    try spend(Self.listCost)
    var items: [CELValue] = []
    for (place, node) in nodes.enumerated() {
      let item: CELValue = try value(node)
      guard optional.contains(place) else {
        items.append(item)
        continue
      }
      guard case .optional(let inner) = item else { throw .noOverload }
      if let inner { items.append(inner) }
    }
    return items
  }

  private mutating func map(_ entries: [(key: Node, value: Node, isOptional: Bool)]) throws(CELError) -> CELValue {
    try spend(Self.mapCost)
    var map: CELMap = CELMap()
    for entry in entries {
      let key: CELValue = try value(entry.key)
      var item: CELValue = try value(entry.value)
      if entry.isOptional {
        guard case .optional(let inner) = item else { throw .noOverload }
        guard let inner else { continue }
        item = inner
      }
      if map[key] != nil { throw CELError("Failed with repeated key") }
      map[key] = item
    }
    return .map(map)
  }

  /// An object of named fields: `Object{...}` and `JSONPatch{...}` of mutations.
  private mutating func structure(
    _ name: String, _ fields: [(name: String, value: Node, isOptional: Bool)]
  ) throws(CELError) -> CELValue {
    try spend(Self.mapCost + Self.listCost)
    var map: CELMap = CELMap()
    for field in fields {
      let inner: CELValue = try value(field.value)
      guard field.isOptional else {
        map[.string(field.name)] = inner
        continue
      }
      guard case .optional(let content) = inner else { throw .noOverload }
      map[.string(field.name)] = content
    }
    return .object(CELStructure(name: name, fields: map))
  }

  static func has(_ object: CELValue, _ name: String) throws(CELError) -> Bool {
    switch object {
    case .map(let map): return map[.string(name)] != nil
    case .object(let object): return try object.field(name) != nil
    case .optional(let inner): return try inner.map { (value: CELValue) throws(CELError) in try has(value, name) } ?? false
    default: throw .noOverload
    }
  }

  static func select(_ object: CELValue, _ name: String, isOptional: Bool) throws(CELError) -> CELValue {
    let found: CELValue?
    switch object {
    case .map(let map): found = map[.string(name)]
    case .object(let object): found = try object.field(name)
    case .optional(let inner):
      guard let inner else { return .optional(nil) }
      let value: CELValue = try select(inner, name, isOptional: true)
      return value
    default: throw .noOverload
    }
    if isOptional { return .optional(found) }
    guard let found else { throw CELError("no such key: \(name)") }
    return found
  }

  private mutating func call(_ name: String, _ target: Node?, _ arguments: [Node]) throws(CELError) -> CELValue {
    switch name {
    case "_&&_": return try logical(arguments, stop: false)
    case "_||_": return try logical(arguments, stop: true)
    case "_?_:_":
      guard let condition: Bool = try value(arguments[0]).bool else { throw .noOverload }
      return try value(arguments[condition ? 1 : 2])
    default: break
    }
    var values: [CELValue] = []
    if let target { values.append(try value(target)) }
    // What an optional falls back to is evaluated only when it is needed.
    if name == "orValue" || name == "or", arguments.count == 1, case .optional(let inner)? = values.first, let inner {
      return name == "or" ? .optional(inner) : inner
    }
    for argument: Node in arguments { values.append(try value(argument)) }
    try spend(FunctionCosts.cost(name, values))
    let result: CELValue = try Functions.call(name, values, isMember: target != nil)
    if case .list(let items) = result, name == "split" || name == "findAll" { try spend(items.count / 10) }
    return result
  }

  private mutating func logical(_ arguments: [Node], stop: Bool) throws(CELError) -> CELValue {
    var failure: CELError?
    for argument: Node in arguments {
      do throws(CELError) {
        guard let truth: Bool = try value(argument).bool else { throw .noOverload }
        if truth == stop { return .bool(stop) }
      } catch {
        if error.isOverBudget { throw error }
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return .bool(!stop)
  }

  private mutating func comprehension(
    _ kind: ComprehensionKind, _ range: CELValue, _ first: String, _ second: String?, _ filter: Node?, _ step: Node
  ) throws(CELError) -> CELValue {
    var fold: Fold = Fold(kind)
    try spend(kind == .map || kind == .filter ? Self.listCost : 1)
    let items: [(CELValue, CELValue)]
    switch range {
    case .list(let list):
      items = list.enumerated().map { second == nil ? ($0.element, $0.element) : (.int(Int64($0.offset)), $0.element) }
    case .map(let map): items = map.entries.map { ($0.key, $0.value) }
    default: throw .noOverload
    }
    scopes.append([:])
    defer { scopes.removeLast() }
    for (key, item) in items {
      try spend(3)
      scopes[scopes.count - 1][first] = key
      if let second { scopes[scopes.count - 1][second] = item }
      if let filter {
        guard let passes: Bool = try value(filter).bool else { throw .noOverload }
        if !passes { continue }
      }
      do throws(CELError) {
        if try fold.add(try value(step), key) { break }
      } catch {
        if error.isOverBudget || !fold.forgives { throw error }
        fold.failure = fold.failure ?? error
      }
    }
    return try fold.result()
  }
}

/// What a comprehension has gathered.
private struct Fold {
  let kind: ComprehensionKind
  var failure: CELError?
  private var count: Int = 0
  private var items: [CELValue] = []
  private var map: CELMap = CELMap()
  private var decided: Bool?

  init(_ kind: ComprehensionKind) { self.kind = kind }

  /// An item that fails is no matter where another one decides.
  var forgives: Bool { kind == .all || kind == .exists }

  /// Takes in a step's value; whether the rest does not matter.
  mutating func add(_ value: CELValue, _ key: CELValue) throws(CELError) -> Bool {
    switch kind {
    case .all, .exists:
      guard let truth: Bool = value.bool else { throw .noOverload }
      guard truth == (kind == .exists) else { return false }
      decided = truth
      return true
    case .existsOne:
      guard let truth: Bool = value.bool else { throw .noOverload }
      count += truth ? 1 : 0
    case .filter:
      guard let truth: Bool = value.bool else { throw .noOverload }
      if truth { items.append(key) }
    case .map, .transformList: items.append(value)
    case .transformMap: map[key] = value
    case .transformMapEntry:
      guard case .map(let entries) = value else { throw .noOverload }
      for entry in entries.entries {
        if map[entry.key] != nil { throw CELError("insert failed: key already exists") }
        map[entry.key] = entry.value
      }
    }
    return false
  }

  func result() throws(CELError) -> CELValue {
    switch kind {
    case .all, .exists:
      if let decided { return .bool(decided) }
      if let failure { throw failure }
      return .bool(kind == .all)
    case .existsOne: return .bool(count == 1)
    case .filter, .map, .transformList: return .list(items)
    case .transformMap, .transformMapEntry: return .map(map)
    }
  }
}
