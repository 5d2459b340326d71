// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A regular expression in RE2's syntax.
///
/// All ways through the expression are followed at once, one character of the text after the other, so that no
/// expression takes more time than its length times the text's.
public struct Pattern: Sendable {
  /// Why a pattern cannot be read, in Go's words.
  public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason.
    public let description: String
  }

  private let steps: [PatternStep]

  /// Reads a pattern.
  public init(_ text: String) throws(Failure) {
    if let complaint: String = PatternSyntax.complaint(text) { throw Failure(description: complaint) }
    var parser: PatternParser = PatternParser(text)
    var compiler: PatternCompiler = PatternCompiler()
    do throws(PatternLimit) {
      let tree: PatternTree = try parser.parse()
      try compiler.add(tree)
    } catch { throw Failure(description: "error parsing regexp: \(error.what): `\(text)`") }
    steps = compiler.steps + [.end]
  }

  /// Whether the pattern occurs in a text.
  public func occurs(in text: String) -> Bool {
    var search: PatternSearch = PatternSearch(steps, Array(text.unicodeScalars))
    return search.first(from: 0, isFirstEnough: true) != nil
  }

  /// Where the pattern occurs, in characters from the start; at most `limit` places.
  public func ranges(in text: String, limit: Int = .max) -> [Range<Int>] {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    var search: PatternSearch = PatternSearch(steps, scalars)
    var found: [Range<Int>] = []
    var place: Int = 0
    while found.count < limit, place <= scalars.count, let range: Range<Int> = search.first(from: place, isFirstEnough: false) {
      // An empty place right behind an occurrence is none.
      if !range.isEmpty || found.last?.upperBound != range.lowerBound { found.append(range) }
      place = range.isEmpty ? range.upperBound + 1 : range.upperBound
    }
    return found
  }

  /// The occurrences in a text, at most `limit`.
  public func occurrences(in text: String, limit: Int = .max) -> [String] {
    let scalars: [Unicode.Scalar] = Array(text.unicodeScalars)
    return ranges(in: text, limit: limit).map { String(String.UnicodeScalarView(scalars[$0])) }
  }
}

/// One step of a compiled pattern.
enum PatternStep: Sendable {
  case one(PatternSet)
  case assert(PatternTree.Assertion)
  /// The first way is preferred.
  case fork(Int, Int)
  case jump(Int)
  case end
}

/// Follows all ways through a pattern at once.
private struct PatternSearch {
  private let steps: [PatternStep]
  private let text: [Unicode.Scalar]
  /// In which round a step was entered last.
  private var entered: [Int]
  private var round: Int = 0

  init(_ steps: [PatternStep], _ text: [Unicode.Scalar]) {
    self.steps = steps
    self.text = text
    entered = Array(repeating: -1, count: steps.count)
  }

  /// The leftmost occurrence, by the preferences of the pattern.
  mutating func first(from start: Int, isFirstEnough: Bool) -> Range<Int>? {
    var ways: [(step: Int, start: Int)] = []
    var best: Range<Int>?
    var place: Int = start
    while true {
      round += 1
      var next: [(step: Int, start: Int)] = []
      // Ways of the round before go first: they began further left.
      for way: (step: Int, start: Int) in ways { enter(way.step, way.start, place, &next) }
      if best == nil { enter(0, place, place, &next) }
      if next.isEmpty, best != nil { return best }
      ways = []
      for way: (step: Int, start: Int) in next {
        if case .one(let set) = steps[way.step] {
          if place < text.count, set.contains(text[place]) { ways.append((way.step + 1, way.start)) }
        } else {
          // The end: what is preferred less does not matter any more.
          best = way.start..<place
          break
        }
      }
      if let best, isFirstEnough { return best }
      if place >= text.count { return best }
      if ways.isEmpty, best != nil { return best }
      place += 1
    }
  }

  /// The steps that a way reaches without a character, by preference.
  private mutating func enter(_ step: Int, _ start: Int, _ place: Int, _ ways: inout [(step: Int, start: Int)]) {
    var open: [Int] = [step]
    while let step: Int = open.popLast() {
      if entered[step] == round { continue }
      entered[step] = round
      switch steps[step] {
      case .one, .end: ways.append((step, start))
      case .jump(let target): open.append(target)
      case .fork(let first, let second):
        open.append(second)
        open.append(first)
      case .assert(let assertion): if holds(assertion, place) { open.append(step + 1) }
      }
    }
  }

  private func holds(_ assertion: PatternTree.Assertion, _ place: Int) -> Bool {
    func isWord(_ place: Int) -> Bool { text.indices.contains(place) && PatternSet.word.contains(text[place]) }
    switch assertion {
    case .textStart: return place == 0
    case .textEnd: return place == text.count
    case .lineStart: return place == 0 || text[place - 1] == "\n"
    case .lineEnd: return place == text.count || text[place] == "\n"
    case .wordEdge: return isWord(place - 1) != isWord(place)
    case .noWordEdge: return isWord(place - 1) == isWord(place)
    }
  }
}
