// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Reads an expression.
struct Parser {
  /// Expressions that are nested deeper are refused.
  static let depthLimit: Int = 250
  /// Chains of operators and fields may be longer: reading them takes no stack, evaluating them does.
  static let chainLimit: Int = 1000
  /// Longer expressions are refused.
  static let sizeLimit: Int = 100_000
  private static let primaries: String =
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
  private static let reserved: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace",
    "return", "var", "void", "while",
  ]
  private static let relations: Set<String> = ["<", "<=", ">", ">=", "==", "!=", "in"]

  struct Failure: Error {}

  private let tokens: [Token]
  private var place: Int = 0
  private var depth: Int = 0
  private(set) var issues: [CELIssues.Issue] = []

  private init(_ tokens: [Token]) { self.tokens = tokens }

  /// The tree of an expression.
  static func parse(_ text: String) throws(CELIssues) -> Node {
    let size: Int = text.unicodeScalars.count
    guard size <= sizeLimit else {
      throw CELIssues(
        [.init(offset: 0, message: "expression code point size exceeds limit: size: \(size), limit \(sizeLimit)")], in: "")
    }
    var lexer: Lexer = Lexer(text)
    var parser: Parser = Parser(lexer.tokens())
    var root: Node?
    do throws(Failure) {
      let node: Node = try parser.expression()
      if parser.current.kind != .end {
        let isLast: Bool = parser.tokens[parser.place + 1].kind == .end
        parser.fail("Syntax error: \(isLast ? "extraneous" : "mismatched") input '\(parser.current.source)' expecting <EOF>")
      }
      root = node
    } catch {}
    let issues: [CELIssues.Issue] = lexer.issues + parser.issues
    guard issues.isEmpty, let root else { throw CELIssues(issues, in: text) }
    return root
  }

  private var current: Token { tokens[place] }

  private func isAt(_ symbol: String) -> Bool {
    (current.kind == .symbol || (current.kind == .identifier && symbol == "in")) && current.text == symbol
  }

  private mutating func take(_ symbol: String) -> Bool {
    guard isAt(symbol) else { return false }
    place += 1
    return true
  }

  private mutating func fail(_ message: String, at offset: Int? = nil) {
    issues.append(.init(offset: offset ?? current.offset, message: message))
  }

  private mutating func require(_ symbol: String) throws(Failure) {
    if take(symbol) { return }
    fail("Syntax error: mismatched input '\(current.source)' expecting '\(symbol)'")
    throw Failure()
  }

  /// A node of a chain that is not too long yet: also the release of a tree takes stack.
  private mutating func link(_ node: Node) throws(Failure) -> Node {
    guard node.depth > Self.chainLimit else { return node }
    fail("expression recursion limit exceeded: \(Self.chainLimit)", at: node.offset)
    throw Failure()
  }

  private mutating func expression() throws(Failure) -> Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      fail("expression recursion limit exceeded: \(Self.depthLimit)")
      throw Failure()
    }
    let condition: Node = try logical("||")
    let offset: Int = current.offset
    guard take("?") else { return condition }
    let yes: Node = try logical("||")
    try require(":")
    let no: Node = try expression()
    return Node(.call("_?_:_", target: nil, [condition, yes, no]), offset)
  }

  /// A chain of one logical operator, as a balanced tree.
  private mutating func logical(_ symbol: String) throws(Failure) -> Node {
    var terms: [Node] = [symbol == "||" ? try logical("&&") : try relation()]
    var offsets: [Int] = []
    while isAt(symbol) {
      offsets.append(current.offset)
      place += 1
      terms.append(symbol == "||" ? try logical("&&") : try relation())
    }
    return Self.balance("_\(symbol)_", terms[...], offsets[...])
  }

  private static func balance(_ name: String, _ terms: ArraySlice<Node>, _ offsets: ArraySlice<Int>) -> Node {
    if terms.count == 1 { return terms[terms.startIndex] }
    let middle: Int = offsets.startIndex + offsets.count / 2
    let count: Int = middle - offsets.startIndex + 1
    let left: Node = balance(name, terms.prefix(count), offsets[offsets.startIndex..<middle])
    let right: Node = balance(name, terms.dropFirst(count), offsets[(middle + 1)...])
    return Node(.call(name, target: nil, [left, right]), offsets[middle])
  }

  private mutating func relation() throws(Failure) -> Node {
    var left: Node = try sum()
    while Self.relations.contains(current.text), current.kind == .symbol || isAt("in") {
      let token: Token = current
      place += 1
      let right: Node = try sum()
      left = try link(Node(.call(token.text == "in" ? "@in" : "_\(token.text)_", target: nil, [left, right]), token.offset))
    }
    return left
  }

  private mutating func sum() throws(Failure) -> Node {
    var left: Node = try product()
    while isAt("+") || isAt("-") {
      let token: Token = current
      place += 1
      let right: Node = try product()
      left = try link(Node(.call("_\(token.text)_", target: nil, [left, right]), token.offset))
    }
    return left
  }

  private mutating func product() throws(Failure) -> Node {
    var left: Node = try unary()
    while isAt("*") || isAt("/") || isAt("%") {
      let token: Token = current
      place += 1
      let right: Node = try unary()
      left = try link(Node(.call("_\(token.text)_", target: nil, [left, right]), token.offset))
    }
    return left
  }

  private mutating func unary() throws(Failure) -> Node {
    let start: Token = current
    for symbol: String in ["!", "-"] where isAt(symbol) {
      var count: Int = 0
      while take(symbol) { count += 1 }
      if symbol == "-", count == 1, current.kind == .int || current.kind == .double {
        return try members(try number(negative: true, at: start.offset))
      }
      let operand: Node = try members(try primary())
      return count % 2 == 0 ? operand : Node(.call("\(symbol)_", target: nil, [operand]), start.offset)
    }
    return try members(try primary())
  }

  private mutating func members(_ start: Node) throws(Failure) -> Node {
    var node: Node = start
    while true {
      let token: Token = current
      if take(".") {
        let isOptional: Bool = take("?")
        guard current.kind == .identifier || current.kind == .quotedIdentifier else {
          fail("Syntax error: no viable alternative at input '.\(current.source)'")
          throw Failure()
        }
        let name: Token = current
        place += 1
        let open: Int = current.offset
        if !isOptional, name.kind == .identifier, take("(") {
          let arguments: [Node] = try list(until: ")")
          node = try link(call(name.text, node, arguments, open))
        } else {
          node = try link(Node(.select(node, name.text, isTest: false, isOptional: isOptional), token.offset))
        }
      } else if take("[") {
        let isOptional: Bool = take("?")
        let index: Node = try expression()
        try require("]")
        node = try link(Node(.call(isOptional ? "_[?_]" : "_[_]", target: nil, [node, index]), token.offset))
      } else if isAt("{"), let name: String = Self.dotted(node) {
        place += 1
        node = try structure(name, token.offset)
      } else {
        return node
      }
    }
  }

  /// A member call: a macro, a function of a library (`sets.contains`), or a method.
  private mutating func call(_ name: String, _ target: Node, _ arguments: [Node], _ open: Int) throws(Failure) -> Node {
    if let macro: Node = try Macros.expand(name, target, arguments, open, &issues) { return macro }
    if let space: String = Self.dotted(target), Declarations.overloads["\(space).\(name)"] != nil {
      return Node(.call("\(space).\(name)", target: nil, arguments), open)
    }
    return Node(.call(name, target: target, arguments), open)
  }

  private static func dotted(_ node: Node) -> String? {
    switch node.kind {
    case .identifier(let name): name
    case .select(let operand, let name, false, false): dotted(operand).map { "\($0).\(name)" }
    default: nil
    }
  }

  private mutating func structure(_ name: String, _ offset: Int) throws(Failure) -> Node {
    var fields: [(name: String, value: Node, isOptional: Bool)] = []
    while !isAt("}") {
      let isOptional: Bool = take("?")
      guard current.kind == .identifier || current.kind == .quotedIdentifier else {
        fail("Syntax error: mismatched input '\(current.source)' expecting {'}', ',', '?', IDENTIFIER}")
        throw Failure()
      }
      let field: String = current.text
      place += 1
      try require(":")
      fields.append((field, try expression(), isOptional))
      if !take(",") { break }
    }
    try require("}")
    return Node(.structure(name, fields), offset)
  }

  private mutating func list(until end: String) throws(Failure) -> [Node] {
    var items: [Node] = []
    if take(end) { return items }
    repeat {
      if end == "]", isAt("]") { break }
      items.append(try expression())
    } while take(",")
    try require(end)
    return items
  }

  private mutating func number(negative: Bool, at offset: Int) throws(Failure) -> Node {
    let token: Token = current
    place += 1
    let text: String = (negative ? "-" : "") + token.text
    let isHex: Bool = token.text.hasPrefix("0x")
    let digits: String = isHex ? (negative ? "-" : "") + token.text.dropFirst(2) : text
    switch token.kind {
    case .int:
      if let value: Int64 = Int64(digits, radix: isHex ? 16 : 10) { return Node(.literal(.int(value)), offset) }
      fail("invalid int literal", at: offset)
    case .uint:
      if let value: UInt64 = UInt64(digits, radix: isHex ? 16 : 10) { return Node(.literal(.uint(value)), offset) }
      fail("invalid uint literal", at: offset)
    default:
      if let value: Double = Double(text) { return Node(.literal(.double(value)), offset) }
      fail("invalid double literal", at: offset)
    }
    throw Failure()
  }

  private mutating func primary() throws(Failure) -> Node {
    let token: Token = current
    switch token.kind {
    case .int, .uint, .double: return try number(negative: false, at: token.offset)
    case .string:
      place += 1
      return Node(.literal(.string(token.text)), token.offset)
    case .bytes:
      place += 1
      return Node(.literal(.bytes(token.bytes)), token.offset)
    case .identifier where !isAt("in"): return try identifier()
    case .symbol:
      if take("(") {
        let inner: Node = try expression()
        try require(")")
        return inner
      }
      if take("[") { return try listLiteral(token.offset) }
      if take("{") { return try mapLiteral(token.offset) }
      if isAt("."), tokens[place + 1].kind == .identifier {
        place += 1
        return try identifier()
      }
    default: break
    }
    fail("Syntax error: mismatched input '\(token.source)' expecting \(Self.primaries)")
    throw Failure()
  }

  private mutating func identifier() throws(Failure) -> Node {
    let token: Token = current
    place += 1
    switch token.text {
    case "true": return Node(.literal(.bool(true)), token.offset)
    case "false": return Node(.literal(.bool(false)), token.offset)
    case "null": return Node(.literal(.null), token.offset)
    default: break
    }
    let open: Int = current.offset
    if take("(") {
      let arguments: [Node] = try list(until: ")")
      if token.text == "has" { return try Macros.has(arguments, open, &issues) }
      return Node(.call(token.text, target: nil, arguments), open)
    }
    if Self.reserved.contains(token.text) { fail("reserved identifier: \(token.text)", at: token.offset) }
    return Node(.identifier(token.text), token.offset)
  }

  private mutating func listLiteral(_ offset: Int) throws(Failure) -> Node {
    var items: [Node] = []
    var optional: Set<Int> = []
    while !isAt("]") {
      if take("?") { optional.insert(items.count) }
      items.append(try expression())
      if !take(",") { break }
    }
    try require("]")
    return Node(.list(items, optional: optional), offset)
  }

  private mutating func mapLiteral(_ offset: Int) throws(Failure) -> Node {
    var entries: [(key: Node, value: Node, isOptional: Bool)] = []
    while !isAt("}") {
      let isOptional: Bool = take("?")
      let key: Node = try expression()
      try require(":")
      entries.append((key, try expression(), isOptional))
      if !take(",") { break }
    }
    try require("}")
    return Node(.map(entries), offset)
  }
}

/// The macros: calls that are more than calls.
enum Macros {
  /// A name that expressions cannot say.
  private static let held: String = "@optional"

  static func has(_ arguments: [Node], _ offset: Int, _ issues: inout [CELIssues.Issue]) throws(Parser.Failure) -> Node {
    guard arguments.count == 1, case .select(let operand, let name, false, _) = arguments[0].kind else {
      issues.append(.init(offset: arguments.first?.offset ?? offset, message: "invalid argument to has() macro"))
      throw Parser.Failure()
    }
    return Node(.select(operand, name, isTest: true, isOptional: false), offset)
  }

  /// The comprehension of a member call; nil where the call is none.
  static func expand(
    _ name: String, _ target: Node, _ arguments: [Node], _ offset: Int, _ issues: inout [CELIssues.Issue]
  ) throws(Parser.Failure) -> Node? {
    func variable(_ node: Node) throws(Parser.Failure) -> String {
      if case .identifier(let name) = node.kind { return name }
      issues.append(.init(offset: node.offset, message: "argument must be a simple name"))
      throw Parser.Failure()
    }
    func make(_ kind: ComprehensionKind, _ second: String?, _ filter: Node?) throws(Parser.Failure) -> Node {
      let first: String = try variable(arguments[0])
      if first == second {
        issues.append(.init(offset: arguments[1].offset, message: "duplicate variable name: \(first)"))
        throw Parser.Failure()
      }
      return Node(
        .comprehension(
          kind, range: target, first: first, second: second, filter: filter, step: arguments[arguments.count - 1]), offset)
    }
    let last: Int = arguments.count
    switch name {
    case "all", "exists", "exists_one", "existsOne":
      let kind: ComprehensionKind = name == "all" ? .all : name == "exists" ? .exists : .existsOne
      if last == 2, name != "existsOne" { return try make(kind, nil, nil) }
      return last == 3 && name != "exists_one" ? try make(kind, try variable(arguments[1]), nil) : nil
    case "filter": return last == 2 ? try make(.filter, nil, nil) : nil
    case "map":
      return last == 2 || last == 3 ? try make(.map, nil, last == 3 ? arguments[1] : nil) : nil
    case "transformList", "transformMap", "transformMapEntry":
      guard last == 3 || last == 4, let kind: ComprehensionKind = ComprehensionKind(rawValue: name) else { return nil }
      return try make(kind, try variable(arguments[1]), last == 4 ? arguments[2] : nil)
    case "bind":
      guard case .identifier("cel") = target.kind, last == 3 else { return nil }
      return Node(.bind(try variable(arguments[0]), arguments[1], arguments[2]), offset)
    case "optMap", "optFlatMap":
      guard last == 2 else { return nil }
      // The target stands in the tree once, so that chains of these do not grow by powers of two.
      let held: Node = Node(.identifier(Self.held), offset)
      let value: Node = Node(.call("value", target: held, []), offset)
      let body: Node = Node(.bind(try variable(arguments[0]), value, arguments[1]), offset)
      return Node(.bind(Self.held, target, optional(held, body, isFlat: name == "optFlatMap", offset)), offset)
    default: return nil
    }
  }

  /// `target.hasValue() ? (flat ? body : optional.of(body)) : optional.none()`
  static func optional(_ target: Node, _ body: Node, isFlat: Bool, _ offset: Int) -> Node {
    let there: Node = Node(.call("hasValue", target: target, []), offset)
    let some: Node = isFlat ? body : Node(.call("optional.of", target: nil, [body]), offset)
    let none: Node = Node(.call("optional.none", target: nil, []), offset)
    return Node(.call("_?_:_", target: nil, [there, some, none]), offset)
  }
}
