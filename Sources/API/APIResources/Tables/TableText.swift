// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeValues

/// The texts that table cells share, as upstream's printers write them.
enum TableText {
  /// A span of seconds as people say it: `5s`, `3m20s`, `2d4h`.
  static func duration(_ seconds: Double) -> String {
    let total: Int = Int(seconds)
    if total < -1 { return "<invalid>" }
    if total < 0 { return "0s" }
    if total < 120 { return "\(total)s" }
    let minutes: Int = total / 60
    if minutes < 10 { return pair(minutes, "m", total % 60, "s") }
    if minutes < 180 { return "\(minutes)m" }
    let hours: Int = total / 3600
    if hours < 8 { return pair(hours, "h", minutes % 60, "m") }
    if hours < 48 { return "\(hours)h" }
    if hours < 24 * 8 { return pair(hours / 24, "d", hours % 24, "h") }
    if hours < 24 * 365 * 2 { return "\(hours / 24)d" }
    if hours < 24 * 365 * 8 { return pair(hours / 24 / 365, "y", (hours / 24) % 365, "d") }
    return "\(hours / 24 / 365)y"
  }

  private static func pair(_ large: Int, _ unit: String, _ small: Int, _ smallUnit: String) -> String {
    small == 0 ? "\(large)\(unit)" : "\(large)\(unit)\(small)\(smallUnit)"
  }

  /// Seconds since 1970 of an RFC 3339 text; nil where there is none.
  static func seconds(_ value: JSONValue) -> Double? {
    guard let text: String = value.string else { return nil }
    // What does not parse is shown as unknown.
    return (try? Timestamp(parsing: text))?.timeInterval
  }

  /// The time since a moment.
  static func since(_ value: JSONValue, _ context: TableContext) -> JSONValue {
    guard let moment: Double = seconds(value) else { return "<unknown>" }
    return .string(duration(context.now - moment))
  }

  /// The age of an object.
  static func age(_ object: JSONValue, _ context: TableContext) -> JSONValue {
    since(object["metadata"]["creationTimestamp"], context)
  }

  /// Labels as `a=b,c=d`.
  static func labels(_ value: JSONValue) -> JSONValue {
    let keys: [String] = value.sortedKeys
    if keys.isEmpty { return "<none>" }
    return .string(keys.map { "\($0)=\(value[$0].plain)" }.joined(separator: ","))
  }

  /// A label selector as `a=b,c in (d,e)`.
  static func selector(_ value: JSONValue) -> JSONValue {
    guard value.isThere else { return "<none>" }
    let requirements: [LabelSelector.Requirement] = Checks.selector(value).requirements
    let sorted: [LabelSelector.Requirement] = requirements.enumerated()
      .sorted { ($0.element.key, $0.offset) < ($1.element.key, $1.offset) }.map(\.element)
    let text: String = sorted.map { requirement in
      let values: String = requirement.values.sorted().joined(separator: ",")
      switch requirement.comparison {
      case .isIn: return "\(requirement.key) in (\(values))"
      case .notIn: return "\(requirement.key) notin (\(values))"
      case .exists: return requirement.key
      case .doesNotExist: return "!\(requirement.key)"
      default: return "\(requirement.key)=\(values)"
      }
    }.joined(separator: ",")
    return text.isEmpty ? "<none>" : .string(text)
  }

  /// Names and images of containers, for wide tables.
  static func containers(_ podSpec: JSONValue) -> [JSONValue] {
    let containers: [JSONValue] = podSpec["containers"].items
    return [
      .string(containers.map { $0["name"].plain }.joined(separator: ",")),
      .string(containers.map { $0["image"].plain }.joined(separator: ",")),
    ]
  }

  /// A string, or what stands for none.
  static func text(_ value: JSONValue, or absent: String) -> JSONValue {
    value.plain.isEmpty ? .string(absent) : value
  }

  /// A number, zero where there is none.
  static func number(_ value: JSONValue) -> JSONValue { .int(value.int ?? 0) }

  /// Access modes as `RWO,ROX`.
  static func accessModes(_ value: JSONValue) -> JSONValue {
    let short: [(String, String)] = [
      ("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP"),
    ]
    let modes: [String] = value.strings
    return .string(short.filter { modes.contains($0.0) }.map(\.1).joined(separator: ","))
  }
}
