// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Whether patterns are well-formed, in Go's words.
public enum PatternSyntax {
  /// What Go says of a pattern that it cannot read; nil where it can.
  public static func complaint(_ pattern: String) -> String? {
    var reader: Reader = Reader(Array(pattern.unicodeScalars))
    return reader.complaint().map { "error parsing regexp: \($0.what): `\($0.part)`" }
  }

  private struct Reader {
    private static let repeatLimit: Int = 1000
    private static let letters: Set<Unicode.Scalar> = Set("AabBcCdDfnrtvsSwWzZQExpP0123456789".unicodeScalars)

    private let scalars: [Unicode.Scalar]
    private var place: Int = 0
    private var open: [Int] = []

    init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private func text(_ range: Range<Int>) -> String {
      String(String.UnicodeScalarView(scalars[range.clamped(to: scalars.indices)]))
    }

    mutating func complaint() -> (what: String, part: String)? {
      var canRepeat: Bool = false
      var lastRepeat: Int?
      while place < scalars.count {
        let start: Int = place
        let scalar: Unicode.Scalar = scalars[place]
        place += 1
        switch scalar {
        case "(":
          if let wrong: (String, String) = group(start) { return wrong }
          canRepeat = false
        case ")":
          if open.popLast() == nil { return ("unexpected )", text(0..<scalars.count)) }
          canRepeat = true
        case "[":
          if let wrong: (String, String) = classes(start) { return wrong }
          canRepeat = true
        case "|": canRepeat = false
        case "*", "+", "?", "{":
          if scalar == "{" {
            guard let bounds: (Int, Int?, Int) = PatternSyntax.counts(scalars, at: start) else {
              canRepeat = true
              lastRepeat = nil
              continue
            }
            place = bounds.2
            let isWrong: Bool = bounds.0 > Self.repeatLimit || (bounds.1 ?? 0) > Self.repeatLimit || (bounds.1 ?? .max) < bounds.0
            if isWrong { return ("invalid repeat count", text(start..<place)) }
          }
          if !canRepeat, lastRepeat == nil { return ("missing argument to repetition operator", text(start..<place)) }
          if let lastRepeat { return ("invalid nested repetition operator", text(lastRepeat..<place)) }
          if place < scalars.count, scalars[place] == "?" { place += 1 }
          lastRepeat = start
          continue
        case "\\":
          guard place < scalars.count else { return ("trailing backslash at end of expression", "") }
          if let wrong: (String, String) = escape(start) { return wrong }
          canRepeat = true
        default: canRepeat = true
        }
        lastRepeat = nil
      }
      return open.isEmpty ? nil : ("missing closing )", text(0..<scalars.count))
    }

    private mutating func group(_ start: Int) -> (String, String)? {
      open.append(start)
      guard place < scalars.count, scalars[place] == "?" else { return nil }
      var end: Int = place + 1
      if end < scalars.count, scalars[end] == "P" { end += 1 }
      if end < scalars.count, scalars[end] == "<", !(end + 1 < scalars.count && "=!".unicodeScalars.contains(scalars[end + 1])) {
        guard let close: Int = scalars[end...].firstIndex(of: ">") else { return ("invalid named capture", text(start..<scalars.count)) }
        let name: ArraySlice<Unicode.Scalar> = scalars[(end + 1)..<close]
        if name.isEmpty || !name.allSatisfy({ $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "_" }) {
          return ("invalid named capture", text(start..<(close + 1)))
        }
        place = close + 1
        return nil
      }
      end = place + 1
      while end < scalars.count, "imsU-".unicodeScalars.contains(scalars[end]) { end += 1 }
      guard end < scalars.count, scalars[end] == ":" || (scalars[end] == ")" && end > place + 1) else {
        return ("invalid or unsupported Perl syntax", text(start..<min(end + 1, scalars.count)))
      }
      place = end + 1
      if scalars[end] == ")" { open.removeLast() }
      return nil
    }

    private mutating func classes(_ start: Int) -> (String, String)? {
      if place < scalars.count, scalars[place] == "^" { place += 1 }
      var isFirst: Bool = true
      var low: Unicode.Scalar?
      while place < scalars.count {
        let scalar: Unicode.Scalar = scalars[place]
        if scalar == "]", !isFirst {
          place += 1
          return nil
        }
        isFirst = false
        let from: Int = place
        if scalar == "[", place + 1 < scalars.count, scalars[place + 1] == ":",
          let close: Int = scalars[(place + 2)...].firstIndex(of: ":"), close + 1 < scalars.count, scalars[close + 1] == "]"
        {
          place = close + 2
          low = nil
          continue
        }
        place += 1
        if scalar == "\\" {
          if place < scalars.count {
            if let wrong: (String, String) = escape(from) { return wrong }
          }
          low = nil
          continue
        }
        if scalar == "-", let bound: Unicode.Scalar = low, place < scalars.count, scalars[place] != "]" {
          let high: Unicode.Scalar = scalars[place]
          if high != "\\", high < bound { return ("invalid character class range", text((from - 1)..<(place + 1))) }
          place += high == "\\" ? 0 : 1
          low = nil
          continue
        }
        low = scalar
      }
      return ("missing closing ]", text(start..<scalars.count))
    }

    private mutating func escape(_ start: Int) -> (String, String)? {
      let scalar: Unicode.Scalar = scalars[place]
      place += 1
      let isPunctuation: Bool = scalar.isASCII && !scalar.properties.isAlphabetic && !("0"..."9").contains(scalar)
      if isPunctuation { return nil }
      guard Self.letters.contains(scalar), !("0"..."9").contains(scalar) || scalar == "0" else {
        return ("invalid escape sequence", text(start..<place))
      }
      if scalar == "p" || scalar == "P", place < scalars.count, scalars[place] == "{" {
        guard let close: Int = scalars[place...].firstIndex(of: "}") else {
          return ("invalid character class range", text(start..<scalars.count))
        }
        place = close + 1
      }
      return nil
    }
  }

  /// The bounds of `{n,m}` and where it ends; nil where it is plain text.
  static func counts(_ scalars: [Unicode.Scalar], at start: Int) -> (Int, Int?, Int)? {
    guard let close: Int = scalars[start...].firstIndex(of: "}") else { return nil }
    let parts: [ArraySlice<Unicode.Scalar>] = scalars[(start + 1)..<close].split(
      separator: ",", omittingEmptySubsequences: false)
    guard parts.count <= 2, let low: Int = count(parts[0]) else { return nil }
    if parts.count == 1 { return (low, low, close + 1) }
    if parts[1].isEmpty { return (low, nil, close + 1) }
    return count(parts[1]).map { (low, $0, close + 1) }
  }

  /// A number as Go takes it: digits alone, without needless zeros; what is too large is larger than every limit.
  private static func count(_ digits: ArraySlice<Unicode.Scalar>) -> Int? {
    guard let first: Unicode.Scalar = digits.first, digits.allSatisfy({ ("0"..."9").contains($0) }),
      first != "0" || digits.count == 1
    else { return nil }
    return digits.count < 8 ? Int(String(String.UnicodeScalarView(digits))) : 100_000_000
  }
}
