// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues

/// A moment: seconds since 1970, and nanoseconds.
public struct CELTimestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
  private static let secondsOfDay: Int64 = 86400
  /// 0001-01-01 and 9999-12-31.
  static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

  /// Seconds since 1970.
  public var seconds: Int64
  /// The part of a second: 0 to 999,999,999.
  public var nanoseconds: Int32

  /// A moment.
  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  public static func < (left: CELTimestamp, right: CELTimestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }

  /// A moment from RFC 3339 text.
  public init?(_ text: String) {
    let bytes: [UInt8] = Array(text.utf8)
    func number(_ start: Int, _ count: Int) -> Int64? {
      guard start + count <= bytes.count, bytes[start..<(start + count)].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
      return bytes[start..<(start + count)].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
    func isAt(_ place: Int, _ letters: String) -> Bool { place < bytes.count && letters.utf8.contains(bytes[place]) }
    guard bytes.count >= 20, let year: Int64 = number(0, 4), isAt(4, "-"), let month: Int64 = number(5, 2), isAt(7, "-"),
      let day: Int64 = number(8, 2), isAt(10, "Tt"), let hour: Int64 = number(11, 2), isAt(13, ":"),
      let minute: Int64 = number(14, 2), isAt(16, ":"), let second: Int64 = number(17, 2),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
    else { return nil }
    var place: Int = 19
    var nanoseconds: Int32 = 0
    if isAt(place, ".,") {
      var scale: Int32 = 100_000_000
      place += 1
      let start: Int = place
      while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 {
        nanoseconds += Int32(bytes[place] - 0x30) * scale
        scale /= 10
        place += 1
      }
      if place == start { return nil }
    }
    var offset: Int64 = 0
    if isAt(place, "Zz") {
      place += 1
    } else if isAt(place, "+-"), let hours: Int64 = number(place + 1, 2), isAt(place + 3, ":"),
      let minutes: Int64 = number(place + 4, 2), hours < 24, minutes < 60
    {
      offset = (hours * 3600 + minutes * 60) * (bytes[place] == UInt8(ascii: "-") ? -1 : 1)
      place += 6
    } else {
      return nil
    }
    guard place == bytes.count else { return nil }
    guard day <= Timestamp.daysIn(month: month, year: year) else { return nil }
    let days: Int64 = Timestamp.days(year: year, month: month, day: day)
    self.init(seconds: days * Self.secondsOfDay + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
  }

  var day: Int64 { Self.floor(seconds, Self.secondsOfDay) }
  var secondOfDay: Int64 { seconds - day * Self.secondsOfDay }

  private static func floor(_ value: Int64, _ by: Int64) -> Int64 { value >= 0 ? value / by : (value - by + 1) / by }

  public var description: String {
    let (year, month, date): (Int64, Int64, Int64) = Timestamp.civil(days: day)
    func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }
    let years: String = String(repeating: "0", count: max(0, 4 - String(year).count)) + String(year)
    var fraction: String = ""
    if nanoseconds != 0 {
      let digits: String = String(nanoseconds)
      fraction = "." + String(repeating: "0", count: 9 - digits.count) + digits
      while fraction.hasSuffix("0") { fraction.removeLast() }
    }
    return "\(years)-\(two(month))-\(two(date))T\(two(secondOfDay / 3600)):\(two(secondOfDay / 60 % 60))"
      + ":\(two(secondOfDay % 60))\(fraction)Z"
  }
}

/// What can be done with times.
enum TimeFunctions {
  private static let second: Int64 = 1_000_000_000

  static func call(_ name: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    guard let value: CELValue = arguments.first, arguments.count <= 2 else { return nil }
    switch (name, value) {
    case ("timestamp", .timestamp), ("duration", .duration): return value
    case ("timestamp", .string(let text)):
      guard let time: CELTimestamp = CELTimestamp(text) else {
        throw Arithmetic.unreadable("google.protobuf.Timestamp")
      }
      return .timestamp(time)
    case ("timestamp", .int(let seconds)): return try moment(seconds, 0)
    case ("duration", .string(let text)):
      guard let nanoseconds: Int64 = duration(text) else {
        throw Arithmetic.unreadable("google.protobuf.Duration")
      }
      return .duration(nanoseconds)
    case ("duration", .int(let nanoseconds)): return .duration(nanoseconds)
    case (_, .duration(let nanoseconds)) where arguments.count == 1:
      switch name {
      case "getHours": return .int(nanoseconds / (3600 * second))
      case "getMinutes": return .int(nanoseconds / (60 * second))
      case "getSeconds": return .int(nanoseconds / second)
      case "getMilliseconds": return .int(nanoseconds / 1_000_000)
      default: return nil
      }
    case (_, .timestamp(var time)):
      if arguments.count == 2 {
        guard let zone: String = arguments[1].string, let offset: Int64 = offset(zone) else {
          throw CELError("unknown time zone \(StringFunctions.text(arguments[1]))")
        }
        time.seconds += offset
      }
      return part(name, time).map { .int($0) }
    default: return nil
    }
  }

  private static func part(_ name: String, _ time: CELTimestamp) -> Int64? {
    let (year, month, date): (Int64, Int64, Int64) = Timestamp.civil(days: time.day)
    switch name {
    case "getFullYear": return year
    case "getMonth": return month - 1
    case "getDate": return date
    case "getDayOfMonth": return date - 1
    case "getDayOfYear": return time.day - Timestamp.days(year: year, month: 1, day: 1)
    case "getDayOfWeek": return ((time.day + 4) % 7 + 7) % 7
    case "getHours": return time.secondOfDay / 3600
    case "getMinutes": return time.secondOfDay / 60 % 60
    case "getSeconds": return time.secondOfDay % 60
    case "getMilliseconds": return Int64(time.nanoseconds) / 1_000_000
    default: return nil
    }
  }

  /// The seconds of a zone: `UTC` or `+02:00`; names of places need a data base that a server may not have.
  private static func offset(_ zone: String) -> Int64? {
    if zone == "UTC" || zone == "Z" || zone.isEmpty { return 0 }
    let isNegative: Bool = zone.hasPrefix("-")
    let digits: Substring = isNegative || zone.hasPrefix("+") ? zone.dropFirst() : zone[...]
    let parts: [Int64] = digits.split(separator: ":").compactMap { Int64($0) }
    guard parts.count == 2, parts[0] < 24, parts[1] < 60 else { return nil }
    return (parts[0] * 3600 + parts[1] * 60) * (isNegative ? -1 : 1)
  }

  private static func moment(_ seconds: Int64, _ nanoseconds: Int64) throws(CELError) -> CELValue {
    let carried: Int64 = nanoseconds >= 0 ? nanoseconds / second : (nanoseconds - second + 1) / second
    let (total, overflows): (Int64, Bool) = seconds.addingReportingOverflow(carried)
    guard !overflows, CELTimestamp.range.contains(total) else { throw CELError("timestamp overflow") }
    return .timestamp(CELTimestamp(seconds: total, nanoseconds: Int32(nanoseconds - carried * second)))
  }

  static func binary(_ name: String, _ left: CELValue, _ right: CELValue) throws(CELError) -> CELValue {
    switch (name, left, right) {
    case ("_+_", .timestamp(let time), .duration(let span)), ("_+_", .duration(let span), .timestamp(let time)):
      return try moment(time.seconds + span / second, Int64(time.nanoseconds) + span % second)
    case ("_-_", .timestamp(let time), .duration(let span)):
      return try moment(time.seconds - span / second, Int64(time.nanoseconds) - span % second)
    case ("_-_", .timestamp(let a), .timestamp(let b)):
      let (whole, overflows): (Int64, Bool) = (a.seconds - b.seconds).multipliedReportingOverflow(by: second)
      if overflows { throw CELError("duration overflow") }
      return .duration(whole &+ Int64(a.nanoseconds - b.nanoseconds))
    case ("_+_", .duration(let a), .duration(let b)):
      let (sum, overflows): (Int64, Bool) = a.addingReportingOverflow(b)
      if overflows { throw CELError("duration overflow") }
      return .duration(sum)
    case ("_-_", .duration(let a), .duration(let b)):
      let (difference, overflows): (Int64, Bool) = a.subtractingReportingOverflow(b)
      if overflows { throw CELError("duration overflow") }
      return .duration(difference)
    default: throw .noOverload
    }
  }

  /// The nanoseconds of Go's duration text (`1h30m`, `1.5s`).
  static func duration(_ text: String) -> Int64? {
    let units: [String: Double] = [
      "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]
    var rest: Substring = text[...]
    let isNegative: Bool = rest.hasPrefix("-")
    if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
    if rest == "0" { return 0 }
    guard !rest.isEmpty else { return nil }
    var total: Double = 0
    while !rest.isEmpty {
      let digits: Substring = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let unit: Substring = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number: Double = Double(digits), let factor: Double = units[String(unit)] else { return nil }
      total += number * factor
    }
    return Int64(exactly: (isNegative ? -total : total).rounded())
  }

  /// A duration as string() writes it: seconds.
  static func seconds(_ nanoseconds: Int64) -> String {
    let whole: Int64 = nanoseconds / second
    let part: UInt64 = (nanoseconds % second).magnitude
    let sign: String = nanoseconds < 0 && whole == 0 ? "-" : ""
    if part == 0 { return "\(whole)s" }
    let digits: String = String(part)
    var fraction: String = String(repeating: "0", count: 9 - digits.count) + digits
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(sign)\(whole).\(fraction)s"
  }
}

/// Durations from text.
public enum CELDuration {
  /// The nanoseconds of Go's duration text (`1h30m`, `1.5s`); nil where it is none.
  public static func parse(_ text: String) -> Int64? { TimeFunctions.duration(text) }
}
