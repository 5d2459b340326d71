// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A pattern as a tree.
indirect enum PatternTree: Sendable {
  enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, wordEdge, noWordEdge }

  case one(PatternSet)
  case assert(Assertion)
  case sequence([PatternTree])
  case choice([PatternTree])
  /// At least, at most (no bound where nil), and whether as few as possible are preferred.
  case many(PatternTree, Int, Int?, isLazy: Bool)
}

/// A pattern is larger than patterns may be.
struct PatternLimit: Error {
  let what: String
  static let depth: PatternLimit = PatternLimit(what: "expression nests too deeply")
  static let size: PatternLimit = PatternLimit(what: "expression too large")
}

/// Reads a pattern that `PatternSyntax` has found well-formed.
struct PatternParser {
  /// Groups in groups.
  private static let depthLimit: Int = 250

  private struct Flags {
    var foldsCase: Bool = false
    var isMultiline: Bool = false
    var dotIsAny: Bool = false
    var isLazy: Bool = false
  }

  private let scalars: [Unicode.Scalar]
  private var place: Int = 0
  private var flags: Flags = Flags()
  private var depth: Int = 0

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  private var current: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    place += 1
    return true
  }

  mutating func parse() throws(PatternLimit) -> PatternTree {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthLimit { throw .depth }
    let outer: Flags = flags
    defer { flags = outer }
    var ways: [PatternTree] = []
    repeat { ways.append(try sequence()) } while take("|")
    return ways.count == 1 ? ways[0] : .choice(ways)
  }

  private mutating func sequence() throws(PatternLimit) -> PatternTree {
    var parts: [PatternTree] = []
    while let scalar: Unicode.Scalar = current, scalar != "|", scalar != ")" {
      let isQuote: Bool = scalar == "\\" && place + 1 < scalars.count && scalars[place + 1] == "Q"
      if isQuote {
        quoted(&parts)
      } else if let atom: PatternTree = try atom() {
        parts.append(atom)
      } else {
        continue
      }
      if let last: PatternTree = parts.popLast() { parts.append(repeated(last)) }
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  /// `\Q…\E`
  private mutating func quoted(_ parts: inout [PatternTree]) {
    place += 2
    while place < scalars.count {
      if scalars[place] == "\\", place + 1 < scalars.count, scalars[place + 1] == "E" {
        place += 2
        return
      }
      parts.append(literal(scalars[place]))
      place += 1
    }
  }

  private func literal(_ scalar: Unicode.Scalar) -> PatternTree { .one(folded(PatternSet([(scalar, scalar)]))) }
  private func folded(_ set: PatternSet) -> PatternSet { flags.foldsCase ? set.folded : set }

  private mutating func repeated(_ atom: PatternTree) -> PatternTree {
    let (least, most): (Int, Int?)
    switch current {
    case "*": (least, most) = (0, nil)
    case "+": (least, most) = (1, nil)
    case "?": (least, most) = (0, 1)
    case "{":
      guard let bounds: (Int, Int?, Int) = PatternSyntax.counts(scalars, at: place) else { return atom }
      (least, most) = (bounds.0, bounds.1)
      place = bounds.2 - 1
    default: return atom
    }
    place += 1
    let isLazy: Bool = take("?") != flags.isLazy
    return .many(atom, least, most, isLazy: isLazy)
  }

  /// The next part; nil where it says nothing but flags.
  private mutating func atom() throws(PatternLimit) -> PatternTree? {
    let scalar: Unicode.Scalar = scalars[place]
    place += 1
    switch scalar {
    case ".": return .one(flags.dotIsAny ? .any : .anyButNewline)
    case "^": return .assert(flags.isMultiline ? .lineStart : .textStart)
    case "$": return .assert(flags.isMultiline ? .lineEnd : .textEnd)
    case "[": return .one(bracket())
    case "(": return try group()
    case "\\": return escape()
    default: return literal(scalar)
    }
  }

  private mutating func group() throws(PatternLimit) -> PatternTree? {
    let outer: Flags = flags
    if take("?") {
      if current == "P" || current == "<" {
        while let scalar: Unicode.Scalar = current, scalar != ">" { _ = scalar; place += 1 }
        place += 1
      } else {
        setFlags()
        // Flags alone hold until the group around them ends.
        if take(")") { return nil }
        _ = take(":")
      }
    }
    let inner: PatternTree = try parse()
    _ = take(")")
    flags = outer
    return .sequence([inner])
  }

  private mutating func setFlags() {
    var isOn: Bool = true
    while let scalar: Unicode.Scalar = current, scalar != ":", scalar != ")" {
      place += 1
      switch scalar {
      case "-": isOn = false
      case "i": flags.foldsCase = isOn
      case "m": flags.isMultiline = isOn
      case "s": flags.dotIsAny = isOn
      case "U": flags.isLazy = isOn
      default: break
      }
    }
  }

  private mutating func escape() -> PatternTree {
    switch current {
    case "A": place += 1; return .assert(.textStart)
    case "z": place += 1; return .assert(.textEnd)
    case "b": place += 1; return .assert(.wordEdge)
    case "B": place += 1; return .assert(.noWordEdge)
    case "E": place += 1; return .sequence([])
    default: break
    }
    if let set: PatternSet = classEscape() { return .one(folded(set)) }
    return literal(character())
  }

  /// `\d`, `\pL` and such, behind the backslash.
  private mutating func classEscape() -> PatternSet? {
    guard let letter: Unicode.Scalar = current else { return nil }
    place += 1
    switch letter {
    case "d": return .digit
    case "D": return PatternSet.digit.inverted
    case "s": return .blank
    case "S": return PatternSet.blank.inverted
    case "w": return .word
    case "W": return PatternSet.word.inverted
    case "p", "P":
      var name: String = current.map { String($0) } ?? ""
      place += 1
      if name == "{" {
        let close: Int = scalars[min(place, scalars.count)...].firstIndex(of: "}") ?? scalars.count
        name = String(String.UnicodeScalarView(scalars[min(place, close)..<close]))
        place = close + 1
      }
      let isNegated: Bool = name.hasPrefix("^")
      let set: PatternSet = PatternSet(category: isNegated ? String(name.dropFirst()) : name)
      return isNegated != (letter == "P") ? set.inverted : set
    default:
      place -= 1
      return nil
    }
  }

  /// A character behind a backslash.
  private mutating func character() -> Unicode.Scalar {
    guard let letter: Unicode.Scalar = current else { return "\\" }
    place += 1
    let plain: [Unicode.Scalar: Unicode.Scalar] = [
      "a": "\u{07}", "f": "\u{0C}", "t": "\t", "n": "\n", "r": "\r", "v": "\u{0B}",
    ]
    if let scalar: Unicode.Scalar = plain[letter] { return scalar }
    func value(_ digits: ArraySlice<Unicode.Scalar>, _ radix: Int) -> Unicode.Scalar {
      UInt32(String(String.UnicodeScalarView(digits)), radix: radix).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
    }
    if letter == "x" {
      if take("{") {
        let close: Int = scalars[place...].firstIndex(of: "}") ?? scalars.count
        defer { place = min(close + 1, scalars.count) }
        return value(scalars[place..<close], 16)
      }
      let end: Int = min(place + 2, scalars.count)
      defer { place = end }
      return value(scalars[place..<end], 16)
    }
    if ("0"..."7").contains(letter) {
      let start: Int = place - 1
      while place < scalars.count, place - start < 3, ("0"..."7").contains(scalars[place]) { place += 1 }
      return value(scalars[start..<place], 8)
    }
    return letter
  }

  private mutating func bracket() -> PatternSet {
    var set: PatternSet = PatternSet([])
    let isNegated: Bool = take("^")
    var isFirst: Bool = true
    while let scalar: Unicode.Scalar = current, scalar != "]" || isFirst {
      isFirst = false
      if let named: PatternSet = namedClass() {
        set.add(named)
        continue
      }
      place += 1
      var low: Unicode.Scalar = scalar
      if scalar == "\\" {
        if let inner: PatternSet = classEscape() {
          set.add(inner)
          continue
        }
        low = character()
      }
      var high: Unicode.Scalar = low
      if current == "-", place + 1 < scalars.count, scalars[place + 1] != "]" {
        place += 1
        high = scalars[place]
        place += 1
        if high == "\\" { high = character() }
      }
      set.add(low, high)
    }
    place += 1
    let whole: PatternSet = folded(set)
    return isNegated ? whole.inverted : whole
  }

  /// `[:alpha:]` within brackets.
  private mutating func namedClass() -> PatternSet? {
    guard current == "[", place + 1 < scalars.count, scalars[place + 1] == ":",
      let close: Int = scalars[(place + 2)...].firstIndex(of: ":"), close + 1 < scalars.count, scalars[close + 1] == "]"
    else { return nil }
    let name: String = String(String.UnicodeScalarView(scalars[(place + 2)..<close]))
    let isNegated: Bool = name.hasPrefix("^")
    guard let set: PatternSet = PatternSet.named[isNegated ? String(name.dropFirst()) : name] else { return nil }
    place = close + 2
    return isNegated ? set.inverted : set
  }
}

/// Turns a tree into steps.
struct PatternCompiler {
  /// Larger patterns are refused; Go's limit on repeats leads to about as many.
  private static let sizeLimit: Int = 100_000

  private(set) var steps: [PatternStep] = []
  /// Repeats of nothing make no steps, but take time all the same.
  private var parts: Int = 0

  mutating func add(_ tree: PatternTree) throws(PatternLimit) {
    parts += 1
    if parts > Self.sizeLimit { throw .size }
    switch tree {
    case .one(let set): steps.append(.one(set))
    case .assert(let assertion): steps.append(.assert(assertion))
    case .sequence(let parts): for part: PatternTree in parts { try add(part) }
    case .choice(let ways): try choose(ways[...])
    case .many(let inner, let least, let most, let isLazy):
      for _ in 0..<least { try add(inner) }
      guard let most else { return try loop(inner, isLazy: isLazy) }
      var forks: [Int] = []
      for _ in 0..<max(0, most - least) {
        forks.append(steps.count)
        steps.append(.end)
        try add(inner)
      }
      for fork: Int in forks { steps[fork] = Self.fork(fork + 1, steps.count, isLazy: isLazy) }
    }
  }

  private static func fork(_ on: Int, _ past: Int, isLazy: Bool) -> PatternStep { isLazy ? .fork(past, on) : .fork(on, past) }

  private mutating func loop(_ inner: PatternTree, isLazy: Bool) throws(PatternLimit) {
    let start: Int = steps.count
    steps.append(.end)
    try add(inner)
    steps.append(.jump(start))
    steps[start] = Self.fork(start + 1, steps.count, isLazy: isLazy)
  }

  private mutating func choose(_ ways: ArraySlice<PatternTree>) throws(PatternLimit) {
    var jumps: [Int] = []
    for (place, way) in zip(ways.indices, ways) {
      let fork: Int = steps.count
      let isLast: Bool = place == ways.endIndex - 1
      if !isLast { steps.append(.end) }
      try add(way)
      if isLast { break }
      jumps.append(steps.count)
      steps.append(.end)
      steps[fork] = .fork(fork + 1, steps.count)
    }
    for jump: Int in jumps { steps[jump] = .jump(steps.count) }
  }
}
