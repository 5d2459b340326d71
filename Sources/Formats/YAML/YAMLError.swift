// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Yams

/// What is wrong with a YAML text, and on which line.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public var message: String
  /// The line, counted from 1, where it is known.
  public var line: Int?

  /// Describes one fault.
  public init(message: String, line: Int?) {
    self.message = message
    self.line = line
  }

  init(_ error: YamlError) {
    switch error {
    case .scanner(_, let problem, let mark, _):
      // As Go's reader counts: errors on the first line name none.
      self.init(message: problem, line: mark.line > 1 ? mark.line : nil)
    case .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      self.init(message: problem, line: mark.line > 1 ? mark.line - 1 : nil)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names: String = duplicates.map { "\"\($0)\"" }.sorted().joined(separator: ", ")
      self.init(message: "key \(names) already set in map", line: context.mark.line)
    default: self.init(message: "\(error)", line: nil)
    }
  }

  /// `yaml: line 3: ...`, as upstream has it.
  public var description: String { line.map { "yaml: line \($0): \(message)" } ?? "yaml: \(message)" }
}
