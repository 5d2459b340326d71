// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A command line that a command cannot follow.
public struct FlagError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The command, such as `apus proxy`.
  public var command: String
  /// What is wrong, and what would be right.
  public var message: String

  /// A command line that `command` cannot follow.
  public init(command: String, message: String) {
    self.command = command
    self.message = message
  }

  public var description: String { "\(command): \(message)" }
}

/// What a command line said, checked against its `FlagSet`.
public struct FlagValues: Sendable {
  private let flags: FlagSet
  private let given: [String: [String]]
  /// The words that are not flags.
  public let operands: [String]

  init(flags: FlagSet, given: [String: [String]], operands: [String]) {
    self.flags = flags
    self.given = given
    self.operands = operands
  }

  private func texts(_ name: String) -> [String] {
    if let texts: [String] = given[name] { return texts }
    guard let flag: FlagSet.Flag = flags.flags.first(where: { $0.name == name }) else {
      preconditionFailure("flag \(name) was never declared")
    }
    return flag.defaultValue.map { [$0] } ?? []
  }

  /// Whether the flag stood on the command line.
  public func isGiven(_ name: String) -> Bool { given[name] != nil }

  /// The text of a flag; nil where it was not given and has no default.
  public func string(_ name: String) -> String? { texts(name).last }

  /// The text of a flag without which the command cannot run.
  public func required(_ name: String) throws(FlagError) -> String {
    guard let text: String = string(name), !text.isEmpty else {
      throw FlagError(command: flags.command, message: "flag --\(name) is needed")
    }
    return text
  }

  /// Whether a flag is on.
  public func bool(_ name: String) -> Bool { string(name).flatMap(Self.truth) ?? false }

  /// The integer of a flag.
  public func int(_ name: String) -> Int? { string(name).flatMap { Int($0) } }

  /// The duration of a flag.
  public func duration(_ name: String) -> Duration? { string(name).flatMap(Duration.init(goText:)) }

  /// The texts of a list flag.
  public func list(_ name: String) -> [String] {
    texts(name).flatMap { $0.split(separator: ",").map(String.init) }
  }

  /// The pairs of a map flag.
  public func map(_ name: String) -> [String: String] {
    var pairs: [String: String] = [:]
    for pair: String in list(name) {
      let parts: [Substring] = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      pairs[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
    }
    return pairs
  }

  private static func truth(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "t", "1": true
    case "false", "f", "0": false
    default: nil
    }
  }

  func check(_ flag: FlagSet.Flag) throws(FlagError) {
    for text: String in given[flag.name] ?? [] {
      let wanted: String? =
        switch flag.kind {
        case .bool where Self.truth(text) == nil: "true or false"
        case .int where Int(text) == nil: "an integer"
        case .duration where Duration(goText: text) == nil: "a duration such as 1m30s"
        default: nil
        }
      if let wanted {
        throw FlagError(
          command: flags.command, message: "flag --\(flag.name) takes \(wanted), found \"\(text)\"")
      }
    }
  }
}

extension Duration {
  /// Reads a duration as Go writes it: a sequence of decimal numbers with units h, m, s, ms, us, ns.
  public init?(goText: String) {
    if goText == "0" {
      self = .zero
      return
    }
    var rest: Substring = goText[...]
    let isNegative: Bool = rest.hasPrefix("-")
    if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
    guard !rest.isEmpty else { return nil }
    var seconds: Double = 0
    while !rest.isEmpty {
      let number: Substring = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(number.count)
      let unit: Substring = rest.prefix { !($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(unit.count)
      let scale: Double
      switch unit {
      case "h": scale = 3600
      case "m": scale = 60
      case "s": scale = 1
      case "ms": scale = 1e-3
      case "us", "µs", "μs": scale = 1e-6
      case "ns": scale = 1e-9
      default: return nil
      }
      guard let value: Double = Double(number) else { return nil }
      seconds += value * scale
    }
    self = .nanoseconds(Int64((isNegative ? -seconds : seconds) * 1e9))
  }
}
