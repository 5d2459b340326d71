// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A set of characters.
struct PatternSet: Sendable {
  static let word: PatternSet = PatternSet([("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")])
  static let digit: PatternSet = PatternSet([("0", "9")])
  static let blank: PatternSet = PatternSet([("\t", "\n"), ("\u{0C}", "\r"), (" ", " ")])
  static let any: PatternSet = PatternSet([]).inverted
  static let anyButNewline: PatternSet = PatternSet([("\n", "\n")]).inverted

  /// Named classes, as in `[[:alpha:]]`.
  static let named: [String: PatternSet] = [
    "alnum": PatternSet([("0", "9"), ("A", "Z"), ("a", "z")]), "alpha": PatternSet([("A", "Z"), ("a", "z")]),
    "ascii": PatternSet([("\u{00}", "\u{7F}")]), "blank": PatternSet([("\t", "\t"), (" ", " ")]),
    "cntrl": PatternSet([("\u{00}", "\u{1F}"), ("\u{7F}", "\u{7F}")]), "digit": digit,
    "graph": PatternSet([("!", "~")]), "lower": PatternSet([("a", "z")]), "print": PatternSet([(" ", "~")]),
    "punct": PatternSet([("!", "/"), (":", "@"), ("[", "`"), ("{", "~")]),
    "space": PatternSet([("\t", "\r"), (" ", " ")]), "upper": PatternSet([("A", "Z")]), "word": word,
    "xdigit": PatternSet([("0", "9"), ("A", "F"), ("a", "f")]),
  ]

  /// General categories of Unicode by the names of `\p{…}`; the short ones hold all that begin with them.
  private static let categories: [Unicode.GeneralCategory: String] = [
    .uppercaseLetter: "Lu", .lowercaseLetter: "Ll", .titlecaseLetter: "Lt", .modifierLetter: "Lm", .otherLetter: "Lo",
    .nonspacingMark: "Mn", .spacingMark: "Mc", .enclosingMark: "Me", .decimalNumber: "Nd", .letterNumber: "Nl",
    .otherNumber: "No", .connectorPunctuation: "Pc", .dashPunctuation: "Pd", .openPunctuation: "Ps",
    .closePunctuation: "Pe", .initialPunctuation: "Pi", .finalPunctuation: "Pf", .otherPunctuation: "Po",
    .mathSymbol: "Sm", .currencySymbol: "Sc", .modifierSymbol: "Sk", .otherSymbol: "So", .spaceSeparator: "Zs",
    .lineSeparator: "Zl", .paragraphSeparator: "Zp", .control: "Cc", .format: "Cf", .surrogate: "Cs",
    .privateUse: "Co",
  ]

  private var ranges: [(low: Unicode.Scalar, high: Unicode.Scalar)]
  private var parts: [PatternSet] = []
  private var category: String?
  private var isInverted: Bool = false
  private var foldsCase: Bool = false

  init(_ ranges: [(Unicode.Scalar, Unicode.Scalar)]) { self.ranges = ranges.map { (low: $0.0, high: $0.1) } }

  init(category: String) {
    ranges = []
    self.category = category
  }

  /// Whether there is such a category.
  static func isCategory(_ name: String) -> Bool { name == "Any" || categories.values.contains { $0.hasPrefix(name) } }

  var inverted: PatternSet {
    var copy: PatternSet = self
    copy.isInverted.toggle()
    return copy
  }

  var folded: PatternSet {
    var copy: PatternSet = self
    copy.foldsCase = true
    return copy
  }

  mutating func add(_ low: Unicode.Scalar, _ high: Unicode.Scalar) { ranges.append((low: low, high: high)) }
  mutating func add(_ part: PatternSet) { parts.append(part) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    var isThere: Bool = holds(scalar)
    if !isThere, foldsCase {
      let properties: Unicode.Scalar.Properties = scalar.properties
      for text: String in [properties.lowercaseMapping, properties.uppercaseMapping] {
        if let other: Unicode.Scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1, other != scalar {
          isThere = isThere || holds(other)
        }
      }
    }
    return isThere != isInverted
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    for range in ranges where range.low <= scalar && scalar <= range.high { return true }
    if let category {
      if category == "Any" { return true }
      if Self.categories[scalar.properties.generalCategory]?.hasPrefix(category) == true { return true }
    }
    for part: PatternSet in parts where part.contains(scalar) { return true }
    return false
  }
}
