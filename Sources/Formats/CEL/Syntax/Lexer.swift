// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A word of an expression's text.
struct Token: Sendable {
  enum Kind: Sendable, Hashable {
    case identifier, quotedIdentifier, symbol, int, uint, double, string, bytes, end
  }

  var kind: Kind
  /// The text as written; of strings what they say.
  var text: String
  var bytes: [UInt8] = []
  var offset: Int
  /// The text as written.
  var source: String
}

/// Cuts an expression's text into words.
struct Lexer {
  private static let symbols: [String] = [
    "&&", "||", "==", "!=", "<=", ">=", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%",
    "<", ">",
  ]

  private let scalars: [Unicode.Scalar]
  private var place: Int = 0
  private(set) var issues: [CELIssues.Issue] = []

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func tokens() -> [Token] {
    var result: [Token] = []
    while let token: Token = next() { result.append(token) }
    result.append(Token(kind: .end, text: "", offset: scalars.count, source: "<EOF>"))
    return result
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    place + ahead < scalars.count ? scalars[place + ahead] : nil
  }

  private func text(_ start: Int) -> String {
    var text: String = ""
    text.unicodeScalars.append(contentsOf: scalars[start..<place])
    return text
  }

  private mutating func skipBlanks() {
    while let scalar: Unicode.Scalar = peek() {
      if [" ", "\t", "\n", "\r", "\u{0C}"].contains(scalar) {
        place += 1
      } else if scalar == "/", peek(1) == "/" {
        while let inner: Unicode.Scalar = peek(), inner != "\n" { _ = inner; place += 1 }
      } else {
        return
      }
    }
  }

  private mutating func next() -> Token? {
    while true {
      skipBlanks()
      guard let first: Unicode.Scalar = peek() else { return nil }
      let start: Int = place
      if let string: Token = stringToken() { return string }
      if Self.isLetter(first) {
        while let scalar: Unicode.Scalar = peek(), Self.isLetter(scalar) || Self.isDigit(scalar) { _ = scalar; place += 1 }
        return Token(kind: .identifier, text: text(start), offset: start, source: text(start))
      }
      if Self.isDigit(first) || (first == "." && peek(1).map(Self.isDigit) == true) { return number() }
      if first == "`" {
        place += 1
        while let scalar: Unicode.Scalar = peek(), scalar != "`", scalar != "\n" { _ = scalar; place += 1 }
        let name: String = String(text(start).dropFirst())
        if peek() == "`" {
          place += 1
          return Token(kind: .quotedIdentifier, text: name, offset: start, source: text(start))
        }
      }
      if let symbol: String = Self.symbols.first(where: matches) {
        place += symbol.unicodeScalars.count
        return Token(kind: .symbol, text: symbol, offset: start, source: symbol)
      }
      place = max(place, start + 1)
      issues.append(.init(offset: start, message: "Syntax error: token recognition error at: '\(text(start))'"))
    }
  }

  private func matches(_ symbol: String) -> Bool {
    for (ahead, scalar) in symbol.unicodeScalars.enumerated() where peek(ahead) != scalar { return false }
    return true
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    (scalar >= "a" && scalar <= "z") || (scalar >= "A" && scalar <= "Z") || scalar == "_"
  }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

  private mutating func digits(_ isDigit: (Unicode.Scalar) -> Bool) {
    while let scalar: Unicode.Scalar = peek(), isDigit(scalar) { _ = scalar; place += 1 }
  }

  private mutating func number() -> Token {
    let start: Int = place
    var kind: Token.Kind = .int
    if peek() == "0", peek(1) == "x" {
      place += 2
      digits { $0.properties.isASCIIHexDigit }
    } else {
      digits(Self.isDigit)
      if peek() == ".", peek(1).map(Self.isDigit) == true {
        kind = .double
        place += 1
        digits(Self.isDigit)
      }
      if peek() == "e" || peek() == "E" {
        let sign: Int = peek(1) == "+" || peek(1) == "-" ? 1 : 0
        if peek(1 + sign).map(Self.isDigit) == true {
          kind = .double
          place += 1 + sign
          digits(Self.isDigit)
        }
      }
    }
    let value: String = text(start)
    if kind == .int, peek() == "u" || peek() == "U" {
      kind = .uint
      place += 1
    }
    return Token(kind: kind, text: value, offset: start, source: text(start))
  }

  /// A string with its prefixes, or nil where there is none.
  private mutating func stringToken() -> Token? {
    let start: Int = place
    var isRaw: Bool = false
    var isBytes: Bool = false
    var at: Int = 0
    while let letter: Unicode.Scalar = peek(at), at < 2 {
      if letter == "r" || letter == "R", !isRaw { isRaw = true } else if letter == "b" || letter == "B", !isBytes { isBytes = true } else { break }
      at += 1
    }
    guard let quote: Unicode.Scalar = peek(at), quote == "'" || quote == "\"" else { return nil }
    place += at + 1
    let isTriple: Bool = peek() == quote && peek(1) == quote
    if isTriple { place += 2 }
    var value: StringBuilder = StringBuilder(isBytes: isBytes)
    while let scalar: Unicode.Scalar = peek() {
      if scalar == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
        place += isTriple ? 3 : 1
        return Token(
          kind: isBytes ? .bytes : .string, text: value.text, bytes: value.bytes, offset: start, source: text(start))
      }
      if scalar == "\n", !isTriple { break }
      place += 1
      if scalar == "\\", !isRaw {
        if !escape(&value) { break }
      } else {
        if scalar == "\\", peek() == quote, isRaw { place += 0 }
        value.append(scalar)
      }
    }
    issues.append(.init(offset: start, message: "Syntax error: token recognition error at: '\(text(start))'"))
    return Token(kind: .string, text: value.text, offset: start, source: text(start))
  }

  private mutating func escape(_ value: inout StringBuilder) -> Bool {
    guard let letter: Unicode.Scalar = peek() else { return false }
    place += 1
    func code(_ count: Int, _ radix: Int, _ from: Int) -> UInt32? {
      guard from + count <= scalars.count else { return nil }
      var digits: String = ""
      digits.unicodeScalars.append(contentsOf: scalars[from..<(from + count)])
      return UInt32(digits, radix: radix)
    }
    let plain: [Unicode.Scalar: Unicode.Scalar] = [
      "a": "\u{07}", "b": "\u{08}", "f": "\u{0C}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{0B}", "\\": "\\", "'": "'",
      "\"": "\"", "`": "`", "?": "?",
    ]
    if let scalar: Unicode.Scalar = plain[letter] {
      value.append(scalar)
      return true
    }
    let (count, radix, from): (Int, Int, Int) =
      switch letter {
      case "x", "X": (2, 16, place)
      case "u": (4, 16, place)
      case "U": (8, 16, place)
      case "0", "1", "2", "3": (3, 8, place - 1)
      default: (0, 0, place)
      }
    guard count > 0, let number: UInt32 = code(count, radix, from) else { return false }
    place = from + count
    if count < 4 { return value.append(code: number) }
    guard let scalar: Unicode.Scalar = Unicode.Scalar(number) else { return false }
    value.append(scalar)
    return true
  }
}

/// What a string literal says, as text and as bytes.
private struct StringBuilder {
  let isBytes: Bool
  var text: String = ""
  var bytes: [UInt8] = []

  init(isBytes: Bool) { self.isBytes = isBytes }

  mutating func append(_ scalar: Unicode.Scalar) {
    if isBytes { bytes += Array(String(scalar).utf8) } else { text.unicodeScalars.append(scalar) }
  }

  /// A byte of bytes, or a character of a string.
  mutating func append(code: UInt32) -> Bool {
    guard code < 256 else { return false }
    if isBytes { bytes.append(UInt8(code)) } else if let scalar: Unicode.Scalar = Unicode.Scalar(code) { append(scalar) }
    return true
  }
}
