// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

extension TypedValue {
  /// What is wrong with an applied configuration, in the words of structured-merge-diff.
  static func errors(_ value: JSONValue, _ type: MergeType, _ path: String = "") -> [String] {
    guard let schema: Schema = type.schema, !value.isNull else { return [] }
    let prefix: String = path.isEmpty ? "" : path + ": "
    switch schema.shape {
    case .object, .map:
      guard case .object(let members) = value else { return ["\(prefix)expected map, got &{\(goPlain(value))}"] }
      var errors: [String] = []
      for (name, inner) in members.sorted(by: { $0.key < $1.key }) {
        let innerPath: String = "\(path).\(name)"
        if schema.shape == .object, schema.field(name) == nil, schema.element == nil {
          if schema.constraints?.preservesUnknownFields == true { continue }
          if schema.hasTypeMeta, name == "kind" || name == "apiVersion" { continue }
          errors.append("\(innerPath): field not declared in schema")
        } else {
          errors += self.errors(inner, type.member(name), innerPath)
        }
      }
      return errors
    case .list:
      guard case .array(let items) = value else { return ["\(prefix)expected list, got &{\(goPlain(value))}"] }
      return listErrors(items, type, path)
    case .string, .bytes, .duration:
      return value.string == nil
        ? ["\(prefix)expected string, got &value.valueUnstructured{Value:\(goSyntax(value))}"] : []
    case .int32, .int64, .double:
      return value.double == nil ? ["\(prefix)expected numeric (int or float), got \(goType(value))"] : []
    case .boolean: return value.bool == nil ? ["\(prefix)expected boolean, got &{\(goPlain(value))}"] : []
    case .quantity, .time, .microTime, .intOrString:
      return value.array != nil || value.object != nil ? ["\(prefix)expected any scalar, got &{\(goPlain(value))}"] : []
    default: return []
    }
  }

  private static func listErrors(_ items: [JSONValue], _ type: MergeType, _ path: String) -> [String] {
    var errors: [String] = []
    var seen: Set<PathElement> = []
    for (index, item) in items.enumerated() {
      if case .map(let keys) = type.merge {
        if item.isNull {
          errors.append("\(path): element \(index): associative list with keys may not have a null element")
          continue
        }
        guard item.object != nil else {
          errors.append("\(path): element \(index): associative list with keys may not have non-map elements")
          continue
        }
        guard !type.omitsKeys(item, keys) else {
          errors.append(
            "\(path): element \(index): associative list with keys has an element that omits all key fields "
              + "[\(keys.map(\.goQuoted).joined(separator: " "))] (and doesn't have default values for any key fields)")
          continue
        }
      }
      if type.merge == .set, let fault: String = setFault(item) {
        errors.append("\(path): element \(index): \(fault)")
        continue
      }
      let step: PathElement = type.merge == .atomic ? .index(index) : type.step(of: item)
      if type.merge != .atomic, !seen.insert(step).inserted {
        errors.append("\(path): duplicate entries for key \(step.display)")
      }
      errors += self.errors(item, type.item, path + step.display)
    }
    return errors
  }

  /// Why a value can be no item of a set.
  private static func setFault(_ item: JSONValue) -> String? {
    switch item {
    case .null: "associative list without keys has an element that's an explicit null"
    case .object: "associative list without keys has an element that's a map type"
    case .array: "not supported: associative list with lists as elements"
    default: nil
    }
  }

  /// All errors as one text.
  static func errorText(_ errors: [String]) -> String {
    errors.count == 1 ? errors[0] : (["errors:"] + errors.map { "  " + $0 }).joined(separator: "\n")
  }

  /// A value as Go's `%v` prints it.
  static func goPlain(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .string(let text): text
    case .array(let items): "[" + items.map(goPlain).joined(separator: " ") + "]"
    case .object(let members):
      "map[" + members.sorted { $0.key < $1.key }.map { "\($0.key):\(goPlain($0.value))" }.joined(separator: " ") + "]"
    default: value.text
    }
  }

  /// A value as Go's `%#v` prints it.
  private static func goSyntax(_ value: JSONValue) -> String {
    switch value {
    case .null: "interface {}(nil)"
    case .string(let text): text.goQuoted
    case .array(let items): "[]interface {}{" + items.map(goSyntax).joined(separator: ", ") + "}"
    case .object(let members):
      "map[string]interface {}{"
        + members.sorted { $0.key < $1.key }.map { "\($0.key.goQuoted):\(goSyntax($0.value))" }.joined(separator: ", ")
        + "}"
    default: value.text
    }
  }

  /// The Go type of a value, as `%T` prints it.
  private static func goType(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .bool: "bool"
    case .int: "int64"
    case .double: "float64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object: "map[string]interface {}"
    }
  }
}
