// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL
import Testing

/// Evaluates an expression with a few variables.
func evaluate(_ text: String, budget: Int = 1_000_000) throws -> CELValue {
  var map: CELMap = CELMap()
  map[.string("name")] = .string("web")
  map[.string("ports")] = .list([.int(80), .int(443)])
  let environment: CELEnvironment = CELEnvironment(variables: ["x": .int, "items": .list(.int), "object": .dyn])
  var budget: Int = budget
  return try environment.compile(text).evaluate(
    ["x": .int(7), "items": .list([.int(3), .int(1), .int(2)]), "object": .map(map)], budget: &budget)
}

@Suite struct EvaluationTests {
  @Test(arguments: [
    "1 + 2 * 3 == 7", "(1 + 2) * 3 == 9", "7 / 2 == 3", "-7 / 2 == -3", "7 % 3 == 1", "-x == -7", "!false", "!!true",
    "1.5 + 0.25 == 1.75", "2u * 3u == 6u", "0x1F == 31", "1e3 == 1000.0", "1 < 2u", "dyn(1) == 1.0", "dyn(1) == 1u",
    "'a' + \"b\" == 'ab'", "'a' < 'b'", "b'ab' + b'c' == b'abc'", "[1] + [2] == [1, 2]", "r'\\d' == '\\\\d'",
    "'\\u00e4\\x41\\101' == 'äAA'", "'''a\nb''' == 'a\\nb'", "true || 1 / 0 == 1", "1 / 0 == 1 || true", "!(false && 1 / 0 == 1)",
    "x > 5 ? true : 1 / 0 == 0", "3 in items", "!(4 in items)", "'name' in object", "object.name == 'web'",
    "object['name'] == 'web'", "object.ports[1] == 443", "has(object.name)", "!has(object.other)",
    "{'a': 1}.a == 1", "{'a': 1} == {'a': 1}", "size('äö') == 2", "size({'a': 1}) == 1", "[1, 2].size() == 2",
    "type(1) == int", "type('a') == string", "type(null) == null_type", "null == null",
  ])
  func `the language has its operators`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    "items.all(i, i > 0)", "items.exists(i, i == 2)", "items.exists_one(i, i > 2)", "items.map(i, i * 2) == [6, 2, 4]",
    "items.map(i, i > 1, i * 2) == [6, 4]", "items.filter(i, i > 1) == [3, 2]", "{'a': 1, 'b': 2}.all(k, k != 'c')",
    "[].all(i, 1 / i == 0)", "![].exists(i, true)", "[0, 1].exists(i, 1 / i == 1)", "![1, 0].all(i, 1 / i == 2)",
    "['a', 'b'].all(i, v, i < 2 && v != 'c')", "['a'].transformList(i, v, v + string(i)) == ['a0']",
    "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}", "{'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
    "cel.bind(y, x + 1, y * y) == 64",
  ])
  func `macros range over lists and maps`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    "object.?name.orValue('none') == 'web'", "object.?other.orValue('none') == 'none'", "!object.?a.b.c.hasValue()",
    "object[?'name'].value() == 'web'", "items[?9] == optional.none()", "optional.of(1).or(optional.of(2)).value() == 1",
    "optional.none().or(optional.of(2)).value() == 2", "[?optional.none(), 1] == [1]", "{?'a': optional.of(1)} == {'a': 1}",
    "optional.ofNonZeroValue('') == optional.none()", "object.?name.optMap(n, n + '!').value() == 'web!'",
    "!object.?other.optMap(n, n + '!').hasValue()", "object.?name.optFlatMap(n, optional.of(n)).value() == 'web'",
  ])
  func `optional values may be missing`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    "int('7') == 7", "int(7.9) == 7", "uint(7) == 7u", "double('1.5') == 1.5", "string(7) == '7'", "string(true) == 'true'",
    "string(1.5) == '1.5'", "bool('true')", "bytes('ä') == b'ä'", "string(b'a') == 'a'", "duration('1h30m') == duration('90m')",
    "duration('1.5s').getMilliseconds() == 1500", "string(duration('90m')) == '5400s'",
    "timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T00:00:00Z') == duration('24h')",
    "timestamp('2024-02-29T12:30:05.25Z').getMilliseconds() == 250", "timestamp('2024-02-29T00:00:00Z').getDate() == 29",
    "timestamp('2024-02-29T00:00:00Z').getDayOfWeek() == 4", "timestamp('2024-02-29T23:00:00Z').getHours('+02:00') == 1",
    "timestamp('2024-12-31T00:00:00Z').getDayOfYear() == 365",
    "string(timestamp('2024-02-29T01:00:00+01:00')) == '2024-02-29T00:00:00Z'",
    "timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-01T00:00:01Z')",
  ])
  func `values convert, and times count`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    ("1 / 0", "division by zero"), ("1 % 0", "modulus by zero"), ("9223372036854775807 + 1", "integer overflow"),
    ("-9223372036854775808 - 1", "integer overflow"), ("0u - 1u", "unsigned integer overflow"), ("items[3]", "index out of bounds: 3"),
    ("object.other", "no such key: other"), ("int('a')", "type conversion error from 'string' to 'int'"),
    ("object.name > 1", "no such overload"), ("optional.none().value()", "optional.none() dereference"),
    ("{'a': 1, 'a': 2}", "Failed with repeated key"), ("'a'.matches('(')", "error parsing regexp: missing closing ): `(`"),
    ("timestamp('2026-02-30T00:00:00Z')", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
    ("int(1e300)", "integer overflow"), ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
  ])
  func `what has no value is an error`(_ text: String, _ words: String) {
    let error: CELError? = #expect(throws: CELError.self) { try evaluate(text) }
    #expect(error?.description == words)
  }
}
