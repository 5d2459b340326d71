// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// MutatingWebhookConfigurations and ValidatingWebhookConfigurations.
struct WebhookConfigurationStrategy: ResourceStrategy {
  var isMutating: Bool

  var traits: StrategyTraits {
    StrategyTraits(
      name: .subdomainGeneric, generation: .of(["webhooks"]), allowsUnconditionalUpdate: false,
      updateChecks: [.whole])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.editItems("webhooks") { hook in
      hook.setDefault("failurePolicy", "Fail")
      hook.setDefault("matchPolicy", "Equivalent")
      hook.setDefault("namespaceSelector", [:])
      hook.setDefault("objectSelector", [:])
      hook.setDefault("timeoutSeconds", 10)
      if isMutating { hook.setDefault("reinvocationPolicy", "Never") }
      hook.editItems("rules", AdmissionDefaults.rule)
      hook.edit("clientConfig") { client in client.edit("service") { $0.setDefault("port", 443) } }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    WebhookValidation.errors(object, isMutating: isMutating)
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], JSONValue(object["webhooks"].items.count), TableText.age(object, context)]
  }
}

/// Defaults that the kinds of the group share.
enum AdmissionDefaults {
  static func rule(_ rule: inout JSONValue) { rule.setDefault("scope", "*") }

  static func match(_ match: inout JSONValue) {
    match.setDefault("matchPolicy", "Equivalent")
    match.setDefault("namespaceSelector", [:])
    match.setDefault("objectSelector", [:])
    for key: String in ["resourceRules", "excludeResourceRules"] { match.editItems(key, rule) }
  }
}
