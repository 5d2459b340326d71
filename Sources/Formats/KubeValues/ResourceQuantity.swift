// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// An amount of a resource: `500m`, `128Mi`, `1e3`, `2`.
///
/// The value is exact to a billionth (what is finer is rounded away from zero), and it keeps the family of
/// suffixes it was written with, so that its canonical text is upstream's: no fraction, the largest suffix
/// that loses nothing, binary suffixes only from 1024 on.
public struct ResourceQuantity: Hashable, Sendable {
  /// The family of suffixes.
  public enum Format: Hashable, Sendable {
    /// `Ki`, `Mi`, `Gi`, ...
    case binarySI
    /// `m`, `k`, `M`, ...
    case decimalSI
    /// `e3`, `E6`, ...
    case decimalExponent
  }

  /// Billionths of the unit in one unit.
  private static let one: Int128 = 1_000_000_000
  /// Upstream clamps binary quantities at the largest 64-bit integer.
  private static let binaryLimit: Int128 = Int128(Int64.max) * one
  /// Others have no limit upstream; here that of sums and small multiples which cannot overflow.
  private static let limit: Int128 = 10_000_000_000_000_000_000 * 1_000_000_000_000_000_000

  /// The value in billionths.
  public var nanounits: Int128
  /// The family of suffixes of the text.
  public var format: Format

  /// A quantity of billionths.
  public init(nanounits: Int128, format: Format = .decimalSI) {
    self.nanounits = min(max(nanounits, -Self.limit), Self.limit)
    self.format = format
  }

  /// A whole number of units.
  public init(_ value: Int64, format: Format = .decimalSI) {
    self.init(nanounits: Int128(value) * Self.one, format: format)
  }

  /// A number of thousandths.
  public init(milli value: Int64, format: Format = .decimalSI) {
    self.init(nanounits: Int128(value) * (Self.one / 1000), format: format)
  }

  /// Nothing.
  public static let zero: ResourceQuantity = ResourceQuantity(0)

  /// The value in whole units, rounded away from zero.
  public var value: Int64 { Self.rounded(nanounits, by: Self.one) }
  /// The value in thousandths, rounded away from zero.
  public var milliValue: Int64 { Self.rounded(nanounits, by: Self.one / 1000) }
  /// Whether this is nothing.
  public var isZero: Bool { nanounits == 0 }

  private static func rounded(_ value: Int128, by unit: Int128) -> Int64 {
    let (quotient, remainder): (Int128, Int128) = value.quotientAndRemainder(dividingBy: unit)
    return Int64(clamping: quotient + remainder.signum())
  }
}

extension ResourceQuantity: Comparable {
  public static func == (left: ResourceQuantity, right: ResourceQuantity) -> Bool {
    left.nanounits == right.nanounits
  }
  public static func < (left: ResourceQuantity, right: ResourceQuantity) -> Bool {
    left.nanounits < right.nanounits
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(nanounits) }
}

extension ResourceQuantity {
  /// The sum, in the format of the left side.
  public static func + (left: ResourceQuantity, right: ResourceQuantity) -> ResourceQuantity {
    ResourceQuantity(
      nanounits: left.nanounits + right.nanounits, format: left.isZero ? right.format : left.format)
  }
  /// The difference, in the format of the left side.
  public static func - (left: ResourceQuantity, right: ResourceQuantity) -> ResourceQuantity {
    ResourceQuantity(
      nanounits: left.nanounits - right.nanounits, format: left.isZero ? right.format : left.format)
  }
  /// Adds in place.
  public static func += (left: inout ResourceQuantity, right: ResourceQuantity) { left = left + right }
  /// Subtracts in place.
  public static func -= (left: inout ResourceQuantity, right: ResourceQuantity) { left = left - right }
}

// MARK: - Text

extension ResourceQuantity: LosslessStringConvertible, CustomStringConvertible {
  private static let binarySuffixes: [String] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
  /// Suffix and power of ten.
  private static let decimalSuffixes: [(suffix: String, exponent: Int)] = [
    ("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18),
  ]

  /// Parses a quantity; nil where the text is none.
  public init?(_ text: String) {
    var bytes: Substring.UTF8View = text[...].utf8
    var isNegative: Bool = false
    if let sign: UInt8 = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    guard let number: Mantissa = Mantissa(&bytes), let scale: Scale = Scale(String(Substring(bytes))) else { return nil }
    let limit: Int128 = scale.format == .binarySI ? Self.binaryLimit : Self.limit
    let magnitude: Int128 = min(number.nanounits(times: scale, limit: limit), limit)
    self.init(nanounits: isNegative ? -magnitude : magnitude, format: scale.format)
  }

  /// The canonical text.
  public var description: String {
    if nanounits == 0 { return "0" }
    if format == .binarySI, nanounits.magnitude >= UInt128(1024 * Self.one), nanounits % Self.one == 0 {
      var number: Int128 = nanounits / Self.one
      var power: Int = 0
      while number % 1024 == 0, power < Self.binarySuffixes.count - 1 {
        number /= 1024
        power += 1
      }
      return "\(number)\(Self.binarySuffixes[power])"
    }
    var number: Int128 = nanounits
    var exponent: Int = -9
    while number % 1000 == 0, exponent < 18 {
      number /= 1000
      exponent += 3
    }
    if format == .decimalExponent { return exponent == 0 ? "\(number)" : "\(number)e\(exponent)" }
    return "\(number)\(Self.decimalSuffixes[exponent / 3 + 3].suffix)"
  }

  /// The digits of a quantity: an integer and how many of its digits are behind the point.
  private struct Mantissa {
    var digits: [UInt8] = []
    var fraction: Int = 0

    init?(_ bytes: inout Substring.UTF8View) {
      var isFraction: Bool = false
      while let byte: UInt8 = bytes.first {
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
          if !digits.isEmpty || byte != UInt8(ascii: "0") { digits.append(byte - UInt8(ascii: "0")) }
          if isFraction { fraction += 1 }
        } else if byte == UInt8(ascii: "."), !isFraction {
          isFraction = true
        } else {
          break
        }
        hasDigits = hasDigits || byte != UInt8(ascii: ".")
        bytes = bytes.dropFirst()
      }
      guard hasDigits else { return nil }
    }
    private var hasDigits: Bool = false

    /// The value in billionths, rounded up; above `limit` only by so much that the next digit would not overflow.
    func nanounits(times scale: Scale, limit: Int128) -> Int128 {
      var value: Int128 = 0
      // Digits beyond what the limit can hold only saturate or round.
      var dropped: Int = 0
      var hasRest: Bool = false
      // As many digits as leave room for the power of two and a power of ten.
      let room: Int128 = (Int128.max >> Int128(10 * scale.binaryPower)) / 100
      for digit: UInt8 in digits {
        if value < room {
          value = value * 10 + Int128(digit)
        } else {
          dropped += 1
          hasRest = hasRest || digit != 0
        }
      }
      var exponent: Int = scale.exponent + 9 - fraction + dropped
      for _ in 0..<scale.binaryPower { value *= 1024 }
      while exponent > 0, value != 0, value <= limit {
        value *= 10
        exponent -= 1
      }
      while exponent < 0, value != 0 {
        hasRest = hasRest || value % 10 != 0
        value /= 10
        exponent += 1
        if value == 0 { break }
      }
      return value + (hasRest ? 1 : 0)
    }
  }

  /// What the suffix of a quantity says.
  private struct Scale {
    var exponent: Int = 0
    var binaryPower: Int = 0
    var format: Format = .decimalSI

    init?(_ suffix: String) {
      if suffix.isEmpty { return }
      if let known = ResourceQuantity.decimalSuffixes.first(where: { $0.suffix == suffix }) {
        exponent = known.exponent
      } else if let power: Int = ResourceQuantity.binarySuffixes.firstIndex(of: suffix) {
        binaryPower = power
        format = .binarySI
      } else if suffix.first == "e" || suffix.first == "E",
        let power: Int = Int(suffix.dropFirst()), (-100...100).contains(power)
      {
        exponent = power
        format = .decimalExponent
      } else {
        return nil
      }
    }
  }
}
