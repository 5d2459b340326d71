// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in the order in which they were added.
///
/// Small objects are searched from front to back; past `indexThreshold` members an index is kept.
/// Two objects are equal when they have the same members in any order.
public struct JSONObject: Sendable {
  /// One member.
  public typealias Element = (key: String, value: JSONValue)

  /// Up to here a linear search is faster than hashing the key.
  private static let indexThreshold: Int = 12

  private var members: [Element] = []
  private var index: [String: Int]?

  /// An object without members.
  public init() {}

  /// The number of members.
  public var count: Int { members.count }
  /// Whether there are no members.
  public var isEmpty: Bool { members.isEmpty }
  /// The names, in order.
  public var keys: [String] { members.map(\.key) }
  /// The values, in order.
  public var values: [JSONValue] { members.map(\.value) }

  /// Makes room for `count` members.
  public mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

  private func position(_ key: String) -> Int? {
    if let index { return index[key] }
    return members.firstIndex { $0.key == key }
  }

  /// The value of a member; setting nil removes it.
  public subscript(key: String) -> JSONValue? {
    get { position(key).map { members[$0].value } }
    set {
      switch (position(key), newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil):
        members.remove(at: place)
        if index != nil { rebuildIndex() }
      case (nil, let value?): append(key, value)
      case (nil, nil): break
      }
    }
  }

  /// Adds a member; the caller knows that no member has this name.
  mutating func append(_ key: String, _ value: JSONValue) {
    members.append((key, value))
    if index != nil {
      index?[key] = members.count - 1
    } else if members.count > Self.indexThreshold {
      rebuildIndex()
    }
  }

  /// Adds a member unless one has this name; whether it did.
  @inline(__always)
  mutating func appendIfAbsent(_ key: String, _ value: JSONValue) -> Bool {
    if position(key) != nil { return false }
    append(key, value)
    return true
  }

  /// Adds a member whose name no other has; the caller warrants it. Faster than the subscript.
  public mutating func appendUnique(_ key: String, _ value: JSONValue) { append(key, value) }

  /// Takes a member's value out and leaves null in its place, so that it can be changed without a copy.
  mutating func removeValueKeepingPlace(_ key: String) -> JSONValue? {
    guard let place: Int = position(key) else { return nil }
    let value: JSONValue = members[place].value
    members[place].value = .null
    return value
  }

  /// Removes a member and returns its value.
  @discardableResult
  public mutating func removeValue(_ key: String) -> JSONValue? {
    let value: JSONValue? = self[key]
    self[key] = nil
    return value
  }

  /// Removes every member for which the predicate holds.
  public mutating func removeAll(where predicate: (Element) throws -> Bool) rethrows {
    try members.removeAll(where: predicate)
    if index != nil { rebuildIndex() }
  }

  private mutating func rebuildIndex() {
    guard members.count > Self.indexThreshold else {
      index = nil
      return
    }
    var fresh: [String: Int] = [:]
    fresh.reserveCapacity(members.count)
    for (place, member) in members.enumerated() { fresh[member.key] = place }
    index = fresh
  }
}

extension JSONObject: RandomAccessCollection {
  public var startIndex: Int { members.startIndex }
  public var endIndex: Int { members.endIndex }
  public subscript(position: Int) -> Element { members[position] }
}

extension JSONObject: Hashable {
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
  }

  public func hash(into hasher: inout Hasher) {
    // The order of the members must not matter.
    var sum: Int = 0
    for member in members {
      var one: Hasher = Hasher()
      one.combine(member.key)
      one.combine(member.value)
      sum &+= one.finalize()
    }
    hasher.combine(sum)
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init()
    for (key, value) in elements { self[key] = value }
  }
}
