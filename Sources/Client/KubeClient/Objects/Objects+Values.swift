// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeMeta
public import KubeValues

// Conversions between the interface's messages and the values of KubeValues.

extension Timestamp {
  /// The time of a `metav1.Time`.
  public init(_ time: MetaTime) { self.init(seconds: time.seconds, nanoseconds: time.nanos) }
  /// The time of a `metav1.MicroTime`.
  public init(_ time: MetaMicroTime) { self.init(seconds: time.seconds, nanoseconds: time.nanos) }
}

extension MetaTime {
  /// A time; it is kept in whole seconds, as the interface has it.
  public init(_ time: Timestamp) {
    self.init()
    seconds = time.seconds
    nanos = 0
  }

  /// The present.
  public static var now: MetaTime { MetaTime(Timestamp.now) }
  /// Whether this is no time at all; such are absent in JSON.
  public var isZero: Bool { seconds == 0 }
}

extension MetaMicroTime {
  /// A time; it is kept in microseconds.
  public init(_ time: Timestamp) {
    self.init()
    seconds = time.seconds
    nanos = time.nanoseconds / 1000 * 1000
  }

  /// The present.
  public static var now: MetaMicroTime { MetaMicroTime(Timestamp.now) }
}

extension ResourceQuantity {
  /// The amount of a `resource.Quantity` that the server has validated; anything else counts as nothing.
  public init(_ quantity: Quantity) { self = ResourceQuantity(quantity.string) ?? .zero }
}

extension Quantity {
  /// A `resource.Quantity` of an amount.
  public init(_ amount: ResourceQuantity) {
    self.init()
    string = amount.description
  }
}

extension LabelSelector {
  /// The selector of a `metav1.LabelSelector`; one that is absent selects nothing, an empty one everything.
  public init(_ selector: MetaLabelSelector?) {
    guard let selector else {
      self = .nothing
      return
    }
    var result: LabelSelector = LabelSelector(labels: selector.matchLabels)
    for expression: MetaLabelSelectorRequirement in selector.matchExpressions {
      let comparison: Operator
      switch expression.operator {
      case "In": comparison = .isIn
      case "NotIn": comparison = .notIn
      case "Exists": comparison = .exists
      case "DoesNotExist": comparison = .doesNotExist
      default:
        // The server admits no other; what is unknown must not select by accident.
        self = .nothing
        return
      }
      result.requirements.append(Requirement(key: expression.key, comparison: comparison, values: expression.values))
    }
    self = result
  }
}

extension IntOrString {
  /// A number.
  public init(_ value: Int32) {
    self.init()
    type = 0
    intVal = value
  }

  /// A text, as in `25%`.
  public init(_ value: String) {
    self.init()
    type = 1
    strVal = value
  }

  /// The number, or the percentage of a total; nil if the text is no percentage.
  public func scaled(of total: Int, roundsUp: Bool) -> Int? {
    if type == 0 { return Int(intVal) }
    guard strVal.hasSuffix("%"), let percent: Int = Int(strVal.dropLast()) else { return nil }
    return roundsUp ? (percent * total + 99) / 100 : percent * total / 100
  }
}
