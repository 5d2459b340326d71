// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL
import Testing

@Suite struct CheckingTests {
  private static let environment: CELEnvironment = CELEnvironment(variables: [
    "self": .object(CELObjectType("object", ["name": .string, "replicas": .int, "labels": .map(.string, .string)])),
    "list": .list(.string),
  ])

  @Test(arguments: [
    ("self.other", "ERROR: <input>:1:5: undefined field 'other'\n | self.other\n | ....^"),
    ("nothing == 1", "undeclared reference to 'nothing' (in container '')"),
    ("self.replicas + 'a'", "found no matching overload for '_+_' applied to '(int, string)'"),
    ("self.name.size(1)", "found no matching overload for 'size' applied to 'string.(int)'"),
    ("self.replicas == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
    ("self.name.all(c, true)", "expression of type 'string' cannot be range of a comprehension"),
    ("unheard(1)", "undeclared reference to 'unheard'"), ("1 +", "Syntax error: mismatched input '<EOF>'"),
    ("has(1)", "invalid argument to has() macro"), ("'open", "Syntax error: token recognition error"),
    ("if == 1", "reserved identifier: if"), ("99999999999999999999", "invalid int literal"),
    ("a\n  .b", "<input>:1:1: undeclared reference to 'a'"), ("list.exists(i, i, true)", "1:16: duplicate variable name: i"),
    ("list.all(1, true)", "argument must be a simple name"),
  ])
  func `what does not fit is refused with its place`(_ text: String, _ words: String) {
    let issues: CELIssues? = #expect(throws: CELIssues.self) { try Self.environment.compile(text) }
    #expect(issues?.description.contains(words) == true, "\(issues?.description ?? "")")
  }

  @Test(arguments: [
    ("self.replicas", CELType.int), ("self.labels['a']", .string), ("self.labels", .map(.string, .string)), ("list[0]", .string),
    ("list.map(s, size(s))", .list(.int)), ("list.exists(s, s == '')", .bool), ("1 < 2 ? 'a' : 'b'", .string), ("dyn(1)", .dyn),
    ("self.?name", .optional(.string)), ("[1, 'a'][0]", .dyn), ("duration('1s') + duration('1s')", .duration),
    ("true ? 1 : dyn('a')", .dyn), ("true ? dyn('a') : 1", .dyn),
  ])
  func `expressions have types`(_ text: String, _ type: CELType) throws {
    #expect(try Self.environment.compile(text).type == type)
  }

  @Test func `variables of macros hide others`() throws {
    let program: CELProgram = try Self.environment.compile("list.all(self, self != '')")
    #expect(!program.uses("self"))
    #expect(program.uses("list"))
  }
}
