// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation

/// One Swift file of the tree.
struct SourceFile: Sendable {
  /// Relative to the top of the tree.
  var path: String
  var lines: [String]

  var isGenerated: Bool { path.contains("/Generated/") }
}

/// The tree, read once.
enum SourceTree {
  static let top: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let sources: [SourceFile] = read("Sources")
  static let tests: [SourceFile] = read("Tests")
  static let handWritten: [SourceFile] = sources.filter { !$0.isGenerated }

  private static func read(_ folder: String) -> [SourceFile] {
    let root: String = top.appendingPathComponent(folder).path
    guard let names = FileManager.default.enumerator(atPath: root) else { return [] }
    return names.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
      guard let text: String = try? String(contentsOfFile: root + "/" + name, encoding: .utf8) else { return nil }
      return SourceFile(path: folder + "/" + name, lines: text.components(separatedBy: "\n"))
    }
  }

  /// Names that a rule lets pass for now, one a line in `Exceptions/<rule>.txt`. The list may only shrink.
  static func exceptions(_ rule: String) -> Set<String> {
    let path: URL = top.appendingPathComponent("Tests/TidyTests/Exceptions/\(rule).txt")
    guard let text: String = try? String(contentsOf: path, encoding: .utf8) else { return [] }
    return Set(text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") })
  }

  /// What breaks a rule and is not excepted, and exceptions that nothing needs any more.
  static func verdict(_ rule: String, found: Set<String>) -> [String] {
    let excepted: Set<String> = exceptions(rule)
    let fresh: [String] = found.subtracting(excepted).sorted()
    let stale: [String] = excepted.subtracting(found).sorted().map { "stale exception: \($0)" }
    return fresh + stale
  }
}
