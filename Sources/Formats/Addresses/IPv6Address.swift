// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// An IPv6 address (RFC 4291), without a zone.
public struct IPv6Address: Hashable, Sendable, Comparable, LosslessStringConvertible {
  /// The address as a number.
  public var bits: UInt128

  /// The address with these bits.
  public init(bits: UInt128) { self.bits = bits }

  /// The address of eight groups of 16 bits.
  init(groups: [UInt16]) {
    bits = groups.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
  }

  /// Parses the text forms of RFC 4291 section 2.2, also with a dotted IPv4 tail; no zone.
  public init?(_ text: String) {
    let halves: [Substring] = Self.split(text[...])
    guard halves.count <= 2 else { return nil }
    guard let head: [UInt16] = Self.groups(halves[0], mayEndInIPv4: halves.count == 1) else { return nil }
    if halves.count == 1 {
      guard head.count == 8 else { return nil }
      self.init(groups: head)
      return
    }
    guard let tail: [UInt16] = Self.groups(halves[1], mayEndInIPv4: true), head.count + tail.count < 8 else { return nil }
    self.init(groups: head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail)
  }

  /// The parts before and after each "::".
  private static func split(_ text: Substring) -> [Substring] {
    var parts: [Substring] = []
    var start: Substring.Index = text.startIndex
    var place: Substring.Index = text.startIndex
    while place < text.endIndex {
      let next: Substring.Index = text.index(after: place)
      if text[place] == ":", next < text.endIndex, text[next] == ":" {
        parts.append(text[start..<place])
        start = text.index(after: next)
        place = start
      } else {
        place = next
      }
    }
    parts.append(text[start...])
    return parts
  }

  private static func groups(_ text: Substring, mayEndInIPv4: Bool) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var result: [UInt16] = []
    let words: [Substring] = text.split(separator: ":", omittingEmptySubsequences: false)
    for (place, word) in words.enumerated() {
      if mayEndInIPv4, place == words.count - 1, word.contains(".") {
        guard let tail: IPv4Address = IPv4Address(String(word)) else { return nil }
        result.append(UInt16(truncatingIfNeeded: tail.bits >> 16))
        result.append(UInt16(truncatingIfNeeded: tail.bits))
        continue
      }
      guard (1...4).contains(word.utf8.count), !word.hasPrefix("+"), !word.hasPrefix("-"),
        let value: UInt16 = UInt16(word, radix: 16)
      else { return nil }
      result.append(value)
    }
    return result.count <= 8 ? result : nil
  }

  /// The eight groups.
  var groups: [UInt16] { (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) } }

  /// The sixteen bytes in network order.
  public var bytes: [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: bits >> UInt128(120 - 8 * $0)) } }

  /// The IPv4 address in an IPv4-mapped one (::ffff:a.b.c.d).
  public var mappedIPv4: IPv4Address? {
    bits >> 32 == 0xFFFF ? IPv4Address(bits: UInt32(truncatingIfNeeded: bits)) : nil
  }

  /// RFC 5952: lower case, the first longest run of two or more zero groups as "::".
  public var description: String {
    let groups: [UInt16] = self.groups
    var best: Range<Int> = 0..<0
    var start: Int = 0
    while start < 8 {
      var end: Int = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    if let mapped: IPv4Address = mappedIPv4 { return "::ffff:\(mapped)" }
    var text: String = ""
    var place: Int = 0
    while place < 8 {
      if !best.isEmpty, place == best.lowerBound {
        text += "::"
        place = best.upperBound
        continue
      }
      if place > 0, place != best.upperBound || best.isEmpty { text += ":" }
      text += String(groups[place], radix: 16)
      place += 1
    }
    return text
  }

  public static func < (left: IPv6Address, right: IPv6Address) -> Bool { left.bits < right.bits }

  /// ::.
  public static let any: IPv6Address = IPv6Address(bits: 0)
  /// ::1.
  public static let loopback: IPv6Address = IPv6Address(bits: 1)
}
