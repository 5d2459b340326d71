// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues

/// A custom resource definition as the server works with it.
struct CustomResource: Sendable {
  let definition: JSONValue
  let group: String
  let plural: String
  let kind: String
  let isNamespaced: Bool
  /// The version in whose form objects are stored.
  let storageVersion: String

  init(_ definition: JSONValue) {
    self.definition = definition
    group = definition["spec"]["group"].string ?? ""
    plural = definition["spec"]["names"]["plural"].string ?? ""
    kind = definition["spec"]["names"]["kind"].string ?? ""
    isNamespaced = definition["spec"]["scope"].string == "Namespaced"
    storageVersion = definition["spec"]["versions"].items.first { $0["storage"].bool == true }?["name"].string ?? ""
  }

  /// The names under which it is served: those that were accepted, or all until that is decided.
  var names: JSONValue {
    let accepted: JSONValue = definition["status"]["acceptedNames"]
    return accepted["plural"].string?.isEmpty == false ? accepted : definition["spec"]["names"]
  }

  /// Grows with every change of the definition's spec.
  var generation: Int64 { definition["metadata"]["generation"].int ?? 0 }

  var servedVersions: [JSONValue] { definition["spec"]["versions"].items.filter { $0["served"].bool == true } }

  /// What field selectors can name besides metadata, in any version.
  var selectableFields: [CachedField] {
    let paths: [String] = definition["spec"]["versions"].items.flatMap { version in
      version["selectableFields"].items.compactMap { $0["jsonPath"].string.map { String($0.dropFirst()) } }
    }
    return Set(paths).sorted().map { CachedField($0) }
  }

  /// What field selectors can name in one version.
  func selectableFields(of name: String) -> [String] {
    version(name)["selectableFields"].items.compactMap { $0["jsonPath"].string.map { String($0.dropFirst()) } }
  }

  func version(_ name: String) -> JSONValue {
    definition["spec"]["versions"].items.first { $0["name"].string == name } ?? .null
  }

  /// What discovery and routing ask about one version.
  func resource(_ version: JSONValue) -> ResourceDefinition {
    let name: String = version["name"].string ?? ""
    let own: GroupVersionKind = GroupVersionKind(group, name, kind)
    var subresources: [SubresourceDefinition] = []
    if version["subresources"]["scale"].object != nil {
      subresources.append(
        SubresourceDefinition("scale", kind: GroupVersionKind("autoscaling", "v1", "Scale"), verbs: .readAndWrite))
    }
    if version["subresources"]["status"].object != nil {
      subresources.append(SubresourceDefinition("status", kind: own, verbs: .readAndWrite))
    }
    return ResourceDefinition(
      identifier: GroupVersionResource(group, name, plural), kind: own,
      listKind: names["listKind"].string ?? "\(kind)List", singular: names["singular"].string ?? kind.lowercased(),
      isNamespaced: isNamespaced, verbs: .all, shortNames: names["shortNames"].stringItems,
      categories: names["categories"].stringItems, subresources: subresources,
      storagePrefix: "\(group)/\(plural)", storageKind: GroupVersionKind(group, storageVersion, kind),
      storageVersionHash: nil, columns: CustomColumns.columns(version))
  }
}

/// The printer columns of a version.
enum CustomColumns {
  static func columns(_ version: JSONValue) -> [TableColumn] {
    let given: [JSONValue] = version["additionalPrinterColumns"].items
    var name: TableColumn = .name
    name.description = TableColumnTexts.name
    if given.isEmpty { return [name, TableColumn("Age", type: "date", description: TableColumnTexts.age)] }
    return [name] + given.map { column in
      TableColumn(
        column["name"].string ?? "", type: column["type"].string ?? "string", format: column["format"].string ?? "",
        description: column["description"].string ?? "", priority: Int(column["priority"].int ?? 0))
    }
  }

  /// The cells of an object's row.
  static func cells(_ object: JSONValue, _ version: JSONValue, now: Double) -> [JSONValue] {
    let name: JSONValue = object["metadata"]["name"]
    let given: [JSONValue] = version["additionalPrinterColumns"].items
    if given.isEmpty { return [name, .string(age(object["metadata"]["creationTimestamp"].string, now))] }
    return [name] + given.map { column in
      let found: [JSONValue] = JSONPath.find(column["jsonPath"].string ?? "", in: object)
      guard let first: JSONValue = found.first, !first.isNull else { return .null }
      switch column["type"].string ?? "" {
      case "integer", "number": return first.double == nil ? .null : first
      case "boolean": return first.bool == nil ? .null : first
      case "date": return .string(age(first.string, now))
      default:
        return .string(plain(first))
      }
    }
  }

  private static func plain(_ value: JSONValue) -> String { value.string ?? value.text }

  /// The time since a moment, as kubectl shows it.
  static func age(_ text: String?, _ now: Double) -> String {
    guard let text, let time: Timestamp = try? Timestamp(parsing: text) else { return "<unknown>" }
    let seconds: Int = max(0, Int(now - time.timeInterval))
    if seconds < 120 { return "\(seconds)s" }
    let minutes: Int = seconds / 60
    if minutes < 10 { return seconds % 60 == 0 ? "\(minutes)m" : "\(minutes)m\(seconds % 60)s" }
    if minutes < 180 { return "\(minutes)m" }
    let hours: Int = minutes / 60
    if hours < 8 { return minutes % 60 == 0 ? "\(hours)h" : "\(hours)h\(minutes % 60)m" }
    if hours < 48 { return "\(hours)h" }
    let days: Int = hours / 24
    if days < 8 { return hours % 24 == 0 ? "\(days)d" : "\(days)d\(hours % 24)h" }
    if days < 365 * 2 { return "\(days)d" }
    let years: Int = days / 365
    if years < 8 { return days % 365 == 0 ? "\(years)y" : "\(years)y\(days % 365)d" }
    return "\(years)y"
  }
}

/// Descriptions of the columns that every table has.
enum TableColumnTexts {
  static let name: String = SchemaRegistry.builtIn.message("k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta")?.field("name")?.documentation ?? ""
  static let age: String = SchemaRegistry.builtIn.message("k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta")?.field("creationTimestamp")?.documentation ?? ""
}

/// The simple JSON paths of printer columns: members, indices, `[*]` and `[?(@.type=="Ready")]`.
enum JSONPath {
  static func find(_ path: String, in root: JSONValue) -> [JSONValue] {
    var values: [JSONValue] = [root]
    var rest: Substring = path[...]
    if rest.hasPrefix("$") { rest = rest.dropFirst() }
    while let first: Character = rest.first {
      if first == "." {
        rest = rest.dropFirst()
        let name: Substring = takeName(&rest)
        if name.isEmpty { continue }
        values = values.compactMap { value in
          let next: JSONValue = value[String(name)]
          return next.isNull ? nil : next
        }
      } else if first == "[", let end: Substring.Index = rest.firstIndex(of: "]") {
        let inside: Substring = rest[rest.index(after: rest.startIndex)..<end]
        rest = rest[rest.index(after: end)...]
        values = values.flatMap { step($0, inside) }
      } else {
        let name: Substring = takeName(&rest)
        guard !name.isEmpty else { return values }
        values = values.map { $0[String(name)] }.filter { !$0.isNull }
      }
    }
    return values
  }

  /// A member's name, in which a backslash quotes the next character.
  private static func takeName(_ rest: inout Substring) -> Substring {
    var name: String = ""
    while let character: Character = rest.first, character != ".", character != "[" {
      rest = rest.dropFirst()
      if character == "\\", let next: Character = rest.first {
        name.append(next)
        rest = rest.dropFirst()
      } else {
        name.append(character)
      }
    }
    return name[...]
  }

  private static func step(_ value: JSONValue, _ inside: Substring) -> [JSONValue] {
    if inside == "*" { return value.items.isEmpty ? value.object?.values ?? [] : value.items }
    if let index: Int = Int(inside) {
      let items: [JSONValue] = value.items
      let place: Int = index < 0 ? items.count + index : index
      return items.indices.contains(place) ? [items[place]] : []
    }
    if inside.hasPrefix("'") || inside.hasPrefix("\"") {
      let next: JSONValue = value[String(inside.dropFirst().dropLast())]
      return next.isNull ? [] : [next]
    }
    guard inside.hasPrefix("?(@."), inside.hasSuffix(")") else { return [] }
    let condition: Substring = inside.dropFirst(4).dropLast()
    let parts: [String] = String(condition).components("==")
    guard parts.count == 2 else { return [] }
    let wanted: String = parts[1].filter { $0 != "\"" && $0 != "'" }.trimmed
    return value.items.filter { item in
      let found: JSONValue = find("." + parts[0].trimmed, in: item).first ?? .null
      return (found.string ?? found.text) == wanted
    }
  }
}

extension String {
  fileprivate func components(_ separator: String) -> [String] {
    guard let range: Range<String.Index> = firstRange(of: separator) else { return [self] }
    return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
  }

  fileprivate var trimmed: String {
    var rest: Substring = self[...]
    while rest.first == " " { rest.removeFirst() }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }
}
