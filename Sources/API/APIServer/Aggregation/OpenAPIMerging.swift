// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// Puts OpenAPI documents of version 2 together.
enum OpenAPIMerging {
  private static let definitionPrefix: String = "#/definitions/"

  /// The paths of a document below one path, and the definitions that these need.
  static func part(_ document: JSONValue, below path: String) -> JSONValue {
    let bare: String = String(path.dropLast())
    var paths: JSONObject = JSONObject()
    for (key, value) in document["paths"].object ?? JSONObject() where key.hasPrefix(path) || key == bare { paths[key] = value }
    guard !paths.isEmpty else { return .null }
    var needed: [String] = references(.object(paths))
    var definitions: JSONObject = JSONObject()
    while let name: String = needed.popLast() {
      guard definitions[name] == nil, let definition: JSONValue = document["definitions"].object?[name] else { continue }
      definitions[name] = definition
      needed += references(definition)
    }
    return ["paths": .object(paths), "definitions": .object(definitions)]
  }

  private static func references(_ value: JSONValue) -> [String] {
    var found: [String] = []
    _ = mapReferences(value) { name in
      found.append(name)
      return name
    }
    return found
  }

  private static func mapReferences(_ value: JSONValue, _ change: (String) -> String) -> JSONValue {
    switch value {
    case .object(let members):
      var result: JSONObject = JSONObject()
      for (key, member) in members {
        if key == "$ref", let text: String = member.string, text.hasPrefix(definitionPrefix) {
          result[key] = .string(definitionPrefix + change(String(text.dropFirst(definitionPrefix.count))))
        } else {
          result[key] = mapReferences(member, change)
        }
      }
      return .object(result)
    case .array(let items): return .array(items.map { mapReferences($0, change) })
    default: return value
    }
  }

  /// A document with the parts of others. What is there already stays; other definitions of the same name are renamed.
  static func merge(_ document: JSONValue, _ parts: [JSONValue]) -> JSONValue {
    var paths: JSONObject = document["paths"].object ?? JSONObject()
    var definitions: JSONObject = document["definitions"].object ?? JSONObject()
    for part: JSONValue in parts {
      var names: [String: String] = [:]
      for (name, definition) in part["definitions"].object ?? JSONObject() {
        var free: String = name
        var number: Int = 1
        while let present: JSONValue = definitions[free], !present.isSame(definition) {
          number += 1
          free = "\(name)_v\(number)"
        }
        names[name] = free
      }
      for (name, definition) in part["definitions"].object ?? JSONObject() {
        let free: String = names[name] ?? name
        if definitions[free] == nil { definitions[free] = mapReferences(definition) { names[$0] ?? $0 } }
      }
      for (path, item) in part["paths"].object ?? JSONObject() where paths[path] == nil {
        paths[path] = mapReferences(item) { names[$0] ?? $0 }
      }
    }
    var result: JSONValue = document
    result["paths"] = .object(paths)
    result["definitions"] = .object(definitions)
    return result
  }
}

extension JSONValue {
  /// Whether two descriptions differ in their words at most.
  fileprivate func isSame(_ other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let left), .object(let right)):
      let names: Set<String> = Set(left.keys).union(right.keys).subtracting(["description"])
      return names.allSatisfy { name in
        guard let here: JSONValue = left[name], let there: JSONValue = right[name] else { return false }
        return here.isSame(there)
      }
    case (.array(let left), .array(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.isSame($1) }
    default: return self == other
    }
  }
}
