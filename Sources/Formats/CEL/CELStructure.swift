// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What an expression builds: `Object.spec{replicas: 3}`, `JSONPatch{op: "remove", path: "/spec"}`.
public struct CELStructure: CELObject {
  /// The type's name: where in an object it stands.
  public let name: String
  /// The fields.
  public let fields: CELMap

  init(name: String, fields: CELMap) {
    self.name = name
    self.fields = fields
  }

  /// The type's name.
  public var typeName: String { name }

  /// Whether another object has the same type and fields.
  public func isEqual(to other: any CELObject) -> Bool {
    guard let other: CELStructure = other as? CELStructure else { return false }
    return name == other.name && CELValue.map(fields) == .map(other.fields)
  }

  /// There are no functions.
  public func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? { nil }

  /// A field; nil where it is not set.
  public func field(_ name: String) throws(CELError) -> CELValue? { fields[.string(name)] }

  /// What stands at another place than its type's name says; the lists and maps between have no names.
  public var misplaced: [String] { Self.misplaced(.object(self), name) }

  private static func misplaced(_ value: CELValue, _ place: String) -> [String] {
    switch value {
    case .list(let items): return items.flatMap { misplaced($0, place) }
    case .map(let map): return map.entries.flatMap { misplaced($0.value, place) }
    case .object(let object):
      guard let structure: CELStructure = object as? CELStructure else { return [] }
      var found: [String] = []
      if structure.name != place {
        found.append(
          "unexpected type name \(StringFunctions.quoted(structure.name)), expected \(StringFunctions.quoted(place)), "
            + "which matches field name path from root Object type")
      }
      return found + structure.fields.entries.flatMap { misplaced($0.value, "\(place).\($0.key.string ?? "")") }
    default: return []
    }
  }
}
