// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What upstream's server holds in memory for the structures of the API.
///
/// Some messages of upstream print such a structure whole: with Go's names in Go's order, and with everything that
/// is not set. A client that compares messages sees them, so we print the same. A type is a line: its name, then its
/// fields as `Name:type` or `Name:type:json` where the API's name is not the Go name with a small first letter.
/// `s` is a string, `i` a number, `b` a boolean, `y` bytes, `q` a quantity, `n` a number or string, `t` a time, `_`
/// something that looks like its API form, `@T` a structure; `*`, `[]` and `{}` before a type make it a pointer, a
/// list and a map. `+T` stands for the fields of a structure, `Name:+T` for a structure whose fields the API has in
/// the outer one; `+m` is the metadata.
enum GoTypes {
  /// A type of a field.
  indirect enum Shape: Sendable {
    case string, number, boolean, bytes, quantity, intOrString, time, opaque, metadata
    case pointer(Shape)
    case list(Shape)
    case map(Shape)
    case structure(String)
  }

  /// A field of a structure.
  struct Field: Sendable {
    /// Go's name; empty for a structure whose fields stand here.
    var name: String
    /// The API's name; empty where the API has the structure's fields in the outer one.
    var json: String
    var shape: Shape
  }

  /// The fields of a structure, by the name of its type.
  static func fields(_ name: String) -> [Field] { all[name] ?? [] }

  private static let all: [String: [Field]] = {
    var types: [String: [Field]] = [:]
    for line: Substring in [core, groups].joined(separator: "\n").split(separator: "\n") {
      let words: [Substring] = line.split(separator: " ")
      guard let name: Substring = words.first else { continue }
      let group: String = String(name.prefix { $0 != "." })
      types[String(name)] = words.dropFirst().map { field($0, group) }
    }
    return types
  }()

  private static func field(_ word: Substring, _ group: String) -> Field {
    let parts: [Substring] = word.split(separator: ":")
    if parts.count == 1 { return Field(name: "", json: "", shape: shape(parts[0].dropFirst(), group)) }
    let name: String = String(parts[0])
    if parts[1].first == "+" {
      let isMetadata: Bool = parts[1] == "+m" || parts[1] == "+t"
      return Field(name: isMetadata ? "" : name, json: "", shape: shape(parts[1].dropFirst(), group))
    }
    let json: String = parts.count > 2 ? String(parts[2]) : name.prefix(1).lowercased() + name.dropFirst()
    return Field(name: name, json: json, shape: shape(parts[1], group))
  }

  /// A type from its code.
  static func shape(_ code: Substring, _ group: String) -> Shape {
    switch code {
    case "s": return .string
    case "i": return .number
    case "b": return .boolean
    case "y": return .bytes
    case "q": return .quantity
    case "n": return .intOrString
    case "t": return .time
    case "m": return .metadata
    case "_": return .opaque
    default: break
    }
    if code.hasPrefix("*") { return .pointer(shape(code.dropFirst(), group)) }
    if code.hasPrefix("[]") { return .list(shape(code.dropFirst(2), group)) }
    if code.hasPrefix("{}") { return .map(shape(code.dropFirst(2), group)) }
    let name: Substring = code.hasPrefix("@") ? code.dropFirst() : code
    return .structure(name.contains(".") ? String(name) : "\(group).\(name)")
  }
}
