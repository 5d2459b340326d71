// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Values as upstream's server holds them, for the messages that print them whole.
enum GoForm {
  /// A value of a type in the notation of `GoTypes`, such as `@core.PodSpec` or `[]s`.
  static func of(_ value: JSONValue, _ type: String) -> JSONValue {
    form(value, GoTypes.shape(Substring(type), "core"), comparing: false)
  }

  /// Whether two values mean the same: absent is as good as empty, and quantities count, not their texts.
  static func isSame(_ one: JSONValue, _ other: JSONValue, _ type: String) -> Bool {
    let shape: GoTypes.Shape = GoTypes.shape(Substring(type), "core")
    return withoutVoids(form(one, shape, comparing: true)) == withoutVoids(form(other, shape, comparing: true))
  }

  /// What changes from one value to another, line by line.
  static func difference(_ old: JSONValue, _ new: JSONValue, _ type: String) -> String {
    LineDifference.text(from: GoLines.lines(of(old, type)), to: GoLines.lines(of(new, type)))
  }

  /// A change of what must not change.
  static func immutable(
    _ new: JSONValue, _ old: JSONValue, _ path: FieldPath, _ type: String, _ words: String = Checks.immutable
  ) -> [FieldError] {
    isSame(new, old, type) ? [] : [.invalid(path, of(new, type), words)]
  }

  private static func withoutVoids(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let items): return items.isEmpty ? .null : .array(items.map(withoutVoids))
    case .object(let members) where members.isEmpty: return .null
    case .object(let members):
      // A structure that is there differs from none, whatever it holds.
      var kept: JSONObject = JSONObject()
      for (name, member) in members {
        let member: JSONValue = withoutVoids(member)
        if !member.isNull { kept[name] = member }
      }
      return .object(kept)
    default: return value
    }
  }

  /// - Parameter comparing: Quantities become what they are worth, whatever their text is.
  private static func form(_ value: JSONValue, _ shape: GoTypes.Shape, comparing: Bool) -> JSONValue {
    switch shape {
    case .string: return .string(value.plain)
    case .number, .intOrString: return value.isNull ? 0 : value
    case .boolean: return value.isNull ? false : value
    case .bytes, .time: return value
    case .quantity:
      if comparing { return .string("\(Checks.quantity(value)?.nanounits ?? 0)") }
      return value.isNull ? "0" : Checks.canonical(value)
    case .opaque: return value.isNull ? .object(JSONObject()) : withSortedMaps(value)
    case .metadata: return metadata(value)
    case .pointer(let shape): return value.isNull ? .null : form(value, shape, comparing: comparing)
    case .list(let shape): return value.isNull ? .null : .array(value.items.map { form($0, shape, comparing: comparing) })
    case .map(let shape):
      if value.isNull { return .null }
      var members: JSONObject = JSONObject()
      for key: String in value.sortedKeys { members[key] = form(value[key], shape, comparing: comparing) }
      return .object(members)
    case .structure(let name):
      var members: JSONObject = JSONObject()
      append(name == "core.PodSpec" ? withHostSettings(value) : value, name, to: &members, comparing: comparing)
      return .object(members)
    }
  }

  private static func append(
    _ value: JSONValue, _ name: String, to members: inout JSONObject, comparing: Bool
  ) {
    for field: GoTypes.Field in GoTypes.fields(name) {
      if !field.name.isEmpty {
        let given: JSONValue = field.json.isEmpty ? value : value[field.json]
        members[field.name] = form(given, field.shape, comparing: comparing)
      } else if case .structure(let inner) = field.shape {
        append(value, inner, to: &members, comparing: comparing)
      } else if case .metadata = field.shape {
        for (key, member) in metadata(value["metadata"]).object ?? JSONObject() { members[key] = member }
      }
    }
  }

  private static func metadata(_ value: JSONValue) -> JSONValue {
    var value: JSONValue = value
    for key: String in ["labels", "annotations"] where value[key].isThere { value[key] = withSortedKeys(value[key]) }
    return value
  }

  /// Label selectors and their like, whose only maps are those of labels.
  private static func withSortedMaps(_ value: JSONValue) -> JSONValue {
    var value: JSONValue = value
    if value["matchLabels"].isThere { value["matchLabels"] = withSortedKeys(value["matchLabels"]) }
    return value
  }

  /// A map as Go prints it.
  static func withSortedKeys(_ value: JSONValue) -> JSONValue {
    var members: JSONObject = JSONObject()
    for key: String in value.sortedKeys { members[key] = value[key] }
    return .object(members)
  }

  /// Upstream holds what a pod shares with its node among the security settings.
  private static func withHostSettings(_ spec: JSONValue) -> JSONValue {
    var spec: JSONValue = spec
    var context: JSONObject = spec["securityContext"].object ?? JSONObject()
    for key: String in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
      context[key] = spec[key]
    }
    spec["securityContext"] = .object(context)
    if spec["serviceAccountName"].isNull { spec["serviceAccountName"] = spec["serviceAccount"] }
    return spec
  }
}
