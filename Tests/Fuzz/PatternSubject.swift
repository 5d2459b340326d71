// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Patterns

/// Regular expressions of schemas and policies: patterns that are made are compared with a plain matcher, damaged ones
/// are read or refused, and none takes long.
struct PatternSubject: Subject {
  static let name: String = "pattern"

  private static let seeds: [String] = [
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "(a|aa)*$", "(?i)k8s|(?P<name>x+?)", "\\d{1,3}(\\.\\d{1,3}){3}", "[^[:alnum:]_\\]-]+", "^(([^:/?#]+):)?(//([^/?#]*))?",
    "\\p{Greek}\\P{L}", "(?s:.)*", "\\bword\\B", "\\Qa.b\\E+", "[\\x{10FFFF}\\n-\\r]", "a{2,}b{0}c{3,5}", "(((((a*)*)*)*)*)*b", "\\A\\z", "(?U)a+b*",
  ]
  private static let tokens: [String] = [
    "(", ")", "(?:", "(?i)", "(?P<n>", "|", "*", "+", "?", "{2}", "{1,999}", "{,3}", "[", "]", "[^", "-", "^", "$", ".", "\\", "\\d", "\\b", "\\pL", "\\Q", "\\E", "[:alpha:]", "\\x{", "}", "é", "\u{0}",
  ]

  mutating func run(_ random: inout FuzzRandom) throws {
    if random.oneIn(2) { return try damaged(&random) }
    let tree: Tree = Tree.make(&random, depth: 4)
    let text: String = String((0..<random.below(12)).map { _ in random.pick(["a", "b", "c", "é", "\n"] as [Character]) })
    FuzzInput.note(Array("\(tree.text) on \(text)".utf8))
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    let pattern: Pattern = try Pattern(tree.text)
    let starts: [Int] = (0...scalars.count).filter { !tree.ends(scalars, $0).isEmpty }
    try expect(pattern.occurs(in: text) == !starts.isEmpty, "\(tree.text) occurs in \(text): \(pattern.occurs(in: text))")
    let whole: Pattern = try Pattern("^(?:\(tree.text))$")
    let isWhole: Bool = tree.ends(scalars, 0).contains(scalars.count)
    try expect(whole.occurs(in: text) == isWhole, "\(tree.text) is the whole of \(text): \(!isWhole)")
    let ranges: [Range<Int>] = pattern.ranges(in: text)
    try expect(ranges.first?.lowerBound == starts.first, "\(tree.text) begins in \(text) at \(ranges)")
    var last: Int = 0
    for range: Range<Int> in ranges {
      try expect(range.lowerBound >= last, "\(tree.text) occurs in \(text) at \(ranges)")
      try expect(tree.ends(scalars, range.lowerBound).contains(range.upperBound), "\(tree.text) is no \(range) of \(text)")
      last = range.upperBound
    }
  }

  private func damaged(_ random: inout FuzzRandom) throws {
    let input: [UInt8] = Mutation.mutated(Array(random.pick(Self.seeds).utf8), tokens: Self.tokens, &random)
    FuzzInput.note(input)
    let text: String = String(decoding: input, as: UTF8.self)
    let complaint: String? = PatternSyntax.complaint(text)
    guard let pattern: Pattern = try? Pattern(text) else { return }
    try expect(complaint == nil, "\(text) is read in spite of: \(complaint ?? "")")
    let subject: String = random.oneIn(20) ? String(repeating: "a", count: 2000) + "b" : random.word()
    let ranges: [Range<Int>] = pattern.ranges(in: subject, limit: 50)
    try expect(pattern.occurs(in: subject) == !ranges.isEmpty, "\(text) occurs in \(subject) at \(ranges)")
  }
}

/// A pattern whose matches can be found without cleverness.
private indirect enum Tree {
  case empty
  case one(Character)
  case any
  case among([Character], isNegated: Bool)
  case both(Tree, Tree)
  case either(Tree, Tree)
  case times(Tree, Int, Int?, isLazy: Bool)

  static func make(_ random: inout FuzzRandom, depth: Int) -> Tree {
    let letters: [Character] = ["a", "b", "c", "é"]
    guard depth > 0, !random.oneIn(4) else {
      switch random.below(8) {
      case 0: return .empty
      case 1: return .any
      case 2: return .among([random.pick(letters), random.pick(letters)], isNegated: random.oneIn(2))
      default: return .one(random.pick(letters))
      }
    }
    switch random.below(4) {
    case 0: return .either(make(&random, depth: depth - 1), make(&random, depth: depth - 1))
    case 1:
      let least: Int = random.below(3)
      let most: Int? = random.oneIn(2) ? nil : least + random.below(3)
      return .times(make(&random, depth: depth - 1), least, most, isLazy: random.oneIn(3))
    default: return .both(make(&random, depth: depth - 1), make(&random, depth: depth - 1))
    }
  }

  var text: String {
    switch self {
    case .empty: "(?:)"
    case .one(let letter): String(letter)
    case .any: "."
    case .among(let letters, let isNegated): "[\(isNegated ? "^" : "")\(String(letters))]"
    case .both(let left, let right): left.text + right.text
    case .either(let left, let right): "(?:\(left.text)|\(right.text))"
    case .times(let inner, let least, let most, let isLazy):
      "(?:\(inner.text))"
        + (least == 0 && most == nil ? "*" : least == 1 && most == nil ? "+" : "{\(least),\(most.map(String.init) ?? "")}")
        + (isLazy ? "?" : "")
    }
  }

  /// Where a match that starts at a place can end.
  func ends(_ text: [Unicode.Scalar], _ start: Int) -> Set<Int> {
    func step(_ fits: (Character) -> Bool) -> Set<Int> {
      start < text.count && fits(Character(text[start])) ? [start + 1] : []
    }
    switch self {
    case .empty: return [start]
    case .one(let letter): return step { $0 == letter }
    case .any: return step { $0 != "\n" }
    case .among(let letters, let isNegated): return step { letters.contains($0) != isNegated }
    case .both(let left, let right):
      return left.ends(text, start).reduce(into: []) { $0.formUnion(right.ends(text, $1)) }
    case .either(let left, let right): return left.ends(text, start).union(right.ends(text, start))
    case .times(let inner, let least, let most, _):
      var reached: Set<Int> = [start]
      for _ in 0..<least { reached = reached.reduce(into: []) { $0.formUnion(inner.ends(text, $1)) } }
      var all: Set<Int> = reached
      // A round that leads nowhere new is the last; more rounds than characters lead nowhere new.
      for _ in 0..<min(most.map { $0 - least } ?? .max, text.count + 1) {
        reached = reached.reduce(into: []) { $0.formUnion(inner.ends(text, $1)) }
        if all.isSuperset(of: reached) { break }
        all.formUnion(reached)
      }
      return all
    }
  }
}
