// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Patterns

/// Checks values against the OpenAPI schemas of custom kinds, in the words of kube-openapi's validator.
struct CustomValidator {
  private(set) var errors: [FieldError] = []

  /// Checks a value; one that is as the stored one was is taken as it is.
  mutating func check(_ value: JSONValue, _ old: JSONValue?, _ schema: Schema, _ path: String) {
    guard let constraints: SchemaConstraints = schema.constraints, old != value else { return }
    if value.isNull, constraints.isNullable { return }
    guard checkType(value, constraints, path) else { return }
    if !constraints.enumeration.isEmpty, !constraints.enumeration.contains(value) {
      let known: [String] = constraints.enumeration.map { $0.string ?? $0.text }
      errors.append(.notSupported(field(path), value, known))
    }
    switch value {
    case .string(let text): checkString(text, constraints, path)
    case .int, .double: checkNumber(value, constraints, path)
    case .array(let items): checkItems(items, old?.array, schema, constraints, path)
    case .object(let members): checkMembers(members, old?.object, schema, constraints, path)
    default: break
    }
    checkCombinations(value, constraints, path)
  }

  private func field(_ path: String) -> FieldPath { path.isEmpty ? .root : FieldPath(path) }

  private mutating func invalid(_ path: String, _ value: JSONValue, _ what: String) {
    errors.append(.invalid(field(path), value, "\(path) in body \(what)"))
  }

  private static func typeName(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool: "boolean"
    case .int: "integer"
    case .double(let number): number.rounded() == number ? "integer" : "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  /// Whether the value has the type; the rest is not worth checking where it has not.
  private mutating func checkType(_ value: JSONValue, _ constraints: SchemaConstraints, _ path: String) -> Bool {
    let actual: String = Self.typeName(value)
    if constraints.isIntOrString {
      if actual == "integer" || actual == "string" { return true }
      wrongType(path, "integer,string", actual)
      return false
    }
    switch constraints.type {
    case "", actual: return checkFormat(value, constraints, path)
    case "number" where actual == "integer": return checkFormat(value, constraints, path)
    default:
      wrongType(path, constraints.type, actual)
      return false
    }
  }

  private mutating func wrongType(_ path: String, _ expected: String, _ actual: String) {
    let detail: String = "\(path) in body must be of type \(expected): \(actual.goQuoted)"
    errors.append(.typeInvalid(field(path), .string(actual), detail))
  }

  private mutating func checkFormat(_ value: JSONValue, _ constraints: SchemaConstraints, _ path: String) -> Bool {
    switch (constraints.format, value) {
    case ("int32", .int(let number)):
      if Int32(exactly: number) == nil {
        errors.append(.invalid(field(path), value, "\(path) in body must be of type int32: \(number)"))
      }
    case (_, .string(let text)):
      if !StringFormat.holds(constraints.format, text) {
        let detail: String = "\(path) in body must be of type \(constraints.format): \(text.goQuoted)"
        errors.append(.typeInvalid(field(path), value, detail))
      }
    default: break
    }
    return true
  }

  private mutating func checkString(_ text: String, _ constraints: SchemaConstraints, _ path: String) {
    let length: Int64 = Int64(text.unicodeScalars.count)
    if let maximum: Int64 = constraints.maxLength, length > maximum {
      errors.append(.tooLong(field(path), Int(maximum)))
    }
    if let minimum: Int64 = constraints.minLength, length < minimum {
      invalid(path, .string(text), "should be at least \(minimum) chars long")
    }
    if let pattern: String = constraints.pattern, !pattern.isEmpty, !Self.matches(text, pattern) {
      invalid(path, .string(text), "should match '\(pattern)'")
    }
  }

  /// Whether a pattern occurs in a text; a pattern that cannot be read was refused with its definition.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    (try? Pattern(pattern))?.occurs(in: text) ?? true
  }

  private static func plain(_ number: Double) -> String { JSONValue.double(number).text }

  private mutating func checkNumber(_ value: JSONValue, _ constraints: SchemaConstraints, _ path: String) {
    guard let number: Double = value.double else { return }
    if let factor: Double = constraints.multipleOf, factor > 0 {
      let quotient: Double = number / factor
      if quotient.rounded() != quotient { invalid(path, value, "should be a multiple of \(Self.plain(factor))") }
    }
    if let maximum: Double = constraints.maximum {
      if constraints.isMaximumExclusive ? number >= maximum : number > maximum {
        let words: String = constraints.isMaximumExclusive ? "less than" : "less than or equal to"
        invalid(path, value, "should be \(words) \(Self.plain(maximum))")
      }
    }
    if let minimum: Double = constraints.minimum {
      if constraints.isMinimumExclusive ? number <= minimum : number < minimum {
        let words: String = constraints.isMinimumExclusive ? "greater than" : "greater than or equal to"
        invalid(path, value, "should be \(words) \(Self.plain(minimum))")
      }
    }
  }

  private mutating func checkItems(
    _ items: [JSONValue], _ old: [JSONValue]?, _ schema: Schema, _ constraints: SchemaConstraints, _ path: String
  ) {
    let before: [PathElement: JSONValue] = Self.correlated(old, schema)
    let type: MergeType = MergeType(schema)
    if let element: Schema = schema.element {
      for (index, item) in items.enumerated() {
        check(item, before.isEmpty ? nil : before[type.step(of: item)], element, "\(path)[\(index)]")
      }
    }
    let count: Int64 = Int64(items.count)
    if let minimum: Int64 = constraints.minItems, count < minimum {
      invalid(path, .int(count), "should have at least \(minimum) items")
    }
    if let maximum: Int64 = constraints.maxItems, count > maximum {
      errors.append(.tooMany(field(path), items.count, Int(maximum)))
    }
    if constraints.uniqueItems, Set(items).count != items.count {
      invalid(path, "", "shouldn't contain duplicates")
    }
    if schema.merge != .atomic { checkDuplicates(items, schema, type, path) }
  }

  /// The stored items of a list whose items have names.
  private static func correlated(_ old: [JSONValue]?, _ schema: Schema) -> [PathElement: JSONValue] {
    guard let old, case .map = schema.merge else { return [:] }
    let type: MergeType = MergeType(schema)
    return Dictionary(old.map { (type.step(of: $0), $0) }) { first, _ in first }
  }

  private mutating func checkDuplicates(_ items: [JSONValue], _ schema: Schema, _ type: MergeType, _ path: String) {
    var seen: Set<PathElement> = []
    for (index, item) in items.enumerated() {
      let step: PathElement = type.step(of: item)
      if seen.insert(step).inserted { continue }
      var shown: JSONValue = item
      if case .key(let fields) = step {
        shown = .object(JSONObject())
        for field: PathElement.KeyField in fields { shown[field.name] = field.value }
      }
      errors.append(.duplicate(field("\(path)[\(index)]"), shown))
    }
  }

  private mutating func checkMembers(
    _ members: JSONObject, _ old: JSONObject?, _ schema: Schema, _ constraints: SchemaConstraints, _ path: String
  ) {
    let count: Int64 = Int64(members.count)
    if let minimum: Int64 = constraints.minProperties, count < minimum {
      return invalid(path, .int(count), "should have at least \(minimum) properties")
    }
    if let maximum: Int64 = constraints.maxProperties, count > maximum {
      return errors.append(.tooMany(field(path), members.count, Int(maximum)))
    }
    for (name, value) in members.sorted(by: { $0.key < $1.key }) {
      if schema.hasTypeMeta, name == "metadata" || name == "apiVersion" || name == "kind" { continue }
      guard let inner: Schema = schema.field(name)?.schema ?? schema.element else { continue }
      check(value, old?[name], inner, path.isEmpty ? name : "\(path).\(name)")
    }
    for name: String in constraints.required where members[name] == nil {
      errors.append(.required(field(path.isEmpty ? name : "\(path).\(name)")))
    }
  }

  private func holds(_ value: JSONValue, _ schema: Schema, _ path: String) -> Bool {
    var inner: CustomValidator = CustomValidator()
    inner.check(value, nil, schema, path)
    return inner.errors.isEmpty
  }

  private mutating func checkCombinations(_ value: JSONValue, _ constraints: SchemaConstraints, _ path: String) {
    func combination(_ what: String) -> FieldError { .invalid(.root, "", "\(path.goQuoted) \(what)") }
    if !constraints.anyOf.isEmpty, !constraints.anyOf.contains(where: { holds(value, $0, path) }) {
      errors.append(combination("must validate at least one schema (anyOf)"))
    }
    if !constraints.oneOf.isEmpty {
      let count: Int = constraints.oneOf.filter { holds(value, $0, path) }.count
      if count != 1 {
        let found: String = count == 0 ? "Found none valid" : "Found \(count) valid alternatives"
        errors.append(combination("must validate one and only one schema (oneOf). \(found)"))
      }
    }
    for schema: Schema in constraints.allOf where !holds(value, schema, path) {
      check(value, nil, schema, path)
      errors.append(combination("must validate all the schemas (allOf)"))
      break
    }
    if let schema: Schema = constraints.not, holds(value, schema, path) {
      errors.append(combination("must not validate the schema (not)"))
    }
  }
}

/// The string formats that are checked; an unknown one holds always.
enum StringFormat {
  static func holds(_ format: String, _ text: String) -> Bool {
    switch format {
    case "date-time", "datetime": return (try? GoTime(text, .seconds)) != nil
    case "date": return (try? GoTime(text + "T00:00:00Z", .seconds)) != nil
    case "byte":
      var text: String = text
      let decoded: Result<[UInt8], Base64.Offset> = text.withUTF8 { Base64.decode($0) }
      if case .success = decoded { return true }
      return false
    case "duration": return GoDuration.nanoseconds(text) != nil
    case "ipv4":
      let parts: [Substring] = text.split(separator: ".", omittingEmptySubsequences: false)
      return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil && ($0 == "0" || $0.first != "0") }
    case "uuid", "uuid3", "uuid4", "uuid5":
      let digits: String = text.filter { $0 != "-" }
      return digits.count == 32 && digits.allSatisfy(\.isHexDigit)
    default: return true
    }
  }
}
