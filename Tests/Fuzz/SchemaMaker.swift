// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Makes objects that fit a schema, mostly.
struct SchemaMaker {
  /// How often a value is of a type that does not fit; 0 for never.
  var faults: Int = 0

  static let kinds: [KindSchema] = [
    ("", "Pod"), ("", "Service"), ("", "ConfigMap"), ("", "Secret"), ("", "Node"), ("", "PersistentVolumeClaim"), ("apps", "Deployment"),
    ("apps", "StatefulSet"), ("batch", "Job"), ("discovery.k8s.io", "EndpointSlice"), ("rbac.authorization.k8s.io", "ClusterRole"),
    ("networking.k8s.io", "NetworkPolicy"), ("", "Event"), ("coordination.k8s.io", "Lease"),
  ].compactMap { SchemaRegistry.builtIn.kind($0.0, "v1", $0.1) }

  /// An object of a kind, with its names in place.
  func object(_ kind: KindSchema, _ random: inout FuzzRandom) -> JSONValue {
    var members: JSONObject = value(kind.schema, &random, depth: 0).object ?? JSONObject()
    members["apiVersion"] = .string(kind.kind.apiVersion)
    members["kind"] = .string(kind.kind.kind)
    var metadata: JSONObject = members["metadata"]?.object ?? JSONObject()
    metadata["managedFields"] = nil
    metadata["name"] = "x"
    members["metadata"] = .object(metadata)
    return .object(members)
  }

  /// - Parameter keys: what names the items of a list; they have it always.
  func value(_ schema: Schema, _ random: inout FuzzRandom, depth: Int, keys: [String] = []) -> JSONValue {
    if faults > 0, random.oneIn(faults) { return JSONMaker.value(&random, depth: 2) }
    switch schema.shape {
    case .object: return object(schema, &random, depth)
    case .map: return map(schema, &random, depth)
    case .list:
      guard let element = schema.element, depth < 12 else { return .array([]) }
      var items: [JSONValue] = []
      for _ in 0..<random.below(depth < 5 ? 4 : 2) {
        var item: JSONValue = value(element, &random, depth: depth + 1)
        for key: String in keys where item.object != nil {
          item[key] = Self.key(item[key], element.field(key)?.schema.shape, &random)
        }
        items.append(item)
      }
      return .array(items)
    default: return scalar(schema.shape, &random)
    }
  }

  /// A key that names: what is empty or zero is left out when an object is written, and then is no key.
  private static func key(_ value: JSONValue, _ shape: Schema.Shape?, _ random: inout FuzzRandom) -> JSONValue {
    if shape == .int32 || shape == .int64 { return (value.int ?? 0) == 0 ? .int(Int64(1 + random.below(100))) : value }
    return value.string?.isEmpty ?? true ? .string("k\(random.below(4))") : value
  }

  private func object(_ schema: Schema, _ random: inout FuzzRandom, _ depth: Int) -> JSONValue {
    var members: JSONObject = JSONObject()
    guard depth < 12 else { return .object(members) }
    for field: SchemaField in schema.fields {
      let isKey: Bool = ["name", "key", "type", "containerPort", "port", "mountPath"].contains(field.name)
      guard random.oneIn(isKey ? 2 : depth < 2 ? 3 : 8) else { continue }
      if !field.enumeration.isEmpty, !random.oneIn(10) {
        members[field.name] = .string(random.pick(field.enumeration))
      } else {
        var keys: [String] = []
        if case .map(let names) = field.merge { keys = names }
        members[field.name] = value(field.schema, &random, depth: depth + 1, keys: keys)
      }
    }
    return .object(members)
  }

  private func map(_ schema: Schema, _ random: inout FuzzRandom, _ depth: Int) -> JSONValue {
    var members: JSONObject = JSONObject()
    for _ in 0..<random.below(4) {
      members[random.word()] = schema.element.map { value($0, &random, depth: depth + 1) } ?? "x"
    }
    return .object(members)
  }

  private func scalar(_ shape: Schema.Shape, _ random: inout FuzzRandom) -> JSONValue {
    switch shape {
    case .string: .string(random.word())
    case .boolean: .bool(random.oneIn(2))
    case .int32: .int(Int64(Int32(truncatingIfNeeded: random.integer())))
    case .int64: .int(random.integer())
    case .double: .double(Double(random.below(10_000)) / 16)
    case .bytes: .string(random.pick(["", "YQ==", "YWI=", "YWJj", "AAECAwQF"]))
    case .quantity: .string(random.pick(["1", "100m", "1Gi", "1.5", "2e3", "0", "-1", "1500m", "3Ki", "12E"]))
    case .time: .string(random.pick(["2024-02-29T23:59:59Z", "1970-01-01T00:00:00Z", "2024-06-01T12:00:00+02:00"]))
    case .microTime: .string(random.pick(["2024-02-29T23:59:59.123456Z", "1970-01-01T00:00:00.000001Z"]))
    case .duration: .string(random.pick(["1h0m0s", "30s", "0s", "1.5s", "300ms"]))
    case .intOrString: random.oneIn(2) ? .int(Int64(random.below(70_000))) : .string(random.pick(["http", "25%", ""]))
    case .fieldsV1: [:]
    case .rawExtension, .any: ["apiVersion": "v1", "kind": "ConfigMap", "data": ["a": .string(random.word())]]
    default: .bool(true)
    }
  }
}
