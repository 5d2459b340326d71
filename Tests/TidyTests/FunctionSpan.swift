// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Where a function stands in a file: from the line with `func` or `init` to its closing brace.
struct FunctionSpan {
  var name: String
  var count: Int

  /// The functions of a file, found by indentation: a body ends at the first `}` as far left as its declaration.
  static func all(in lines: [String]) -> [FunctionSpan] {
    var found: [FunctionSpan] = []
    for (start, line) in lines.enumerated() {
      guard let match = line.prefixMatch(of: /( *)(?:[@\w()]+ )*(func [^(<\s]+|init)[(<?]/) else { continue }
      let indentation: Int = match.1.count
      let rest: ArraySlice<String> = lines[(start + 1)...]
      guard let end: Int = rest.firstIndex(where: { $0 == String(repeating: " ", count: indentation) + "}" }) else { continue }
      // A requirement of a protocol has no body: whatever else begins first ends the search.
      if let next: Int = rest.firstIndex(where: { $0.prefixMatch(of: /( *)(?:[@\w()]+ )*(func [^(<\s]+|init)[(<?]/).map { $0.1.count <= indentation } ?? false }),
        next < end
      {
        continue
      }
      found.append(FunctionSpan(name: String(match.2), count: end - start + 1))
    }
    return found
  }
}
