// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A version of the CNI specification.
public struct CNIVersion: Hashable, Sendable, Comparable, LosslessStringConvertible {
  /// The three numbers.
  public let major: Int, minor: Int, patch: Int

  /// A version of three numbers.
  public init(_ major: Int, _ minor: Int, _ patch: Int) {
    self.major = major
    self.minor = minor
    self.patch = patch
  }

  /// Parses "1.0.0"; an empty text is 0.1.0, which knew no version field.
  public init?(_ text: String) {
    if text.isEmpty {
      self.init(0, 1, 0)
      return
    }
    let words: [Substring] = text.split(separator: ".", omittingEmptySubsequences: false)
    let numbers: [Int] = words.compactMap { $0.utf8.allSatisfy { (48...57).contains($0) } ? Int($0) : nil }
    guard words.count == numbers.count, (1...3).contains(numbers.count) else { return nil }
    self.init(numbers[0], numbers.count > 1 ? numbers[1] : 0, numbers.count > 2 ? numbers[2] : 0)
  }

  public var description: String { "\(major).\(minor).\(patch)" }

  public static func < (left: CNIVersion, right: CNIVersion) -> Bool {
    (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
  }

  /// Every version there is, in order.
  public static let all: [CNIVersion] = [
    CNIVersion(0, 1, 0), CNIVersion(0, 2, 0), CNIVersion(0, 3, 0), CNIVersion(0, 3, 1), CNIVersion(0, 4, 0),
    CNIVersion(1, 0, 0), CNIVersion(1, 1, 0),
  ]
  /// The newest version.
  public static let current: CNIVersion = CNIVersion(1, 1, 0)

  /// Whether chaining by prevResult exists (since 0.3.0).
  public var hasChaining: Bool { self >= CNIVersion(0, 3, 0) }
  /// Whether CHECK exists (since 0.4.0).
  public var hasCheck: Bool { self >= CNIVersion(0, 4, 0) }
  /// Whether GC and STATUS exist (since 1.1.0).
  public var hasGarbageCollection: Bool { self >= CNIVersion(1, 1, 0) }
}
