// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The type of an expression.
public indirect enum CELType: Sendable, Hashable, CustomStringConvertible {
  /// Known when the expression is evaluated.
  case dyn
  case null, bool, int, uint, double, string, bytes, timestamp, duration
  case list(CELType)
  case map(CELType, CELType)
  /// An object of known fields.
  case object(CELObjectType)
  /// A library's type, with the types of its parameters.
  case opaque(String, [CELType])
  case type
  /// What an overload leaves open.
  case parameter(String)
  /// What could not be checked; fits everywhere, so that one mistake is one message.
  case error

  /// A value of a type that may be there.
  public static func optional(_ type: CELType) -> CELType { .opaque("optional_type", [type]) }

  /// The type as cel-go prints it.
  public var description: String { name }

  var name: String {
    switch self {
    case .dyn: "dyn"
    case .null: "null"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .timestamp: "timestamp"
    case .duration: "duration"
    case .list(let item): "list(\(item.name))"
    case .map(let key, let value): "map(\(key.name), \(value.name))"
    case .object(let object): object.name
    case .opaque(let name, let inner):
      inner.isEmpty ? name : "\(name)(\(inner.map(\.name).joined(separator: ", ")))"
    case .type: "type"
    case .parameter(let name): name
    case .error: "!error!"
    }
  }

  var isDynamic: Bool { self == .dyn || self == .error }
}

/// The fields of an object.
public final class CELObjectType: Sendable, Hashable {
  /// The name that messages show.
  public let name: String
  /// The fields and their types.
  public let fields: [String: CELType]

  /// A type.
  public init(_ name: String, _ fields: [String: CELType]) {
    self.name = name
    self.fields = fields
  }

  public static func == (left: CELObjectType, right: CELObjectType) -> Bool { left === right }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What a comprehension macro does with the items of its range.
enum ComprehensionKind: String, Sendable {
  case all, exists
  case existsOne = "exists_one"
  case map, filter
  case transformList, transformMap, transformMapEntry
}

/// A node of an expression's tree.
final class Node: Sendable {
  indirect enum Kind: Sendable {
    case literal(CELValue)
    case identifier(String)
    /// A field; `isTest` for has(), `isOptional` for `.?`.
    case select(Node, String, isTest: Bool, isOptional: Bool)
    case call(String, target: Node?, [Node])
    case list([Node], optional: Set<Int>)
    case map([(key: Node, value: Node, isOptional: Bool)])
    case structure(String, [(name: String, value: Node, isOptional: Bool)])
    case comprehension(ComprehensionKind, range: Node, first: String, second: String?, filter: Node?, step: Node)
    /// cel.bind, and the optional macros: a variable and what uses it.
    case bind(String, Node, Node)
  }

  let kind: Kind
  /// Where in the text, in characters.
  let offset: Int
  /// How deeply nodes are nested below this one.
  let depth: Int

  init(_ kind: Kind, _ offset: Int) {
    self.kind = kind
    self.offset = offset
    depth = 1 + (Self.children(kind).map(\.depth).max() ?? 0)
  }

  static func children(_ kind: Kind) -> [Node] {
    switch kind {
    case .literal, .identifier: []
    case .select(let operand, _, _, _): [operand]
    case .call(_, let target, let arguments): (target.map { [$0] } ?? []) + arguments
    case .list(let items, _): items
    case .map(let entries): entries.flatMap { [$0.key, $0.value] }
    case .structure(_, let fields): fields.map(\.value)
    case .comprehension(_, let range, _, _, let filter, let step): [range, step] + (filter.map { [$0] } ?? [])
    case .bind(_, let value, let body): [value, body]
    }
  }

  var children: [Node] { Self.children(kind) }
}

/// What is wrong with the text of an expression.
public struct CELIssues: Error, Sendable, CustomStringConvertible {
  struct Issue: Sendable, Hashable { var offset: Int; var message: String }

  /// All complaints, in cel-go's form.
  public let description: String

  init(_ issues: [Issue], in text: String) {
    var seen: Set<Issue> = []
    let sorted: [Issue] = issues.filter { seen.insert($0).inserted }.sorted { $0.offset < $1.offset }
    var parts: [String] = sorted.prefix(Self.countLimit).map { Self.show($0, text) }
    if sorted.count > parts.count { parts.append("\(sorted.count - parts.count) more errors were truncated") }
    description = parts.joined(separator: "\n")
  }

  /// More complaints are only counted.
  private static let countLimit: Int = 100
  /// Longer lines are not shown.
  private static let lineLimit: Int = 16384

  private static func show(_ issue: Issue, _ text: String) -> String {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    var line: Int = 1
    var start: Int = 0
    for place: Int in scalars.indices where place < issue.offset && scalars[place] == "\n" {
      line += 1
      start = place + 1
    }
    let column: Int = max(0, issue.offset - start)
    var end: Int = start
    while end < scalars.count, scalars[end] != "\n" { end += 1 }
    var snippet: String = ""
    for scalar: Unicode.Scalar in scalars[start..<end] { snippet.unicodeScalars.append(scalar == "\t" ? " " : scalar) }
    if end - start > Self.lineLimit { return "ERROR: <input>:\(line):\(column + 1): \(issue.message)" }
    return "ERROR: <input>:\(line):\(column + 1): \(issue.message)\n | \(snippet)\n | "
      + String(repeating: ".", count: column) + "^"
  }
}
