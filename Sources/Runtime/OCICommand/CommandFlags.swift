// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The flags of a command, as `--name value`, `--name=value` or `-n value`; one dash and two are the same.
struct CommandFlags {
  /// One flag.
  struct Flag {
    /// Its long name, then its short one where it has one.
    var names: [String]
    /// What stands for the value in the help; nil for a flag that is there or not.
    var value: String?
    var help: String
    /// Taken for compatibility: a word in the help is enough.
    static func toggle(_ names: String..., help: String) -> Flag { Flag(names: names, value: nil, help: help) }
    static func value(_ names: String..., help: String) -> Flag { Flag(names: names, value: "value", help: help) }
  }

  /// What was found.
  struct Values {
    var values: [String: [String]] = [:]
    var positionals: [String] = []

    func has(_ name: String) -> Bool { values[name]?.last.map { $0 != "false" } ?? false }
    func text(_ name: String) -> String? { values[name]?.last }
    func list(_ name: String) -> [String] { values[name] ?? [] }

    func number(_ name: String) throws(CommandError) -> Int64? {
      guard let text: String = text(name) else { return nil }
      guard let number = Int64(text) else { throw CommandError("invalid value \"\(text)\" for flag -\(name)") }
      return number
    }
  }

  var flags: [Flag]

  /// Reads flags until the first argument that is none, or, when they may stand anywhere, until `--`.
  func parse(_ arguments: ArraySlice<String>, anywhere: Bool) throws(CommandError) -> Values {
    var found: Values = Values()
    var rest: ArraySlice<String> = arguments
    while let argument: String = rest.popFirst() {
      if argument == "--" {
        found.positionals += rest
        return found
      }
      guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
        found.positionals.append(argument)
        if anywhere { continue }
        found.positionals += rest
        return found
      }
      let bare: Substring = argument.drop { $0 == "-" }
      let parts: [Substring] = bare.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name: String = String(parts[0])
      if name == "help" || name == "h" {
        found.values["help"] = ["true"]
        continue
      }
      guard let flag: Flag = flags.first(where: { $0.names.contains(name) }) else {
        throw CommandError("flag provided but not defined: -\(name)")
      }
      let value: String
      if parts.count > 1 {
        value = String(parts[1])
      } else if flag.value == nil {
        value = "true"
      } else if let next: String = rest.popFirst() {
        value = next
      } else {
        throw CommandError("flag needs an argument: -\(name)")
      }
      found.values[flag.names[0], default: []].append(value)
    }
    return found
  }

  /// A line for each flag.
  var help: String {
    let heads: [String] = flags.map { flag in
      let names: String = flag.names.map { ($0.count == 1 ? "-" : "--") + $0 + (flag.value.map { " " + $0 } ?? "") }
        .joined(separator: ", ")
      return "   " + names
    }
    let width: Int = heads.map(\.count).max() ?? 0
    return zip(heads, flags).map { head, flag in
      head + String(repeating: " ", count: width - head.count) + "  " + flag.help + "\n"
    }.joined()
  }
}
