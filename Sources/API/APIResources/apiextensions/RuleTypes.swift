// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import CEL
public import JSON

/// What the rules of a schema see: types, names that expressions can say, and how large values can be.
struct RuleTypes {
  /// The largest request.
  static let requestLimit: UInt64 = 3 * 1024 * 1024
  private static let depthLimit: Int = 100
  /// What a text of a format takes at most.
  private static let formatLimits: [String: UInt64] = ["duration": 32, "date": 12, "date-time": 36]

  let type: CELType
  /// The fewest bytes of a value.
  let leastBytes: UInt64
  private let most: UInt64?
  private let fields: [String: RuleTypes]
  private let element: [RuleTypes]

  /// The types of a schema; nil where it says too little.
  init?(_ schema: JSONValue, isResource: Bool, depth: Int = 0) {
    guard schema.object != nil, depth < Self.depthLimit else { return nil }
    if schema["x-kubernetes-int-or-string"].bool == true {
      self.init(.dyn, leastBytes: 1, most: Self.requestLimit - 2)
      return
    }
    let schema: JSONValue = isResource ? Self.asResource(schema) : schema
    switch schema["type"].plain {
    case "array":
      guard let item: RuleTypes = RuleTypes(schema["items"], isResource: Self.isEmbedded(schema["items"]), depth: depth + 1)
      else { return nil }
      let most: UInt64 = Self.limit(schema["maxItems"]) ?? (Self.requestLimit - 2) / (item.leastBytes + 1)
      self.init(.list(item.type), leastBytes: 2, most: most, element: [item])
    case "object": self.init(object: schema, depth)
    case "string": self.init(string: schema)
    case "boolean": self.init(.bool, leastBytes: 4, most: nil)
    case "number": self.init(.double, leastBytes: 1, most: nil)
    case "integer": self.init(.int, leastBytes: 1, most: nil)
    default: return nil
    }
  }

  private init(
    _ type: CELType, leastBytes: UInt64, most: UInt64?, fields: [String: RuleTypes] = [:], element: [RuleTypes] = []
  ) {
    self.type = type
    self.leastBytes = leastBytes
    self.most = most
    self.fields = fields
    self.element = element
  }

  private init?(object schema: JSONValue, _ depth: Int) {
    let additional: JSONValue = schema["additionalProperties"]
    if additional.object != nil {
      guard let value: RuleTypes = RuleTypes(additional, isResource: Self.isEmbedded(additional), depth: depth + 1) else { return nil }
      let most: UInt64 = Self.limit(schema["maxProperties"]) ?? (Self.requestLimit - 2) / (value.leastBytes + 6)
      self.init(.map(.string, value.type), leastBytes: 2, most: most, element: [value])
      return
    }
    var fields: [String: RuleTypes] = [:]
    var least: UInt64 = 2
    for (name, property) in schema["properties"].object ?? JSONObject() {
      guard let inner: RuleTypes = RuleTypes(property, isResource: Self.isEmbedded(property), depth: depth + 1),
        let escaped: String = Self.escape(name)
      else { continue }
      fields[escaped] = inner
      if schema["required"].strings.contains(name), property.object?["default"] == nil {
        least += UInt64(name.utf8.count) + inner.leastBytes + 4
      }
    }
    let type: CELObjectType = CELObjectType("object", fields.mapValues(\.type))
    self.init(.object(type), leastBytes: least, most: nil, fields: fields)
  }

  private init(string schema: JSONValue) {
    let format: String = schema["format"].plain
    let longest: UInt64 = Self.formatLimits[format] ?? Self.requestLimit - 2
    let most: UInt64
    if let limit: UInt64 = Self.limit(schema["maxLength"]) {
      most = limit
    } else if let names: UInt64 = schema["enum"].items.map({ UInt64($0.plain.utf8.count) }).max() {
      most = names
    } else {
      most = longest
    }
    switch format {
    case "byte": self.init(.bytes, leastBytes: 2, most: most)
    case "duration": self.init(.duration, leastBytes: 4, most: longest)
    case "date": self.init(.timestamp, leastBytes: 12, most: longest)
    case "date-time": self.init(.timestamp, leastBytes: 22, most: longest)
    default: self.init(.string, leastBytes: 2, most: most)
    }
  }

  private static func limit(_ value: JSONValue) -> UInt64? { value.int.map { UInt64(max(0, $0)) } }

  static func isEmbedded(_ schema: JSONValue) -> Bool { schema["x-kubernetes-embedded-resource"].bool == true }

  /// With what every resource has.
  static func asResource(_ schema: JSONValue) -> JSONValue {
    var schema: JSONValue = schema
    schema["type"] = "object"
    schema["properties"]["apiVersion"] = ["type": "string"]
    schema["properties"]["kind"] = ["type": "string"]
    schema["properties"]["metadata"] = [
      "type": "object", "properties": ["name": ["type": "string"], "generateName": ["type": "string"]],
    ]
    return schema
  }

  /// The most characters or items of the value at a path.
  func size(_ path: ArraySlice<String>) -> UInt64? {
    guard let step: String = path.first else { return most }
    switch step {
    case "@items", "@values": return element.first?.size(path.dropFirst())
    case "@keys": return nil
    default: return fields[step]?.size(path.dropFirst())
    }
  }

  private static let keywords: Set<String> = [
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
  ]

  /// A field's name as expressions say it; nil where they cannot.
  static func escape(_ name: String) -> String? {
    if keywords.contains(name) { return "__\(name)__" }
    guard let first: Unicode.Scalar = name.unicodeScalars.first, first.properties.isAlphabetic || first == "_" else { return nil }
    var output: String = ""
    var rest: Substring.UnicodeScalarView = name[...].unicodeScalars
    while let scalar: Unicode.Scalar = rest.popFirst() {
      switch scalar {
      case "_" where rest.first == "_":
        rest.removeFirst()
        output += "__underscores__"
      case ".": output += "__dot__"
      case "-": output += "__dash__"
      case "/": output += "__slash__"
      default:
        let isPlain: Bool = scalar.isASCII && (scalar.properties.isAlphabetic || (scalar.value >= 0x30 && scalar.value <= 0x39) || scalar == "_")
        guard isPlain else { return nil }
        output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}

/// Values as expressions see them.
public enum RuleValues {
  /// A value by its schema: times are times, and fields have the names that expressions can say.
  static func value(_ value: JSONValue, _ schema: JSONValue, isResource: Bool) -> CELValue {
    if schema["x-kubernetes-int-or-string"].bool == true { return plain(value) }
    let schema: JSONValue = isResource ? RuleTypes.asResource(schema) : schema
    switch value {
    case .string(let text):
      switch schema["format"].plain {
      case "byte": return Base64.decoded(text).map { .bytes($0) } ?? .string(text)
      case "duration": return CELDuration.parse(text).map { .duration($0) } ?? .string(text)
      case "date-time": return CELTimestamp(text).map { .timestamp($0) } ?? .string(text)
      case "date": return CELTimestamp(text + "T00:00:00Z").map { .timestamp($0) } ?? .string(text)
      default: return .string(text)
      }
    case .int(let number): return schema["type"].plain == "number" ? .double(Double(number)) : .int(number)
    case .double(let number):
      if schema["type"].plain == "integer", let whole: Int64 = Int64(exactly: number) { return .int(whole) }
      return .double(number)
    case .array(let items):
      let inner: JSONValue = schema["items"]
      return .list(items.map { self.value($0, inner, isResource: RuleTypes.isEmbedded(inner)) })
    case .object(let members):
      var map: CELMap = CELMap()
      let additional: JSONValue = schema["additionalProperties"]
      for (name, member) in members {
        if additional.object != nil {
          map[.string(name)] = self.value(member, additional, isResource: RuleTypes.isEmbedded(additional))
        } else if let inner: JSONValue = schema["properties"].object?[name], let escaped: String = RuleTypes.escape(name) {
          map[.string(escaped)] = self.value(member, inner, isResource: RuleTypes.isEmbedded(inner))
        }
      }
      return .map(map)
    default: return plain(value)
    }
  }

  /// A value as it is.
  public static func plain(_ value: JSONValue) -> CELValue {
    switch value {
    case .null: return .null
    case .bool(let truth): return .bool(truth)
    case .int(let number): return .int(number)
    case .double(let number): return .double(number)
    case .string(let text): return .string(text)
    case .array(let items): return .list(items.map(plain))
    case .object(let members):
      var map: CELMap = CELMap()
      for (name, member) in members { map[.string(name)] = plain(member) }
      return .map(map)
    }
  }
}
