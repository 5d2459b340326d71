// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL
import Testing

@Suite struct LimitTests {
  private static let plain: CELEnvironment = CELEnvironment(variables: ["s": .string, "list": .list(.string)])

  private func estimate(_ text: String, items: UInt64, length: UInt64) throws -> UInt64 {
    try Self.plain.compile(text).estimatedCost { path in
      switch path {
      case ["s"], ["list", "@items"]: length
      case ["list"]: items
      default: nil
      }
    }
  }

  @Test func `loops cost what they hold, as often as they turn`() throws {
    let one: UInt64 = try estimate("list.all(x, x == 'a')", items: 1, length: 10)
    let many: UInt64 = try estimate("list.all(x, x == 'a')", items: 1000, length: 10)
    #expect(many > one * 100)
    #expect(try estimate("list.all(x, list.all(y, x == y))", items: 1000, length: 10) > many * 100)
    #expect(try estimate("s.contains(s)", items: 1, length: 1_000_000) > 1_000_000)
    #expect(try estimate("list.all(x, list.all(y, list.all(z, true)))", items: .max, length: .max) == .max)
  }

  @Test func `a budget ends what is too dear`() {
    let text: String = "items.all(a, items.all(b, items.all(c, a + b + c > 0)))"
    #expect(throws: Never.self) { try evaluate(text, budget: 1000) }
    let error: CELError? = #expect(throws: CELError.self) { try evaluate(text, budget: 50) }
    #expect(error?.isOverBudget == true)
    // What another term would decide does not save it.
    #expect(throws: CELError.self) { try evaluate("\(text) || true", budget: 50) }
  }

  @Test(arguments: [
    String(repeating: "(", count: 20_000), String(repeating: "[", count: 20_000) + "1",
    String(repeating: "!", count: 20_001) + "1", "s" + String(repeating: ".a", count: 20_000),
    "1" + String(repeating: "+1", count: 20_000), "1" + String(repeating: "==1", count: 20_000),
    "list" + String(repeating: ".map(x, x)", count: 5000), String(repeating: "@", count: 50_000),
    "'" + String(repeating: "a", count: 200_000) + "'", String(repeating: "true ? ", count: 5000) + "true",
  ])
  func `huge and deep expressions are refused`(_ text: String) {
    let issues: CELIssues? = #expect(throws: CELIssues.self) { try Self.plain.compile(text) }
    #expect((issues?.description.utf8.count ?? 0) < 10_000_000)
  }

  @Test func `chains of optional macros do not grow by powers of two`() throws {
    let text: String = "optional.of(1)" + String(repeating: ".optMap(v, v + 1)", count: 60) + ".value() == 61"
    #expect(try evaluate(text) == .bool(true))
    #expect(try Self.plain.compile(text).estimatedCost { _ in nil } < 10_000)
  }

  @Test func `results cannot outgrow the budget`() {
    let long: String = "cel.bind(l, '0123456789'.split('').map(a, '0123456789').join(''), "
    for call: String in ["l.replace('', m)", "[m, m, m, m].join(m)", "'%s%s%s'.format([m, m, m])"] {
      let text: String = "\(long)cel.bind(m, l.replace('', l).replace('', l).replace('', l), \(call)))"
      let error: CELError? = #expect(throws: CELError.self) { try evaluate(text) }
      #expect(error?.isOverBudget == true)
    }
  }

  @Test func `hostile patterns end`() throws {
    let text: String = "'\(String(repeating: "a", count: 2000))b'.matches('^(a+)+$')"
    #expect(try evaluate(text) == .bool(false))
  }
}
