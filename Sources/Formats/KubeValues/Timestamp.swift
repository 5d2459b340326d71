// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// A point in time, in seconds and nanoseconds since 1970-01-01T00:00:00Z; what `metav1.Time` and `MicroTime` hold.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Whole seconds since the epoch.
  public var seconds: Int64
  /// Nanoseconds within the second, 0 to 999,999,999.
  public var nanoseconds: Int32

  /// A point in time.
  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// What the machine's clock says.
  public static var now: Timestamp {
    var time: timespec = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
  }

  /// The seconds since the epoch as a double.
  public var timeInterval: Double { Double(seconds) + Double(nanoseconds) / 1e9 }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }

  /// The time that lies a duration later.
  public static func + (left: Timestamp, right: Duration) -> Timestamp {
    let parts: (seconds: Int64, attoseconds: Int64) = right.components
    var seconds: Int64 = left.seconds + parts.seconds
    var nanoseconds: Int64 = Int64(left.nanoseconds) + parts.attoseconds / 1_000_000_000
    if nanoseconds < 0 {
      nanoseconds += 1_000_000_000
      seconds -= 1
    } else if nanoseconds >= 1_000_000_000 {
      nanoseconds -= 1_000_000_000
      seconds += 1
    }
    return Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
  }

  /// How long after the second time the first one is.
  public static func - (left: Timestamp, right: Timestamp) -> Duration {
    .seconds(left.seconds - right.seconds) + .nanoseconds(Int64(left.nanoseconds) - Int64(right.nanoseconds))
  }
}

// MARK: - RFC 3339

extension Timestamp {
  /// The text of `metav1.Time`: `2026-11-21T08:12:59Z`.
  public var rfc3339: String { date + "Z" }

  /// The text of `metav1.MicroTime`: `2026-11-21T08:12:59.123456Z`.
  public var rfc3339Micro: String { date + "." + Self.padded(Int64(nanoseconds / 1000), 6) + "Z" }

  /// The text of Go's `time.RFC3339Nano`: as many fractional digits as are needed.
  public var rfc3339Nano: String {
    guard nanoseconds != 0 else { return rfc3339 }
    var digits: Substring = Substring(Self.padded(Int64(nanoseconds), 9))
    while digits.last == "0" { digits.removeLast() }
    return date + "." + digits + "Z"
  }

  private var date: String {
    let days: Int64 = (seconds - Self.modulo(seconds, 86400)) / 86400
    let rest: Int64 = Self.modulo(seconds, 86400)
    let civil: (year: Int64, month: Int64, day: Int64) = Self.civil(days: days)
    return Self.padded(civil.year, 4) + "-" + Self.padded(civil.month, 2) + "-" + Self.padded(civil.day, 2) + "T"
      + Self.padded(rest / 3600, 2) + ":" + Self.padded(rest / 60 % 60, 2) + ":" + Self.padded(rest % 60, 2)
  }

  /// Parses an RFC 3339 time with an optional fraction and any offset.
  public init(parsing text: String) throws(KubeValuesError) {
    guard let time: Timestamp = Self.parse(Array(text.utf8)) else {
      throw KubeValuesError(
        .invalidTimestamp,
        "parsing time \"\(text)\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\(text)\" as \"2006\"")
    }
    self = time
  }

  private static func parse(_ bytes: [UInt8]) -> Timestamp? {
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte: UInt8 in bytes[range] {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
    func has(_ place: Int, _ character: Unicode.Scalar) -> Bool {
      place < bytes.count && bytes[place] == UInt8(ascii: character)
    }
    guard let year: Int64 = number(0..<4), has(4, "-"), let month: Int64 = number(5..<7), has(7, "-"),
      let day: Int64 = number(8..<10), has(10, "T") || has(10, "t"), let hour: Int64 = number(11..<13), has(13, ":"),
      let minute: Int64 = number(14..<16), has(16, ":"), let second: Int64 = number(17..<19),
      (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year), hour < 24, minute < 60, second < 60
    else { return nil }
    var place: Int = 19
    var nanoseconds: Int64 = 0
    if has(place, ".") {
      place += 1
      var scale: Int64 = 100_000_000
      let start: Int = place
      while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 {
        nanoseconds += Int64(bytes[place] - 0x30) * scale
        scale /= 10
        place += 1
      }
      guard place > start else { return nil }
    }
    var offset: Int64 = 0
    if has(place, "Z") || has(place, "z") {
      place += 1
    } else {
      guard has(place, "+") || has(place, "-"), let hours: Int64 = number(place + 1..<place + 3), has(place + 3, ":"),
        let minutes: Int64 = number(place + 4..<place + 6), hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 3600 + minutes * 60) * (has(place, "-") ? -1 : 1)
      place += 6
    }
    guard place == bytes.count else { return nil }
    let days: Int64 = Self.days(year: year, month: month, day: day)
    return Timestamp(
      seconds: days * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: Int32(nanoseconds))
  }
}

// MARK: - The proleptic Gregorian calendar

extension Timestamp {
  private static func modulo(_ value: Int64, _ divisor: Int64) -> Int64 {
    let rest: Int64 = value % divisor
    return rest < 0 ? rest + divisor : rest
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits: String = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// The number of days of a month.
  public static func daysIn(month: Int64, year: Int64) -> Int64 {
    let isLeap: Bool = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Days since the epoch of a date.
  public static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted: Int64 = month <= 2 ? year - 1 : year
    let era: Int64 = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra: Int64 = shifted - era * 400
    let dayOfYear: Int64 = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra: Int64 = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The date of a number of days since the epoch.
  public static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted: Int64 = days + 719_468
    let era: Int64 = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra: Int64 = shifted - era * 146_097
    let yearOfEra: Int64 = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear: Int64 = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth: Int64 = (5 * dayOfYear + 2) / 153
    let month: Int64 = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year: Int64 = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
