// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import JSON

extension ResourceStrategy {
  public var traits: StrategyTraits { StrategyTraits() }
  public func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {}
  public func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] { [] }
  public func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    validateContent(object, context)
  }
  public func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] { [] }
  public func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    [object["metadata"]["name"], object["metadata"]["creationTimestamp"]]
  }

  public func rowConditions(_ object: JSONValue) -> [JSONValue] { [] }

  public func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext) {
    prepareCommonForCreate(&object)
  }

  public func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    prepareCommonForUpdate(&object, old: old, context)
  }

  public func validate(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    MetadataValidation.errors(object["metadata"], traits.name, isNamespaced: context.resource.isNamespaced)
      + validateContent(object, context)
  }

  public func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    // Upstream checks the metadata once for every kind, and again in the kind's own rules.
    let isNamespaced: Bool = context.resource.isNamespaced
    let metadata: JSONValue = object["metadata"]
    var errors: [FieldError] = MetadataValidation.errors(metadata, .pathSegmentGeneric, isNamespaced: isNamespaced)
    errors += MetadataValidation.updateErrors(metadata, old: old["metadata"])
    for check: MetadataCheck in context.subresource == "status" ? traits.statusChecks : traits.updateChecks {
      switch check {
      case .whole: errors += MetadataValidation.errors(metadata, traits.name, isNamespaced: isNamespaced)
      case .changeGeneric: errors += MetadataValidation.updateErrors(metadata, old: old["metadata"])
      case .change:
        errors += MetadataValidation.updateErrors(metadata, old: old["metadata"])
        errors += MetadataValidation.standardFinalizers(metadata["finalizers"])
      }
    }
    return errors + validateChange(object, old: old, context)
  }

  /// Takes the status away and sets the generation, as the traits say.
  func prepareCommonForCreate(_ object: inout JSONValue) {
    if traits.hasStatus { object["status"] = .null }
    if let template: [String] = traits.template { DisabledPodFields.drop(&object, template: template[...]) }
    switch traits.generation {
    case .none: break
    case .of: object["metadata"]["generation"] = 1
    case .onlyRaised: break
    }
  }

  /// Keeps the status (or, for the status, all else) and raises the generation, as the traits say.
  func prepareCommonForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext) {
    if context.subresource == "status" {
      keepAllButStatus(&object, old: old)
    } else if traits.hasStatus {
      object["status"] = old["status"]
    }
    if context.subresource == nil, let template: [String] = traits.template {
      DisabledPodFields.drop(&object, template: template[...])
    }
    let generation: JSONValue = old["metadata"]["generation"]
    object["metadata"]["generation"] = generation
    switch traits.generation {
    case .none: break
    case .of(let members), .onlyRaised(let members):
      if members.contains(where: { object[$0] != old[$0] }) {
        object["metadata"]["generation"] = .int((generation.int ?? 0) + 1)
      }
    }
  }

  /// Restores everything that an update of the status must not change.
  func keepAllButStatus(_ object: inout JSONValue, old: JSONValue) {
    var kept: JSONValue = old
    kept["status"] = object["status"]
    let metadata: JSONValue = object["metadata"]
    kept["metadata"]["resourceVersion"] = metadata["resourceVersion"]
    kept["metadata"]["managedFields"] = metadata["managedFields"]
    switch traits.statusMetadata {
    case .taken:
      for key: String in ["uid", "labels", "annotations", "finalizers", "ownerReferences"] {
        kept["metadata"][key] = metadata[key]
      }
    case .annotationsOnly:
      for key: String in ["uid", "annotations", "finalizers", "ownerReferences"] {
        kept["metadata"][key] = metadata[key]
      }
    case .kept: break
    }
    object = kept
  }
}
