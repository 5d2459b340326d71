// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL
import Testing

/// What mutations of admission policies build.
@Suite struct StructureTests {
  private let environment: CELEnvironment = CELEnvironment(variables: ["object": .dyn, "x": .int], buildsObjects: true)

  private func value(_ text: String) throws -> CELValue {
    var budget: Int = 10_000
    return try environment.compile(text).evaluate(["x": .int(7), "object": .map(CELMap())], budget: &budget)
  }

  @Test(arguments: [
    ("Object{}", "Object"), ("Object{spec: Object.spec{replicas: x}}", "Object"),
    ("x > 1 ? Object{a: 1} : Object{}", "Object"), ("Object.spec{}", "Object.spec"), ("Object{a: 1}.a", "dyn"),
    ("[JSONPatch{op: 'add', path: '/a', value: {'b': [1]}}]", "list(JSONPatch)"),
    ("[JSONPatch{op: 'test', path: '/a'}] + (x > 1 ? [] : [JSONPatch{op: 'remove', path: '/a'}])", "list(JSONPatch)"),
    ("JSONPatch{op: 'add', path: '/a'}.op", "string"), ("jsonpatch.escapeKey('a/b~c')", "string"),
  ])
  func `have types`(text: String, type: String) throws { #expect("\(try environment.compile(text).type)" == type) }

  @Test(arguments: [
    ("Other{}", "undeclared reference to 'Other'"), ("JSONPatch{operation: 'add'}", "undefined field 'operation'"),
    ("JSONPatch{op: 1}", "expected type of field 'op' is 'string' but provided type is 'int'"),
    ("Object{a: nothing}", "undeclared reference to 'nothing'"), ("Object{a 1}", "Syntax error"),
    ("Object{?a}", "Syntax error"),
  ])
  func `are refused`(text: String, message: String) {
    do throws(CELIssues) {
      _ = try environment.compile(text)
      Issue.record("\(text) was taken")
    } catch { #expect(error.description.contains(message), "\(error)") }
  }

  @Test func `are built by mutations alone`() {
    let plain: CELEnvironment = CELEnvironment(variables: [:])
    #expect(throws: CELIssues.self) { try plain.compile("Object{} == Object{}") }
  }

  @Test(arguments: [
    "Object{a: 1} == Object{a: 1}", "Object{a: 1} != Object{a: 2}", "has(Object{a: 1}.a)", "!has(Object{a: 1}.b)",
    "Object{?a: optional.none()} == Object{}", "Object{?a: optional.of(x)} == Object{a: 7}",
    "jsonpatch.escapeKey('a/b~c') == 'a~1b~0c'", "JSONPatch{op: 'add', path: '/a', value: null}.value == null",
  ])
  func `have fields`(text: String) throws { #expect(try value(text) == .bool(true)) }

  @Test(arguments: [
    ("Object{spec: Object.spec{a: [Object.spec.a{b: {'c': Object.spec.a.b{}}}]}}", [] as [String]),
    ("Object{spec: Object.status{}}", ["unexpected type name \"Object.status\", expected \"Object.spec\""]),
    ("Object{spec: [Object{}]}", ["unexpected type name \"Object\", expected \"Object.spec\""]),
  ])
  func `stand where their names say`(text: String, misplaced: [String]) throws {
    guard case .object(let object) = try value(text), let structure: CELStructure = object as? CELStructure else {
      Issue.record("\(text) builds nothing")
      return
    }
    #expect(structure.misplaced.count == misplaced.count)
    for (found, wanted) in zip(structure.misplaced, misplaced) { #expect(found.hasPrefix(wanted)) }
  }
}
