// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A domain name: labels from left to right, without the root's empty one. Equal regardless of case (RFC 4343).
public struct DNSName: Hashable, Sendable, CustomStringConvertible {
  /// Limits of RFC 1035 section 2.3.4.
  static let labelBytesMax: Int = 63
  static let nameBytesMax: Int = 255

  /// The labels as they were written.
  public private(set) var labels: [[UInt8]]

  /// The root.
  public static let root: DNSName = DNSName(labels: [])

  init(labels: [[UInt8]]) { self.labels = labels }

  /// Parses "a.b.c" or "a.b.c."; no escapes. Nil for an empty or overlong label or name.
  public init?(_ text: String) {
    var words: [Substring] = text.split(separator: ".", omittingEmptySubsequences: false)
    if words.last?.isEmpty ?? false { words.removeLast() }
    labels = words.map { Array($0.utf8) }
    guard labels.allSatisfy({ (1...Self.labelBytesMax).contains($0.count) }), encodedCount <= Self.nameBytesMax else {
      return nil
    }
  }

  /// The bytes in a message, without compression.
  public var encodedCount: Int { labels.reduce(1) { $0 + $1.count + 1 } }

  /// The labels as lower-case texts.
  public var texts: [String] { labels.map { String(decoding: $0.map(Self.lower), as: UTF8.self) } }

  /// The name in lower case with a final dot.
  public var description: String { labels.isEmpty ? "." : texts.map { $0 + "." }.joined() }

  /// The labels before a parent's; nil where the name is not below (or equal to) it.
  public func labels(below parent: DNSName) -> [String]? {
    guard labels.count >= parent.labels.count else { return nil }
    let tail: ArraySlice<[UInt8]> = labels.suffix(parent.labels.count)
    guard zip(tail, parent.labels).allSatisfy({ Self.areEqual($0, $1) }) else { return nil }
    return Array(texts.dropLast(parent.labels.count))
  }

  /// The name with labels put before it.
  public func child(_ names: String...) -> DNSName { DNSName(labels: names.map { Array($0.utf8) } + labels) }

  /// The name with the first labels taken off.
  func dropFirst(_ count: Int) -> DNSName { DNSName(labels: Array(labels.dropFirst(count))) }

  static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

  private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { lower($0) == lower($1) }
  }

  public static func == (left: DNSName, right: DNSName) -> Bool {
    left.labels.count == right.labels.count && zip(left.labels, right.labels).allSatisfy { areEqual($0, $1) }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(labels.count)
    for label: [UInt8] in labels {
      hasher.combine(label.count)
      for byte: UInt8 in label { hasher.combine(Self.lower(byte)) }
    }
  }
}
