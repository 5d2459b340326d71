// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

enum EventValidation {
  static func errors(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] { [] }
  static func updateErrors(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] { [] }
}
enum LimitRangeValidation { static func errors(_ object: JSONValue) -> [FieldError] { [] } }
enum ResourceQuotaValidation {
  static func errors(_ object: JSONValue) -> [FieldError] { [] }
  static func statusErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func scopeErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
}
enum RBACValidation {
  static func roleErrors(_ object: JSONValue, isCluster: Bool) -> [FieldError] { [] }
  static func bindingErrors(_ object: JSONValue, isCluster: Bool) -> [FieldError] { [] }
}
enum PersistentVolumeValidation {
  static func errors(_ object: JSONValue) -> [FieldError] { [] }
  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
}
enum PersistentVolumeClaimValidation {
  static func specErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] { [] }
  static func statusErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
  static func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
}
enum StorageValidation {
  static func storageClassErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func storageClassUpdateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
  static func driverErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func nodeErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func nodeUpdateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] { [] }
  static func capacityErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func attachmentErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func attributesClassErrors(_ object: JSONValue) -> [FieldError] { [] }
}
enum NetworkPolicyValidation { static func errors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] { [] } }
enum IngressValidation {
  static func errors(_ object: JSONValue, old: JSONValue? = nil) -> [FieldError] { [] }
  static func classErrors(_ object: JSONValue) -> [FieldError] { [] }
}
enum CertificateRequestValidation {
  static func errors(_ object: JSONValue) -> [FieldError] { [] }
  static func updateErrors(_ object: JSONValue, old: JSONValue, subresource: String?) -> [FieldError] { [] }
}
enum WebhookValidation { static func errors(_ object: JSONValue, isMutating: Bool) -> [FieldError] { [] } }
enum AdmissionPolicyValidation {
  static func policyErrors(_ object: JSONValue, isMutating: Bool) -> [FieldError] { [] }
  static func bindingErrors(_ object: JSONValue, isMutating: Bool) -> [FieldError] { [] }
}
enum FlowControlValidation {
  static func schemaErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func levelErrors(_ object: JSONValue) -> [FieldError] { [] }
}
enum DeviceValidation {
  static func classErrors(_ object: JSONValue) -> [FieldError] { [] }
  static func claimSpecErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] { [] }
}
