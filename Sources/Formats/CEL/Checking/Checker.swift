// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Finds the types of an expression's nodes, and what does not fit.
struct Checker {
  private static let typeNames: Set<String> = [
    "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type",
  ]

  private var scopes: [[String: CELType]]
  private let buildsObjects: Bool
  private(set) var issues: [CELIssues.Issue] = []
  private(set) var types: [ObjectIdentifier: CELType] = [:]

  init(variables: [String: CELType], buildsObjects: Bool) {
    scopes = [variables]
    self.buildsObjects = buildsObjects
  }

  mutating func check(_ node: Node) -> CELType {
    let type: CELType = infer(node)
    types[ObjectIdentifier(node)] = type
    return type
  }

  private mutating func fail(_ node: Node, _ message: String) -> CELType {
    issues.append(.init(offset: node.offset, message: message))
    return .error
  }

  private mutating func infer(_ node: Node) -> CELType {
    switch node.kind {
    case .literal(let value): return Self.type(of: value)
    case .identifier(let name):
      if let type: CELType = scopes.reversed().lazy.compactMap({ $0[name] }).first { return type }
      if Self.typeNames.contains(name) { return .type }
      return fail(node, "undeclared reference to '\(name)' (in container '')")
    case .select(let operand, let name, let isTest, let isOptional):
      if case .identifier(let first) = operand.kind, let type: CELType = scopes[0]["\(first).\(name)"] { return type }
      return select(node, check(operand), name, isTest: isTest, isOptional: isOptional)
    case .call(let name, let target, let arguments):
      return call(node, name, target.map { check($0) }, arguments.map { check($0) })
    case .list(let items, let optional):
      let inner: [CELType] = items.enumerated().map { place, item in
        let type: CELType = check(item)
        return optional.contains(place) ? Self.content(type) ?? .dyn : type
      }
      return .list(Self.join(inner))
    case .map(let entries):
      let keys: [CELType] = entries.map { check($0.key) }
      let values: [CELType] = entries.map { entry in
        let type: CELType = check(entry.value)
        return entry.isOptional ? Self.content(type) ?? .dyn : type
      }
      return .map(Self.join(keys), Self.join(values))
    case .structure(let name, let fields): return structure(node, name, fields)
    case .comprehension(let kind, let range, let first, let second, let filter, let step):
      return comprehension(node, kind, check(range), first, second, filter, step)
    case .bind(let name, let value, let body):
      let type: CELType = check(value)
      scopes.append([name: type])
      defer { scopes.removeLast() }
      return check(body)
    }
  }

  /// The fields of an operation of a JSON patch.
  private static let operation: [String: CELType] = ["op": .string, "path": .string, "from": .string, "value": .dyn]

  private mutating func structure(
    _ node: Node, _ name: String, _ fields: [(name: String, value: Node, isOptional: Bool)]
  ) -> CELType {
    let isOperation: Bool = name == "JSONPatch"
    var isKnown: Bool = buildsObjects && (isOperation || name == "Object" || name.hasPrefix("Object."))
    if !isKnown { _ = fail(node, "undeclared reference to '\(name)' (in container '')") }
    for field in fields {
      var type: CELType = check(field.value)
      if field.isOptional { type = Self.content(type) ?? .dyn }
      guard isKnown, isOperation else { continue }
      guard let wanted: CELType = Self.operation[field.name] else {
        _ = fail(field.value, "undefined field '\(field.name)'")
        isKnown = false
        continue
      }
      var bindings: [String: CELType] = [:]
      if !Self.isAssignable(type, to: wanted, &bindings) {
        _ = fail(
          field.value, "expected type of field '\(field.name)' is '\(wanted.name)' but provided type is '\(type.name)'")
      }
    }
    return isKnown ? .opaque(name, []) : .error
  }

  private static func type(of value: CELValue) -> CELType {
    switch value {
    case .bool: .bool
    case .int: .int
    case .uint: .uint
    case .double: .double
    case .string: .string
    case .bytes: .bytes
    default: .null
    }
  }

  private static func join(_ types: [CELType]) -> CELType {
    guard let first: CELType = types.first else { return .dyn }
    return types.allSatisfy { $0 == first } ? first : .dyn
  }

  /// What an optional holds; nil where the type is none.
  static func content(_ type: CELType) -> CELType? {
    if case .opaque("optional_type", let inner) = type { return inner.first }
    return nil
  }

  private mutating func select(
    _ node: Node, _ operand: CELType, _ name: String, isTest: Bool, isOptional: Bool
  ) -> CELType {
    let inner: CELType? = Self.content(operand)
    let field: CELType
    switch inner ?? operand {
    case .dyn: field = .dyn
    case .error: field = .error
    case .opaque(let type, []) where type == "Object" || type.hasPrefix("Object."): field = .dyn
    case .opaque("JSONPatch", []):
      guard let type: CELType = Self.operation[name] else { return fail(node, "undefined field '\(name)'") }
      field = type
    case .map(_, let value): field = value
    case .object(let object):
      guard let type: CELType = object.fields[name] else { return fail(node, "undefined field '\(name)'") }
      field = type
    default: return fail(node, "type '\((inner ?? operand).name)' does not support field selection")
    }
    if isTest { return .bool }
    return isOptional || inner != nil ? .optional(field) : field
  }

  private mutating func call(_ node: Node, _ name: String, _ target: CELType?, _ arguments: [CELType]) -> CELType {
    let all: [CELType] = (target.map { [$0] } ?? []) + arguments
    guard let overloads: [Overload] = Declarations.overloads[name] else {
      return fail(node, "undeclared reference to '\(name)' (in container '')")
    }
    if all.contains(.error) { return .error }
    var result: CELType?
    for overload: Overload in overloads
    where (overload.target == nil) == (target == nil) && overload.arguments.count == arguments.count {
      var bindings: [String: CELType] = [:]
      let wanted: [CELType] = (overload.target.map { [$0] } ?? []) + overload.arguments
      guard zip(all, wanted).allSatisfy({ Self.isAssignable($0, to: $1, &bindings) }) else { continue }
      // What may be anything makes the whole so: `a ? 1 : dyn(b)`. Items of lists do not: those of `[]` are not known.
      for case (let type, .parameter(let name)) in zip(all, wanted) where type.isDynamic { bindings[name] = .dyn }
      let type: CELType = Self.substitute(overload.result, bindings)
      result = result == nil || result == type ? type : .dyn
    }
    if let result { return result }
    let list: String = "(" + arguments.map(\.name).joined(separator: ", ") + ")"
    let shown: String = target.map { "\($0.name).\(list)" } ?? list
    return fail(node, "found no matching overload for '\(name)' applied to '\(shown)'")
  }

  private static func substitute(_ type: CELType, _ bindings: [String: CELType]) -> CELType {
    switch type {
    case .parameter(let name): bindings[name] ?? .dyn
    case .list(let item): .list(substitute(item, bindings))
    case .map(let key, let value): .map(substitute(key, bindings), substitute(value, bindings))
    case .opaque(let name, let inner): .opaque(name, inner.map { substitute($0, bindings) })
    default: type
    }
  }

  /// Whether a value of a type can stand where another is wanted.
  static func isAssignable(_ type: CELType, to wanted: CELType, _ bindings: inout [String: CELType]) -> Bool {
    if case .parameter(let name) = wanted {
      guard let bound: CELType = bindings[name] else {
        bindings[name] = type
        return true
      }
      // The wider of both is what the parameter is.
      if isAssignable(type, to: bound, &bindings) {
        if bound == .null { bindings[name] = type }
        return true
      }
      guard isAssignable(bound, to: type, &bindings) else { return false }
      bindings[name] = type
      return true
    }
    if type.isDynamic || wanted.isDynamic || type == wanted { return true }
    switch (type, wanted) {
    case (.list(let a), .list(let b)): return isAssignable(a, to: b, &bindings)
    case (.map(let a, let b), .map(let c, let d)): return isAssignable(a, to: c, &bindings) && isAssignable(b, to: d, &bindings)
    case (.opaque(let a, let inner), .opaque(let b, let others)):
      return a == b && inner.count == others.count && zip(inner, others).allSatisfy { isAssignable($0, to: $1, &bindings) }
    case (.null, .object), (.null, .timestamp), (.null, .duration), (.null, .opaque): return true
    case (.object, .null), (.timestamp, .null), (.duration, .null), (.opaque, .null): return true
    default: return false
    }
  }

  private mutating func comprehension(
    _ node: Node, _ kind: ComprehensionKind, _ range: CELType, _ first: String, _ second: String?, _ filter: Node?,
    _ step: Node
  ) -> CELType {
    let types: (key: CELType, value: CELType)
    let inner: CELType
    switch range {
    case .dyn, .error:
      types = (.dyn, .dyn)
      inner = .dyn
    case .list(let item):
      types = (.int, item)
      inner = item
    case .map(let key, let value):
      types = (key, value)
      inner = key
    default:
      return fail(
        node, "expression of type '\(range.name)' cannot be range of a comprehension (must be list, map, or dynamic)")
    }
    scopes.append(second.map { [first: types.key, $0: types.value] } ?? [first: inner])
    defer { scopes.removeLast() }
    if let filter { expectBool(filter, node) }
    switch kind {
    case .all, .exists, .existsOne:
      expectBool(step, node, operation: kind == .all ? "_&&_" : kind == .exists ? "_||_" : "_?_:_")
      return .bool
    case .filter:
      expectBool(step, node)
      return .list(inner)
    case .map, .transformList: return .list(check(step))
    case .transformMap: return .map(types.key, check(step))
    case .transformMapEntry:
      if case .map(let key, let value) = check(step) { return .map(key, value) }
      return .dyn
    }
  }

  private mutating func expectBool(_ node: Node, _ owner: Node, operation: String = "_?_:_") {
    let type: CELType = check(node)
    guard type != .bool, !type.isDynamic else { return }
    let shown: String = operation == "_?_:_" ? "(\(type.name), list(dyn), list(dyn))" : "(bool, \(type.name))"
    _ = fail(owner, "found no matching overload for '\(operation)' applied to '\(shown)'")
  }
}
