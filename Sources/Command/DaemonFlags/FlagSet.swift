// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The flags that a command knows.
///
/// Names are upstream's. `-` and `_` are equal in names; `--name value`, `--name=value`, `-name=value` and,
/// for truth values, `--name` alone are understood. An unknown flag is an error that names the nearest known one.
///
/// ```swift
/// var flags = FlagSet(command: "apus proxy", summary: "turn Services into packet filter rules")
/// flags.string("kubeconfig", "how to reach the API server")
/// flags.ignored("conntrack-max-per-core", "sizes of the connection table are the machine's matter")
/// let values = try flags.parse(arguments)
/// ```
public struct FlagSet: Sendable {
  /// What a flag takes.
  public enum Kind: Sendable {
    /// Any text; the last one given counts.
    case string
    /// `true`, `false`, `1`, `0`, `t`, `f`, or nothing for true.
    case bool
    /// A decimal integer.
    case int
    /// A Go duration, such as `1m30s`.
    case duration
    /// Texts, separated by commas or given several times.
    case list
    /// `key=value` pairs, separated by commas or given several times.
    case map
  }

  struct Flag: Sendable {
    var name: String
    var kind: Kind
    var defaultValue: String?
    var summary: String
    var isIgnored: Bool
  }

  /// The words with which the command is called, such as `apus proxy`.
  public let command: String
  /// What the command does, in one line.
  public let summary: String
  /// How words that are not flags are called in the help; nil where none are taken.
  public var operands: String?
  private(set) var flags: [Flag] = []

  /// No flags yet.
  public init(command: String, summary: String, operands: String? = nil) {
    self.command = command
    self.summary = summary
    self.operands = operands
    bool("help", "print this text and end")
    int("v", default: 0, "verbosity of the log: 0 to 2 informational, 4 and above everything")
  }

  private mutating func add(_ name: String, _ kind: Kind, _ defaultValue: String?, _ summary: String) {
    flags.append(
      Flag(name: name, kind: kind, defaultValue: defaultValue, summary: summary, isIgnored: false))
  }

  /// Adds a flag that takes a text.
  public mutating func string(_ name: String, default value: String? = nil, _ summary: String) {
    add(name, .string, value, summary)
  }
  /// Adds a flag that is on or off.
  public mutating func bool(_ name: String, default value: Bool = false, _ summary: String) {
    add(name, .bool, value ? "true" : "false", summary)
  }
  /// Adds a flag that takes an integer.
  public mutating func int(_ name: String, default value: Int? = nil, _ summary: String) {
    add(name, .int, value.map(String.init), summary)
  }
  /// Adds a flag that takes a Go duration.
  public mutating func duration(_ name: String, default value: String? = nil, _ summary: String) {
    add(name, .duration, value, summary)
  }
  /// Adds a flag that takes several texts.
  public mutating func list(_ name: String, default value: String? = nil, _ summary: String) {
    add(name, .list, value, summary)
  }
  /// Adds a flag that takes `key=value` pairs.
  public mutating func map(_ name: String, _ summary: String) { add(name, .map, nil, summary) }

  /// Adds a flag of the upstream counterpart that has no meaning here: any value is taken and not used.
  public mutating func ignored(_ name: String, _ why: String) {
    flags.append(Flag(name: name, kind: .string, defaultValue: nil, summary: why, isIgnored: true))
  }
  /// Adds several flags of the upstream counterpart that have no meaning here.
  public mutating func ignored(_ names: [String], _ why: String) {
    for name: String in names { ignored(name, why) }
  }

  /// Reads the arguments that follow the command's name.
  public func parse(_ arguments: [String]) throws(FlagError) -> FlagValues {
    var given: [String: [String]] = [:]
    var operandsGiven: [String] = []
    var rest: ArraySlice<String> = arguments[...]
    while let argument: String = rest.popFirst() {
      if argument == "--" {
        operandsGiven += rest
        break
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        operandsGiven.append(argument)
        continue
      }
      let body: Substring = argument.drop { $0 == "-" }
      let parts: [Substring] = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag: Flag = try known(String(parts.first ?? ""))
      if parts.count == 2 {
        given[flag.name, default: []].append(String(parts[1]))
      } else if case .bool = flag.kind {
        given[flag.name, default: []].append("true")
      } else if flag.isIgnored, rest.first.map({ $0.hasPrefix("-") }) ?? true {
        continue
      } else if let value: String = rest.popFirst() {
        given[flag.name, default: []].append(value)
      } else {
        throw FlagError(command: command, message: "flag --\(flag.name) needs a value")
      }
    }
    if operands == nil, let first: String = operandsGiven.first {
      throw FlagError(command: command, message: "takes no arguments, found \"\(first)\"")
    }
    let values: FlagValues = FlagValues(flags: self, given: given, operands: operandsGiven)
    for flag: Flag in flags where !flag.isIgnored { try values.check(flag) }
    return values
  }

  private static func normal(_ name: String) -> String {
    String(name.map { $0 == "_" ? "-" : $0 }).lowercased()
  }

  private func known(_ name: String) throws(FlagError) -> Flag {
    let wanted: String = Self.normal(name)
    if let flag: Flag = flags.first(where: { Self.normal($0.name) == wanted }) { return flag }
    let nearest: Flag? = flags.min { editDistance(wanted, $0.name) < editDistance(wanted, $1.name) }
    let hint: String = nearest.map { "; did you mean --\($0.name)?" } ?? ""
    throw FlagError(command: command, message: "unknown flag --\(name)\(hint)")
  }

  /// The help text.
  public var help: String {
    var lines: [String] = ["\(command): \(summary)", "", "usage: \(command) [flags]\(operands.map { " " + $0 } ?? "")", ""]
    let shown: [Flag] = flags.filter { !$0.isIgnored }.sorted { $0.name < $1.name }
    let width: Int = shown.map(\.name.count).max() ?? 0
    for flag: Flag in shown {
      let padding: String = String(repeating: " ", count: width - flag.name.count)
      let standard: String =
        flag.defaultValue.map { $0.isEmpty || $0 == "false" ? "" : " (default \($0))" } ?? ""
      lines.append("  --\(flag.name)\(padding)  \(flag.summary)\(standard)")
    }
    let ignored: [Flag] = flags.filter(\.isIgnored)
    if !ignored.isEmpty {
      lines += ["", "taken for compatibility and not used: " + ignored.map { "--" + $0.name }.joined(separator: " ")]
    }
    return lines.joined(separator: "\n")
  }
}

/// How many letters must be changed, added or left out to make one word of the other.
private func editDistance(_ left: String, _ right: String) -> Int {
  let left: [Character] = Array(left)
  let right: [Character] = Array(right)
  var row: [Int] = Array(0...right.count)
  for (i, a) in left.enumerated() {
    var diagonal: Int = row[0]
    row[0] = i + 1
    for (j, b) in right.enumerated() {
      let change: Int = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(change, min(row[j], row[j + 1]) + 1)
    }
  }
  return row[right.count]
}
