// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension YAML {
  /// The YAML text of a value in block style, two spaces a level, as `kubectl get -o yaml` has it.
  ///
  /// - Parameter sortsKeys: whether members are written in the order of their names, as upstream does.
  public static func text(_ value: JSONValue, sortsKeys: Bool = true) -> String {
    var emitter: YAMLEmitter = YAMLEmitter(sortsKeys: sortsKeys)
    emitter.write(value, indentation: 0, startsOnNewLine: true)
    return String(decoding: emitter.output, as: UTF8.self)
  }

  /// Whether a string must be quoted so that it is read as a string again.
  static func needsQuotes(_ text: String) -> Bool {
    guard case .string = plain(text) else { return true }
    let indicators: Set<Character> = [
      "-", "?", ":", ",", "[", "]", "{", "}", "#", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`", " ", "=", "<",
    ]
    guard let first: Character = text.first, let last: Character = text.last else { return true }
    if indicators.contains(first) {
      // A dash, a question mark or a colon that a word follows begins no indicator.
      guard ["-", "?", ":", "<"].contains(first), text.count > 1, let second: Character = text.dropFirst().first,
        second != " ", text != "<<", text != "---"
      else { return true }
    }
    if last == " " || last == ":" { return true }
    if text.hasPrefix("---") || text.hasPrefix("...") { return true }
    if text.contains(": ") || text.contains(" #") { return true }
    if isTimestampLike(text) { return true }
    return text.unicodeScalars.contains(where: needsEscape)
  }

  /// What YAML calls not printable, or takes for a line break.
  static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
    default: false
    }
  }

  /// Other readers make times of such texts, so upstream quotes them.
  private static func isTimestampLike(_ text: String) -> Bool {
    let bytes: [UInt8] = Array(text.utf8.prefix(5))
    return bytes.count == 5 && bytes[4] == 0x2D && bytes[..<4].allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }
}

/// Writes one document.
private struct YAMLEmitter {
  let sortsKeys: Bool
  var output: [UInt8] = []

  init(sortsKeys: Bool) { self.sortsKeys = sortsKeys }

  private mutating func append(_ text: some StringProtocol) { output.append(contentsOf: Array(text.utf8)) }

  private mutating func indent(_ indentation: Int) {
    for _ in 0..<indentation { output.append(0x20) }
  }

  /// Writes a value; a collection that begins on the line of its parent's dash is not indented there.
  mutating func write(_ value: JSONValue, indentation: Int, startsOnNewLine: Bool) {
    switch value {
    case .object(let members) where !members.isEmpty:
      var isFirst: Bool = true
      let pairs: [JSONObject.Element] = sortsKeys ? members.sorted { $0.key < $1.key } : Array(members)
      for (key, member) in pairs {
        if startsOnNewLine || !isFirst { indent(indentation) }
        isFirst = false
        write(string: key, indentation: indentation, isKey: true)
        append(":")
        writeMember(member, indentation: indentation)
      }
    case .array(let items) where !items.isEmpty:
      var isFirst: Bool = true
      for item: JSONValue in items {
        if startsOnNewLine || !isFirst { indent(indentation) }
        isFirst = false
        append("- ")
        write(item, indentation: indentation + 2, startsOnNewLine: false)
      }
    case .object: append("{}\n")
    case .array: append("[]\n")
    case .string(let text):
      write(string: text, indentation: indentation, isKey: false)
      append("\n")
    default: append(value.text + "\n")
    }
  }

  private mutating func writeMember(_ member: JSONValue, indentation: Int) {
    switch member {
    case .object(let members) where !members.isEmpty:
      append("\n")
      write(member, indentation: indentation + 2, startsOnNewLine: true)
    case .array(let items) where !items.isEmpty:
      append("\n")
      // Upstream does not indent a sequence below its key.
      write(member, indentation: indentation, startsOnNewLine: true)
    case .string(let text):
      append(" ")
      write(string: text, indentation: indentation + 2, isKey: false)
      append("\n")
    default:
      append(" ")
      write(member, indentation: indentation, startsOnNewLine: false)
    }
  }

  private mutating func write(string text: String, indentation: Int, isKey: Bool) {
    if !isKey, text.contains("\n"),
      !text.unicodeScalars.contains(where: { YAML.needsEscape($0) && $0 != "\n" && $0 != "\t" }),
      text.first != " ", text.first != "\n", !text.contains(" \n")
    {
      writeBlock(text, indentation: indentation)
    } else if !YAML.needsQuotes(text) {
      append(text)
    } else if text.unicodeScalars.contains(where: YAML.needsEscape) || text.contains("'") {
      writeEscaped(text)
    } else if case .string = YAML.plain(text) {
      append("'" + text + "'")
    } else {
      append("\"" + text + "\"")
    }
  }

  /// A text in double quotes; the escapes of JSON are YAML's too, and YAML needs some more.
  private mutating func writeEscaped(_ text: String) {
    var json: [UInt8] = []
    JSONValue.write(text, to: &json)
    for scalar: Unicode.Scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
      if YAML.needsEscape(scalar) {
        let digits: String = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      } else {
        append(String(scalar))
      }
    }
  }

  /// A literal block: `|`, with `-` if no line break ends the text and `+` if several do.
  private mutating func writeBlock(_ text: String, indentation: Int) {
    append(text.hasSuffix("\n\n") ? "|+" : text.hasSuffix("\n") ? "|" : "|-")
    var lines: [Substring] = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty ?? false { lines.removeLast() }
    for line: Substring in lines {
      append("\n")
      if !line.isEmpty {
        indent(max(indentation, 2))
        append(line)
      }
    }
  }
}
