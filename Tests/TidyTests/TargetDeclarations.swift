// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation

/// The targets as Package.swift declares them: folder and dependencies.
struct TargetDeclarations {
  /// The modules a target may import, by the target's folder.
  var modules: [String: Set<String>] = [:]

  /// What every target may import: the standard library's own modules and the C library.
  static let always: Set<String> = [
    "Swift", "Glibc", "SwiftOverlayShims", "Synchronization", "Dispatch", "Foundation", "FoundationEssentials", "Testing",
    "_Concurrency", "RegexBuilder",
  ]

  init(package: String) {
    var products: [String: String] = [:]
    for match in package.matches(of: /let (\w+): Target\.Dependency = \.product\(\s*name: "(\w+)"/) {
      products[String(match.1)] = String(match.2)
    }
    func read(_ path: String, _ name: String, _ list: Substring) {
      var found: Set<String> = [name]
      for word in list.matches(of: /"(\w+)"|(\w+)/) {
        let quoted: Substring? = word.1
        found.insert(quoted.map(String.init) ?? products[String(word.0)] ?? String(word.0))
      }
      modules[path] = found
    }
    for match in package.matches(of: /room\(\s*"(\w+)",\s*"([\w\/-]+)",\s*\[([^\]]*)\]/) {
      read("Sources/" + match.2, String(match.1), match.3)
    }
    for match in package.matches(of: /program\(\s*"([\w-]+)",\s*"([\w\/-]+)",\s*\[([^\]]*)\]/) {
      read("Sources/Command/" + match.2, String(match.1), match.3)
    }
    for match in package.matches(of: /fuzzer\(\s*"([\w-]+)",\s*"([\w\/-]+)",\s*\[([^\]]*)\]/) {
      read("Tests/" + match.2, String(match.1), match.3)
    }
    for match in package.matches(of: /tests\(\s*"(\w+)",\s*"([\w\/-]+)",\s*\[([^\]]*)\]/) {
      read("Tests/" + match.2, String(match.1), match.3)
    }
  }

  /// The declared modules of the target that a file belongs to: the longest folder that contains it.
  func allowed(_ path: String) -> Set<String>? {
    modules.keys.filter { path.hasPrefix($0 + "/") }.max { $0.count < $1.count }.flatMap { modules[$0] }
  }
}
