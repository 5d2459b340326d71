// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Events of both groups; the core group's form is the one that strategies see.
struct EventStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    let fields: [SelectableField] = [
      "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
      "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "type",
      "reportingComponent",
    ].map { SelectableField($0) }
    return StrategyTraits(
      name: .subdomainGeneric, allowsCreateOnUpdate: true,
      selectableFields: fields + [
        SelectableField("source", paths: [["source", "component"], ["reportingComponent"]])
      ])
  }

  func validate(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    EventValidation.errors(object, context)
  }

  func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    EventValidation.updateErrors(object, old: old, context)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let object: JSONValue = VersionConversion.convert(object, to: GroupVersionKind("", "v1", "Event"))
    let created: JSONValue = object["eventTime"]
    let first: JSONValue = object["firstTimestamp"].isThere ? object["firstTimestamp"] : created
    var last: JSONValue = object["lastTimestamp"].isThere ? object["lastTimestamp"] : first
    var count: Int64 = object["count"].int ?? 0
    if object["series"].isThere {
      last = object["series"]["lastObservedTime"]
      count = object["series"]["count"].int ?? 0
    } else if count == 0 {
      count = 1
    }
    let about: JSONValue = object["involvedObject"]
    let target: String =
      about["name"].plain.isEmpty
      ? about["kind"].plain.lowercased() : "\(about["kind"].plain.lowercased())/\(about["name"].plain)"
    return [
      TableText.since(last, context), .string(object["type"].plain), .string(object["reason"].plain), .string(target),
      .string(about["fieldPath"].plain), .string(Self.source(object)),
      .string(Self.trimmed(object["message"].plain)), TableText.since(first, context), .int(count),
      object["metadata"]["name"],
    ]
  }

  private static func source(_ event: JSONValue) -> String {
    let component: String =
      [event["source"]["component"].plain, event["reportingComponent"].plain]
      .first { !$0.isEmpty } ?? ""
    let instance: String =
      [event["source"]["host"].plain, event["reportingInstance"].plain]
      .first { !$0.isEmpty } ?? ""
    return instance.isEmpty ? component : "\(component), \(instance)"
  }

  private static func trimmed(_ text: String) -> String {
    var slice: Substring = text[...]
    while let first: Character = slice.first, first.isWhitespace { slice.removeFirst() }
    while let last: Character = slice.last, last.isWhitespace { slice.removeLast() }
    return String(slice)
  }
}
