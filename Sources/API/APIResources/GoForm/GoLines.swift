// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The lines of a value in Go's indented JSON, a blank a step.
enum GoLines {
  static func lines(_ value: JSONValue) -> [String] {
    var lines: [String] = []
    var line: String = ""
    write(value, indent: 0, &line, &lines)
    lines.append(line)
    return lines
  }

  private static func write(_ value: JSONValue, indent: Int, _ line: inout String, _ lines: inout [String]) {
    func next(_ indent: Int) {
      lines.append(line)
      line = String(repeating: " ", count: indent)
    }
    switch value {
    case .array(let items) where !items.isEmpty:
      line += "["
      for (place, item) in items.enumerated() {
        next(indent + 1)
        write(item, indent: indent + 1, &line, &lines)
        if place < items.count - 1 { line += "," }
      }
      next(indent)
      line += "]"
    case .object(let members) where !members.isEmpty:
      line += "{"
      var left: Int = members.count
      for (name, member) in members {
        next(indent + 1)
        line += JSONValue.string(name).textForPages + ": "
        write(member, indent: indent + 1, &line, &lines)
        left -= 1
        if left > 0 { line += "," }
      }
      next(indent)
      line += "}"
    default: line += value.textForPages
    }
  }
}
