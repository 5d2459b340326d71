// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Which of a definition's names are free within its group: names once accepted stay, others must be used by nobody.
struct AcceptedNames {
  /// The names that the definition has.
  private(set) var names: JSONValue
  /// The first name that somebody else has, with the reason that the condition gives.
  private(set) var conflict: (reason: String, message: String)?

  /// - Parameter others: The other definitions of the group.
  init(_ definition: JSONValue, others: [JSONValue]) {
    let wanted: JSONValue = definition["spec"]["names"]
    names = definition["status"]["acceptedNames"]
    var resources: Set<String> = []
    var kinds: Set<String> = []
    for other: JSONValue in others {
      let accepted: JSONValue = other["status"]["acceptedNames"]
      resources.formUnion([accepted["plural"].string, accepted["singular"].string].compactMap { $0 }.filter { !$0.isEmpty })
      resources.formUnion(accepted["shortNames"].stringItems)
      kinds.formUnion([accepted["kind"].string, accepted["listKind"].string].compactMap { $0 }.filter { !$0.isEmpty })
    }
    take("plural", wanted, resources, "PluralConflict")
    take("singular", wanted, resources, "SingularConflict")
    takeShortNames(wanted, resources)
    take("kind", wanted, kinds, "KindConflict")
    take("listKind", wanted, kinds, "ListKindConflict")
    names["categories"] = wanted["categories"]
  }

  private static func inUse(_ name: String) -> String { "\(name.goQuoted) is already in use" }

  private mutating func take(_ key: String, _ wanted: JSONValue, _ used: Set<String>, _ reason: String) {
    let name: String = wanted[key].string ?? ""
    if name != names[key].string ?? "", used.contains(name) {
      conflict = (reason, Self.inUse(name))
    } else {
      names[key] = wanted[key]
    }
  }

  private mutating func takeShortNames(_ wanted: JSONValue, _ used: Set<String>) {
    let own: [String] = names["shortNames"].stringItems
    let taken: [String] = wanted["shortNames"].stringItems.filter { !own.contains($0) && used.contains($0) }
    if taken.isEmpty {
      names["shortNames"] = wanted["shortNames"]
    } else {
      let messages: [String] = taken.map(Self.inUse)
      conflict = (
        "ShortNamesConflict", messages.count == 1 ? messages[0] : "[\(messages.joined(separator: ", "))]"
      )
    }
  }

  /// The conditions that say so.
  func conditions(isEstablished: Bool, now: JSONValue) -> [JSONValue] {
    func condition(_ type: String, _ status: String, _ reason: String, _ message: String) -> JSONValue {
      [
        "type": .string(type), "status": .string(status), "lastTransitionTime": now, "reason": .string(reason),
        "message": .string(message),
      ]
    }
    guard let conflict else {
      return [
        condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
        condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted"),
      ]
    }
    let refused: JSONValue = condition("NamesAccepted", "False", conflict.reason, conflict.message)
    // What is established stays so, with the names that it has.
    return isEstablished
      ? [refused] : [refused, condition("Established", "False", "NotAccepted", "not all names are accepted")]
  }
}
