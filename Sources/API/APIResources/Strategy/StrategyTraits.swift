// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A field that field selectors may name, besides metadata.name and metadata.namespace.
public struct SelectableField: Sendable, Hashable {
  /// The name in a selector, such as `spec.nodeName`.
  public var name: String
  /// Where its value is: the first of these paths that has one.
  public var paths: [[String]]
  /// What stands for a missing value.
  public var absent: String

  /// A field; its path is its name unless told otherwise.
  public init(_ name: String, paths: [[String]]? = nil, absent: String = "") {
    self.name = name
    self.paths = paths ?? [name.split(separator: ".").map(String.init)]
    self.absent = absent
  }
}

/// A pass over the metadata of an update.
public enum MetadataCheck: Sendable {
  /// The change, and the finalizers' names by the rule of the core group.
  case change
  /// The change alone.
  case changeGeneric
  /// All that is asked of a new object.
  case whole
}

/// What a kind has in common with many others.
public struct StrategyTraits: Sendable {
  /// When the generation goes up.
  public enum Generation: Sendable {
    /// The kind has none.
    case none
    /// A new object has 1; a change of one of these members raises it.
    case of([String])
    /// A new object has none; a change of one of these members raises it.
    case onlyRaised([String])
  }

  /// What an update of the status does with metadata.
  public enum StatusMetadata: Sendable {
    /// Labels and annotations are taken over.
    case taken
    /// Annotations are taken over, labels are not.
    case annotationsOnly
    /// Nothing but managedFields is taken over.
    case kept
  }

  /// How names are checked.
  public var name: NameRule
  /// When the generation goes up.
  public var generation: Generation
  /// Whether there is a status that only its subresource writes.
  public var hasStatus: Bool
  /// What an update of the status does with metadata.
  public var statusMetadata: StatusMetadata
  /// Whether a PUT to a name that does not exist creates the object.
  public var allowsCreateOnUpdate: Bool
  /// Whether a PUT without a resourceVersion overwrites whatever is there.
  public var allowsUnconditionalUpdate: Bool
  /// Fields that field selectors may name.
  public var selectableFields: [SelectableField]
  /// Where the template of the pods is that the kind makes; nil where it makes none.
  public var template: [String]?
  /// A member whose text must stay as it was written; nil where only values count.
  public var rawMember: String?
  /// Where a scale subresource finds its numbers; nil where there is none.
  public var scale: ScalePaths?
  /// What the kind's own rules for updates check of the metadata once more: each fault is told as often as it is met.
  public var updateChecks: [MetadataCheck]
  /// The same for updates of the status.
  public var statusChecks: [MetadataCheck]

  /// Traits; what most kinds have by default.
  public init(
    name: NameRule = .subdomain, generation: Generation = .none, hasStatus: Bool = false,
    statusMetadata: StatusMetadata = .taken, allowsCreateOnUpdate: Bool = false,
    allowsUnconditionalUpdate: Bool = true, selectableFields: [SelectableField] = [], template: [String]? = nil,
    rawMember: String? = nil, scale: ScalePaths? = nil,
    updateChecks: [MetadataCheck] = [.change], statusChecks: [MetadataCheck] = [.change]
  ) {
    self.name = name
    self.generation = generation
    self.hasStatus = hasStatus
    self.statusMetadata = statusMetadata
    self.allowsCreateOnUpdate = allowsCreateOnUpdate
    self.allowsUnconditionalUpdate = allowsUnconditionalUpdate
    self.selectableFields = selectableFields
    self.template = template
    self.rawMember = rawMember
    self.scale = scale
    self.updateChecks = updateChecks
    self.statusChecks = statusChecks
  }
}
