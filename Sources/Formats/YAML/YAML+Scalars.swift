// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Yams

extension YAML {
  /// How deep a document may nest.
  private static let depthMax: Int = 1000

  /// The JSON value of a node.
  static func value(_ node: Node, budget: inout Int, depth: Int) throws(YAMLError) -> JSONValue {
    budget -= 1
    guard budget > 0 else { throw YAMLError(message: "document contains excessive aliasing", line: node.mark?.line) }
    guard depth < depthMax else { throw YAMLError(message: "exceeded max depth of \(depthMax)", line: node.mark?.line) }
    switch node {
    case .scalar(let scalar): return self.scalar(scalar)
    case .sequence(let sequence):
      var items: [JSONValue] = []
      items.reserveCapacity(sequence.count)
      for item: Node in sequence { items.append(try value(item, budget: &budget, depth: depth + 1)) }
      return .array(items)
    case .mapping(let mapping): return try self.mapping(mapping, budget: &budget, depth: depth)
    case .alias: throw YAMLError(message: "unknown anchor referenced", line: node.mark?.line)
    }
  }

  private static func mapping(_ mapping: Node.Mapping, budget: inout Int, depth: Int) throws(YAMLError) -> JSONValue {
    var members: JSONObject = JSONObject()
    var merged: [JSONObject] = []
    for (key, item) in mapping {
      let content: JSONValue = try value(item, budget: &budget, depth: depth + 1)
      if case .scalar(let scalar) = key, scalar.string == "<<", scalar.style == .plain {
        for source: JSONValue in content.array ?? [content] {
          guard let object: JSONObject = source.object else {
            throw YAMLError(message: "map merge requires map or sequence of maps as the value", line: key.mark?.line)
          }
          merged.append(object)
        }
        continue
      }
      members[try self.key(key)] = content
    }
    for object: JSONObject in merged {
      for (key, value) in object where members[key] == nil { members[key] = value }
    }
    return .object(members)
  }

  /// A mapping's key as JSON has it: numbers and truth values become their text.
  private static func key(_ node: Node) throws(YAMLError) -> String {
    guard case .scalar(let scalar) = node else {
      throw YAMLError(message: "invalid map key: a key must be a scalar", line: node.mark?.line)
    }
    switch self.scalar(scalar) {
    case .string(let text): return text
    case .int(let number): return String(number)
    case .bool(let truth): return truth ? "true" : "false"
    case .double(let number): return JSONValue.double(number).text
    default: return scalar.string.isEmpty ? "" : "null"
    }
  }

  private static func scalar(_ scalar: Node.Scalar) -> JSONValue {
    let text: String = scalar.string
    let tag: String = scalar.tag.description
    let isTagged: Bool = tag.hasPrefix("tag:yaml.org,2002:")
    if scalar.style != .plain {
      return isTagged && tag.hasSuffix(":int") ? plain(text) : .string(text)
    }
    if isTagged, tag.hasSuffix(":str"), isExplicitString(scalar) { return .string(text) }
    return plain(text)
  }

  /// Yams resolves every plain scalar to a tag of its own; only what its rules call a string but ours do not is doubtful.
  private static func isExplicitString(_ scalar: Node.Scalar) -> Bool {
    scalar.tag == Tag(.str)
  }

  /// A plain scalar by the rules of YAML 1.1 as goyaml.v2 has them.
  static func plain(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
    case "false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
    default: break
    }
    guard let first: UInt8 = text.utf8.first,
      first == 0x2B || first == 0x2D || first == 0x2E || (first >= 0x30 && first <= 0x39)
    else { return .string(text) }
    let digits: String = text.filter { $0 != "_" }
    if let value: Int64 = integer(digits) { return .int(value) }
    if isFloat(digits), let value: Double = Double(digits.hasPrefix("+") ? String(digits.dropFirst()) : digits),
      value.isFinite
    {
      // Through JSON, as upstream goes, a number without a fraction becomes an integer.
      return Int64(exactly: value).map { .int($0) } ?? .double(value)
    }
    return .string(text)
  }

  private static func integer(_ text: String) -> Int64? {
    var body: Substring = text[...]
    var isNegative: Bool = false
    if body.first == "-" || body.first == "+" {
      isNegative = body.first == "-"
      body.removeFirst()
    }
    guard let first: Character = body.first, first.isASCII, first.isNumber else { return nil }
    let radix: Int
    switch body.prefix(2).lowercased() {
    case "0x": (radix, body) = (16, body.dropFirst(2))
    case "0b": (radix, body) = (2, body.dropFirst(2))
    case "0o": (radix, body) = (8, body.dropFirst(2))
    default: radix = body.count > 1 && first == "0" ? 8 : 10
    }
    guard let next: Character = body.first, next.isHexDigit else { return nil }
    return Int64((isNegative ? "-" : "") + body, radix: radix)
  }

  /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isFloat(_ text: String) -> Bool {
    var bytes: Substring.UTF8View = Substring(text).utf8
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 0x30 && $0 <= 0x39 } ?? false }
    func skipDigits(_ bytes: inout Substring.UTF8View) -> Bool {
      let rest: Substring.UTF8View = bytes.drop { $0 >= 0x30 && $0 <= 0x39 }
      defer { bytes = rest }
      return rest.count < bytes.count
    }
    if bytes.first == 0x2B || bytes.first == 0x2D { bytes = bytes.dropFirst() }
    let hasInteger: Bool = skipDigits(&bytes)
    if bytes.first == 0x2E {
      bytes = bytes.dropFirst()
      let hasFraction: Bool = skipDigits(&bytes)
      guard hasInteger || hasFraction else { return false }
    } else if !hasInteger {
      return false
    }
    if let next: UInt8 = bytes.first, next | 0x20 == 0x65 {
      bytes = bytes.dropFirst()
      if bytes.first == 0x2B || bytes.first == 0x2D { bytes = bytes.dropFirst() }
      guard skipDigits(&bytes) else { return false }
    }
    return bytes.isEmpty
  }
}
