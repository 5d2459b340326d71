// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension JSONValue {
  /// Upstream refuses patches with more operations.
  private static let operationsMax: Int = 10000

  /// The value after a JSON patch (RFC 6902), as upstream's library applies it: objects that it changes have their
  /// members sorted, as Go prints maps.
  ///
  /// - Throws: 400, 413 or 422 as upstream answers.
  public func jsonPatched(with patch: JSONValue) throws(StatusError) -> JSONValue {
    guard case .array(let operations) = patch else {
      if patch.isNull { return self }
      throw .badRequest(
        "error decoding patch: json: cannot unmarshal \(ObjectDecoder.word(patch)) into Go value of type []handlers.jsonPatchOp"
      )
    }
    guard operations.count <= Self.operationsMax else {
      throw StatusError(
        code: 413, reason: "RequestEntityTooLarge",
        message:
          "Request entity is too large: The allowed maximum operations in a JSON patch is \(Self.operationsMax), got \(operations.count)"
      )
    }
    var document: JSONValue = self
    for operation: JSONValue in operations {
      guard operation.object != nil else {
        throw .badRequest(
          "error decoding patch: json: cannot unmarshal \(ObjectDecoder.word(operation)) into Go value of type handlers.jsonPatchOp"
        )
      }
      guard JSONPatchStep(operation)?.apply(to: &document) == true else {
        throw StatusError(
          code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
          details: .object(JSONObject()))
      }
    }
    return document
  }

  /// The object with its own members sorted by name, their values untouched.
  var shallowlySorted: JSONValue {
    guard case .object(let members) = self else { return self }
    var result: JSONObject = JSONObject()
    result.reserveCapacity(members.count)
    for (key, value) in members.sorted(by: { $0.key < $1.key }) { result.appendUnique(key, value) }
    return .object(result)
  }
}

/// One operation of a JSON patch.
private struct JSONPatchStep {
  var name: String
  var path: [String]
  var from: [String]?
  var value: JSONValue?

  /// Reads an operation; nil where a part is missing or malformed.
  init?(_ operation: JSONValue) {
    guard let name: String = operation["op"].string, let path: String = operation["path"].string,
      let steps: [String] = Self.steps(path)
    else { return nil }
    self.name = name
    self.path = steps
    if let text: String = operation["from"].string {
      guard let from: [String] = Self.steps(text) else { return nil }
      self.from = from
    }
    value = operation.object?["value"]
  }

  /// The members of a JSON pointer (RFC 6901); as upstream's library, what stands before the first slash is ignored.
  private static func steps(_ pointer: String) -> [String]? {
    if pointer.isEmpty { return [] }
    let parts: [Substring] = pointer.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    return parts.dropFirst().map { $0.contains("~") ? unescaped($0) : String($0) }
  }

  private static func unescaped(_ step: Substring) -> String {
    var result: String = ""
    var isEscape: Bool = false
    for character: Character in step {
      if isEscape {
        result += character == "1" ? "/" : character == "0" ? "~" : "~\(character)"
        isEscape = false
      } else if character == "~" {
        isEscape = true
      } else {
        result.append(character)
      }
    }
    return isEscape ? result + "~" : result
  }

  /// Applies the operation; false where it cannot be.
  func apply(to document: inout JSONValue) -> Bool {
    switch name {
    case "add":
      return Self.add(value ?? .null, at: path[...], &document)
    case "remove": return Self.remove(path[...], &document) != nil
    case "replace":
      guard let value else { return false }
      return Self.replace(value, at: path[...], &document)
    case "move":
      guard let from, let moved: JSONValue = Self.remove(from[...], &document) else { return false }
      return Self.add(moved, at: path[...], &document)
    case "copy":
      // A missing member of an object is copied as null, as upstream's library has it.
      guard let from, Self.hasParent(from, document) || Self.find(from[...], document) != nil else { return false }
      return Self.add(Self.find(from[...], document) ?? .null, at: path[...], &document)
    case "test":
      let found: JSONValue? = Self.find(path[...], document)
      guard let found else {
        return value == nil || value?.isNull == true ? path.isEmpty == false && Self.hasParent(path, document) : false
      }
      return found == (value ?? .null)
    default: return false
    }
  }

  private static func hasParent(_ path: [String], _ document: JSONValue) -> Bool {
    find(path.dropLast(), document)?.object != nil
  }

  private static func index(_ step: String, count: Int, isAdding: Bool) -> Int? {
    if step == "-" { return isAdding ? count : nil }
    guard let index: Int = Int(step) else { return nil }
    let limit: Int = isAdding ? count : count - 1
    let place: Int = index < 0 ? index + limit + 1 : index
    return (0...max(limit, 0)).contains(place) && place <= limit ? place : nil
  }

  private static func find(_ path: ArraySlice<String>, _ document: JSONValue) -> JSONValue? {
    guard let step: String = path.first else { return document }
    switch document {
    case .object(let members): return members[step].flatMap { find(path.dropFirst(), $0) }
    case .array(let items):
      return index(step, count: items.count, isAdding: false).flatMap { find(path.dropFirst(), items[$0]) }
    default: return nil
    }
  }

  /// Goes to the parent of the last step and changes it.
  private static func change(
    _ path: ArraySlice<String>, _ document: inout JSONValue, _ body: (String, inout JSONValue) -> Bool
  ) -> Bool {
    guard let step: String = path.first else { return false }
    if path.count == 1 {
      let isDone: Bool = body(step, &document)
      if isDone { document = document.shallowlySorted }
      return isDone
    }
    switch document {
    case .object(var members):
      guard var inner: JSONValue = members[step] else { return false }
      document = .null
      let isDone: Bool = change(path.dropFirst(), &inner, body)
      members[step] = inner
      document = JSONValue.object(members).shallowlySorted
      return isDone
    case .array(var items):
      guard let place: Int = index(step, count: items.count, isAdding: false) else { return false }
      document = .null
      let isDone: Bool = change(path.dropFirst(), &items[place], body)
      document = .array(items)
      return isDone
    default: return false
    }
  }

  private static func add(_ value: JSONValue, at path: ArraySlice<String>, _ document: inout JSONValue) -> Bool {
    if path.isEmpty {
      document = value
      return true
    }
    return change(path, &document) { step, parent in
      switch parent {
      case .object(var members):
        members[step] = value
        parent = .object(members)
        return true
      case .array(var items):
        guard let place: Int = index(step, count: items.count, isAdding: true) else { return false }
        items.insert(value, at: place)
        parent = .array(items)
        return true
      default: return false
      }
    }
  }

  private static func replace(_ value: JSONValue, at path: ArraySlice<String>, _ document: inout JSONValue) -> Bool {
    if path.isEmpty {
      document = value
      return true
    }
    return change(path, &document) { step, parent in
      switch parent {
      case .object(var members):
        // Upstream's library takes the place of a missing member too.
        members[step] = value
        parent = .object(members)
        return true
      case .array(var items):
        guard let place: Int = index(step, count: items.count, isAdding: false) else { return false }
        items[place] = value
        parent = .array(items)
        return true
      default: return false
      }
    }
  }

  private static func remove(_ path: ArraySlice<String>, _ document: inout JSONValue) -> JSONValue? {
    var removed: JSONValue?
    let isDone: Bool = change(path, &document) { step, parent in
      switch parent {
      case .object(var members):
        removed = members.removeValue(step)
        parent = .object(members)
      case .array(var items):
        guard let place: Int = index(step, count: items.count, isAdding: false) else { return false }
        removed = items.remove(at: place)
        parent = .array(items)
      default: return false
      }
      return removed != nil
    }
    return isDone ? removed : nil
  }
}
