// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// VolumeAttachments.
struct VolumeAttachmentStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(hasStatus: true, statusMetadata: .kept, allowsUnconditionalUpdate: false, updateChecks: [.whole])
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    StorageValidation.attachmentErrors(object)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    guard context.subresource == nil else { return [] }
    return StorageValidation.attachmentErrors(object)
      + GoForm.immutable(object["spec"], old["spec"], FieldPath("spec"), "@storage.VolumeAttachmentSpec")
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    return [
      object["metadata"]["name"], spec["attacher"], .string(spec["source"]["persistentVolumeName"].plain),
      spec["nodeName"], .bool(object["status"]["attached"].bool ?? false), TableText.age(object, context),
    ]
  }
}
