// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CertificateSigningRequests.
struct CertificateSigningRequestStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(name: .pathSegment, hasStatus: true, selectableFields: [SelectableField("spec.signerName")], updateChecks: [.whole, .change], statusChecks: [.whole, .change])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.editItems("conditions") { $0.setDefaultText("status", "True") }
  }

  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    // Who asks is known from the request, whatever the object says.
    object["spec"]["username"] = .string(context.userName)
    object["spec"]["uid"] = context.userUID.isEmpty ? .null : .string(context.userUID)
    object["spec"]["groups"] = context.userGroups.isEmpty ? .null : JSONValue(context.userGroups)
    object["spec"]["extra"] = .null
    for key: String in context.userExtra.keys.sorted() {
      object["spec"]["extra"][key] = JSONValue(context.userExtra[key] ?? [])
    }
    object["status"] = .null
  }

  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    object["metadata"]["generation"] = old["metadata"]["generation"]
    object["spec"] = old["spec"]
    switch context.subresource {
    case "approval":
      // Only Approved and Denied come this way.
      let decided: [JSONValue] = object["status"]["conditions"].items
      object["status"] = old["status"]
      if !decided.isEmpty || old["status"]["conditions"].isThere { object["status"]["conditions"] = .array(decided) }
      Self.stamp(&object, old: old, context)
    case "status":
      // Approval has its own way; a status may carry the certificate and a failure.
      Self.stamp(&object, old: old, context)
    default: object["status"] = old["status"]
    }
  }

  /// Sets the times of conditions that are new or changed.
  private static func stamp(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    let known: [JSONValue] = old["status"]["conditions"].items
    object.edit("status") { status in
      status.editItems("conditions") { condition in
        if condition["lastUpdateTime"].isNull { condition["lastUpdateTime"] = .string(context.now) }
        guard condition["lastTransitionTime"].isNull else { return }
        let same: JSONValue? = known.first { $0["type"] == condition["type"] && $0["status"] == condition["status"] }
        condition["lastTransitionTime"] = same?["lastTransitionTime"] ?? .string(context.now)
      }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    CertificateRequestValidation.errors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    CertificateRequestValidation.updateErrors(object, old: old, subresource: context.subresource)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let requested: JSONValue = spec["expirationSeconds"].int.map { .string(TableText.duration(Double($0))) } ?? "<none>"
    return [
      object["metadata"]["name"], TableText.age(object, context), .string(spec["signerName"].plain),
      .string(spec["username"].plain), requested, .string(Self.condition(object["status"])),
    ]
  }

  private static func condition(_ status: JSONValue) -> String {
    let types: [String] = status["conditions"].items.map { $0["type"].plain }
    var text: String = "Pending"
    if types.contains("Denied") { text = "Denied" } else if types.contains("Approved") { text = "Approved" }
    if types.contains("Failed") { text += ",Failed" }
    if !status["certificate"].plain.isEmpty { text += ",Issued" }
    return text
  }
}
