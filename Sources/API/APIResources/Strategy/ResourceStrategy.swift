// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import APISchema
public import JSON

/// What a strategy may know of the request it serves.
public struct StrategyContext: Sendable {
  /// The resource that is written.
  public var resource: ResourceDefinition
  /// The subresource that is written: `status`, `scale` and so on; nil for the object itself.
  public var subresource: String?
  /// The user's name.
  public var userName: String
  /// The user's groups.
  public var userGroups: [String]
  /// The user's identifier.
  public var userUID: String
  /// Further facts of the user.
  public var userExtra: [String: [String]]
  /// The moment of the request, as the server writes times: RFC 3339 with whole seconds in UTC.
  public var now: String
  /// Takes a warning for the client.
  public var warn: @Sendable (String) -> Void = { _ in }
  /// Answers whether the user may do something: verb, group, resource, namespace, name.
  public var isAuthorized: @Sendable (String, String, String, String, String) async -> Bool

  /// A context.
  public init(
    resource: ResourceDefinition, subresource: String? = nil, userName: String = "", userGroups: [String] = [],
    userUID: String = "", userExtra: [String: [String]] = [:], now: String,
    isAuthorized: @escaping @Sendable (String, String, String, String, String) async -> Bool = { _, _, _, _, _ in true }
  ) {
    self.resource = resource
    self.subresource = subresource
    self.userName = userName
    self.userGroups = userGroups
    self.userUID = userUID
    self.userExtra = userExtra
    self.now = now
    self.isAuthorized = isAuthorized
  }
}

/// What a kind does beyond its schema.
///
/// An object arrives decoded and in the storage form of its kind. The server calls, in this order:
///
/// - create: schema defaults, `applyDefaults`, admission, metadata (namespace, name, uid, time), `prepareForCreate`,
///   allocation of addresses and ports, `validate`, the store;
/// - update: schema defaults, `applyDefaults`, `prepareForUpdate`, admission, `validateUpdate`, the store;
/// - a subresource is an update with `context.subresource` set.
///
/// Objects are `JSONValue`s without nulls. Errors come in upstream's order.
public protocol ResourceStrategy: Sendable {
  /// What the kind has in common with many others; the steps below do it where a strategy does not say otherwise.
  var traits: StrategyTraits { get }
  /// Fills in what the schema's own defaults do not say.
  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext)
  /// Resets what a client must not set in a new object, such as the status, and sets the generation.
  func prepareForCreate(_ object: inout JSONValue, _ context: StrategyContext)
  /// Keeps what a client must not change and raises the generation when the specification changed.
  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, _ context: StrategyContext)
  /// What is wrong with a new object.
  func validate(_ object: JSONValue, _ context: StrategyContext) -> [FieldError]
  /// What is wrong with the change from the old object to the new one.
  func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError]
  /// What is wrong with an object besides its metadata; part of `validate`.
  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError]
  /// What is wrong with a change besides its metadata; part of `validateUpdate`.
  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError]
  /// The Warning headers of a write; `old` is nil for a new object.
  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String]
  /// The cells of an object's row, one for each of the resource's columns.
  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue]
  /// What a client may colour an object's row by (meta/v1 TableRowCondition).
  func rowConditions(_ object: JSONValue) -> [JSONValue]
}

/// Where in an object the scale subresource finds its numbers.
public struct ScalePaths: Sendable, Hashable {
  /// The desired number.
  public var specReplicas: [String]
  /// The present number.
  public var statusReplicas: [String]
  /// A label selector (an object or a map), below the object.
  public var selector: [String]
  /// Whether the selector is a plain map of labels.
  public var selectorIsMap: Bool

  /// Paths; the usual ones by default.
  public init(
    specReplicas: [String] = ["spec", "replicas"], statusReplicas: [String] = ["status", "replicas"],
    selector: [String] = ["spec", "selector"], selectorIsMap: Bool = false
  ) {
    self.specReplicas = specReplicas
    self.statusReplicas = statusReplicas
    self.selector = selector
    self.selectorIsMap = selectorIsMap
  }
}

/// What making a table's cells needs to know besides the object.
public struct TableContext: Sendable {
  /// Seconds since 1970 from which ages are counted.
  public var now: Double

  /// A context.
  public init(now: Double) { self.now = now }
}
