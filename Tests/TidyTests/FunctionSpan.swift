// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Where a function stands in a file: from the line with `func` or `init` to its closing brace.
struct FunctionSpan {
  var name: String
  var count: Int

  /// The functions of a file, found by indentation: a body ends at the first `}` as far left as its declaration.
  static func all(in lines: [String]) -> [FunctionSpan] {
    let declaration = /( *)(?:[@\w()]+ )*(func [^(<\s]+|init)[(<?]/
    var found: [FunctionSpan] = []
    for (start, line) in lines.enumerated() where line.contains("func ") || line.contains("init") {
      guard let match = line.prefixMatch(of: declaration) else { continue }
      let indentation: Int = match.1.count
      let closing: String = String(repeating: " ", count: indentation) + "}"
      guard let end: Int = lines[(start + 1)...].firstIndex(of: closing) else { continue }
      // A requirement of a protocol has no body: another declaration begins before the brace.
      let hasNoBody: Bool = lines[(start + 1)..<end].contains { other in
        other.contains("func ") && (other.prefixMatch(of: declaration).map { $0.1.count <= indentation } ?? false)
      }
      if !hasNoBody { found.append(FunctionSpan(name: String(match.2), count: end - start + 1)) }
    }
    return found
  }
}
