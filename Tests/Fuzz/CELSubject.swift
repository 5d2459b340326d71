// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL

/// Expressions of policies and of custom resources' rules, on objects: whoever may write a policy may write anything.
struct CELSubject: Subject {
  static let name: String = "cel"
  /// As one rule may cost.
  private static let budget: Int = 1_000_000

  private static let seeds: [String] = [
    "object.spec.replicas <= 5 && has(object.metadata.labels) && object.metadata.labels.app.startsWith('w')",
    "items.all(i, i > 0) || items.exists(i, items.filter(j, j == i).size() > 1)",
    "items.map(i, i * 2).sum() + x - -9223372036854775808 % 7", "[1, 2, 3].transformMap(i, v, v * 2) == {0: 2, 1: 4, 2: 6}",
    "text.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') ? text.split('-').join('/') : text.replace('a', 'bb', 3).substring(1)",
    "object.?spec.?missing.orValue(optional.of(3).value()) == 3 && cel.bind(y, x + 1, y * y) > 4",
    "duration('1h30m') + timestamp('2026-02-28T23:59:59.5Z') < timestamp('2026-03-01T00:00:00+01:00')",
    "quantity('1.5Gi').add(quantity('512Mi')).isGreaterThan(quantity('1G')) && ip('fd00::1').family() == 6",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && url('https://a:80/b?c=d').getQuery()['c'][0] == 'd'",
    "Object{spec: Object.spec{replicas: x, ?name: optional.of(text)}}", "semver('1.2.3-a').compareTo(semver('1.2.3')) < 0",
    "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey(text), value: {'b': [1.5, null, b'c']}}]",
    "'%s has %d of %.2f, %x and %b'.format([text, x, 1.5, 255, 5]) + strings.quote(text) + string(type(x))",
    "items.map(a, items.map(b, items.map(c, items.map(d, a + b + c + d))))", "text + text + text + text == text.reverse()",
    "{'a': {'b': [1, {'c': 2u}]}}.a.b[1]['c'] == 2u ? -0.0 / 0.0 : 1e308 * 10.0", "sets.intersects(items, [x]) != (x in items)",
  ]
  private static let tokens: [String] = [
    " + ", " - ", " * ", " / ", " % ", " && ", " || ", "!", " ? ", " : ", "(", ")", "[", "]", "{", "}", ".", ",", ".?", "[?",
    " == ", " != ", " < ", " in ", "x", "items", "text", "object", "null", "true", "1", "2u", "1.5", "'a'", "b'a'", "r'\\'",
    "'''", "\\u00e4", "\\x", "//", "\n", "i, ", ".all(i, ", ".map(i, ", ".exists(i, ", "size(", "string(", "int(", "dyn(", ".size()",
    "9223372036854775807", "-9223372036854775808", "0x", "1e999", "Object{", "JSONPatch{op: 'test'}", "type(", "duration('", "é", "\u{0}",
  ]

  private let environment: CELEnvironment = CELEnvironment(
    variables: ["object": .dyn, "x": .int, "items": .list(.int), "text": .string], buildsObjects: true)

  mutating func run(_ random: inout FuzzRandom) throws {
    let text: String
    if random.oneIn(3) {
      text = Self.expression(&random, depth: 5)
      FuzzInput.note(Array(text.utf8))
    } else {
      let input: [UInt8] = Mutation.mutated(Array(random.pick(Self.seeds).utf8), tokens: Self.tokens, &random)
      FuzzInput.note(input)
      text = String(decoding: input, as: UTF8.self)
    }
    guard let program: CELProgram = try? environment.compile(text) else { return }
    _ = program.estimatedCost { path in path.count < 3 ? 10 : nil }
    let bindings: [String: CELValue] = Self.bindings(&random)
    let (first, cost): (String, Int) = try evaluated(program, bindings, Self.budget)
    let (again, sameCost): (String, Int) = try evaluated(program, bindings, Self.budget)
    try expect(first == again && cost == sameCost, "\(text) is \(first) for \(cost), then \(again) for \(sameCost)")
    // What an evaluation cost is enough for it, and nothing is found for less.
    if cost > 1, cost <= Self.budget {
      try expect(try evaluated(program, bindings, cost).value == first, "\(text) needs more than the \(cost) that it costs")
      let (less, _): (String, Int) = try evaluated(program, bindings, cost - 1)
      try expect(less == "over budget", "\(text) is \(less) for less than the \(cost) that it costs")
    }
  }

  /// The value, or why there is none, as text; and what it cost.
  private func evaluated(
    _ program: CELProgram, _ bindings: [String: CELValue], _ budget: Int
  ) throws -> (value: String, cost: Int) {
    var rest: Int = budget
    do throws(CELError) {
      let value: CELValue = try program.evaluate(bindings, budget: &rest)
      try check(value, program)
      return ("\(value)", budget - rest)
    } catch { return (error.isOverBudget ? "over budget" : "error \(error)", budget - rest) }
  }

  /// A value has the type that was found without it.
  private func check(_ value: CELValue, _ program: CELProgram) throws(CELError) {
    let fits: Bool =
      switch (program.type, value) {
      case (.bool, .bool), (.int, .int), (.uint, .uint), (.double, .double), (.string, .string), (.bytes, .bytes),
        (.list, .list), (.map, .map), (.timestamp, .timestamp), (.duration, .duration), (.null, .null), (.type, .type):
        true
      case (.bool, _), (.int, _), (.uint, _), (.double, _), (.string, _), (.bytes, _), (.timestamp, _), (.duration, _), (.list, _),
        (.map, _):
        false
      default: true
      }
    if !fits { fail("fuzz cel: \(program.text) is a \(value.typeName), not a \(program.type)") }
  }

  private static func bindings(_ random: inout FuzzRandom) -> [String: CELValue] {
    var labels: CELMap = CELMap()
    labels[.string("app")] = .string(random.word())
    var spec: CELMap = CELMap()
    spec[.string("replicas")] = .int(random.integer())
    var object: CELMap = CELMap()
    var metadata: CELMap = CELMap()
    metadata[.string("labels")] = .map(labels)
    object[.string("metadata")] = .map(metadata)
    object[.string("spec")] = .map(spec)
    let items: [CELValue] = (0..<random.below(12)).map { _ in .int(random.integer()) }
    return ["object": .map(object), "x": .int(random.integer()), "items": .list(items), "text": .string(random.word())]
  }

  /// An expression that is well formed, and mostly of fitting types.
  private static func expression(_ random: inout FuzzRandom, depth: Int) -> String {
    func inner() -> String { expression(&random, depth: depth - 1) }
    guard depth > 0, !random.oneIn(5) else {
      return random.pick(["x", "items", "text", "object", "object.spec.replicas", "\(random.integer())", "'\(random.below(99))'", "1.5", "true", "[]", "{}", "null", "7u"])
    }
    switch random.below(9) {
    case 0: return "(\(inner()) \(random.pick(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"])) \(inner()))"
    case 1: return "(\(inner()) ? \(inner()) : \(inner()))"
    case 2: return "[\(inner()), \(inner())]"
    case 3: return "{\(inner()): \(inner())}"
    case 4: return "\(inner()).\(random.pick(["all", "exists", "exists_one", "map", "filter"]))(i, \(inner()))"
    case 5: return "\(random.pick(["size", "string", "int", "double", "type", "dyn", "uint", "bytes", "!", "-"]))(\(inner()))"
    case 6: return "\(inner())[\(inner())]"
    case 7: return "\(inner()).\(random.pick(["startsWith", "contains", "split", "matches", "indexOf", "charAt", "join"]))(\(inner()))"
    default: return "cel.bind(i, \(inner()), \(inner()) == i)"
    }
  }
}
