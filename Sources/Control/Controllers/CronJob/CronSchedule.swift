// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import KubeValues

/// A schedule in cron's form: `*/5 9-17 * * MON-FRI`, `@hourly`, `@every 90s`.
struct CronSchedule: Sendable {
  private var minutes: Set<Int> = []
  private var hours: Set<Int> = []
  private var days: Set<Int> = []
  private var months: Set<Int> = []
  private var weekdays: Set<Int> = []
  /// A day matches if both fields do, or, if neither is `*`, one of them.
  private var isAnyDay: Bool = false
  private var isAnyWeekday: Bool = false
  private var period: Int64?
  private let zone: TimeZone

  private static let shorthands: [String: String] = [
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
  ]
  private static let monthNames: [String] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let dayNames: [String] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Reads a schedule; nil if it is none, or the time zone is unknown.
  init?(_ text: String, timeZone: String = "") {
    guard let zone: TimeZone = timeZone.isEmpty ? TimeZone(secondsFromGMT: 0) : TimeZone(identifier: timeZone) else {
      return nil
    }
    self.zone = zone
    if text.hasPrefix("@every ") {
      guard let seconds: Int64 = Self.seconds(text.dropFirst(7)), seconds > 0 else { return nil }
      period = seconds
      return
    }
    let fields: [Substring] = (Self.shorthands[text] ?? text).split(whereSeparator: \.isWhitespace)
    guard fields.count == 5, let minutes = Self.field(fields[0], 0...59), let hours = Self.field(fields[1], 0...23),
      let days = Self.field(fields[2], 1...31), let months = Self.field(fields[3], 1...12, Self.monthNames, offset: 1),
      let weekdays = Self.field(fields[4], 0...7, Self.dayNames)
    else { return nil }
    self.minutes = minutes
    self.hours = hours
    self.days = days
    self.months = months
    self.weekdays = Set(weekdays.map { $0 % 7 })
    isAnyDay = fields[2].hasPrefix("*") || fields[2] == "?"
    isAnyWeekday = fields[4].hasPrefix("*") || fields[4] == "?"
  }

  private static func seconds(_ text: Substring) -> Int64? {
    let units: [Character: Int64] = ["h": 3600, "m": 60, "s": 1]
    var total: Int64 = 0
    var number: String = ""
    for character: Character in text {
      if let unit: Int64 = units[character] {
        guard let value: Int64 = Int64(number) else { return nil }
        total += value * unit
        number = ""
      } else {
        number.append(character)
      }
    }
    return number.isEmpty ? total : nil
  }

  /// The values of one field: a list of `*`, `a`, `a-b`, each with an optional `/step`.
  private static func field(
    _ text: Substring, _ range: ClosedRange<Int>, _ names: [String] = [], offset: Int = 0
  ) -> Set<Int>? {
    func number(_ text: Substring) -> Int? {
      names.firstIndex(of: text.lowercased()).map { $0 + offset } ?? Int(text)
    }
    var result: Set<Int> = []
    for part: Substring in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pieces: [Substring] = part.split(separator: "/", omittingEmptySubsequences: false)
      guard pieces.count <= 2, let span: Substring = pieces.first else { return nil }
      var bounds: ClosedRange<Int> = range
      if span != "*", span != "?" {
        let ends: [Int?] = span.split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
        guard ends.count <= 2, let low: Int = ends.first ?? nil, let high: Int = ends.last ?? nil, low <= high,
          range.contains(low), range.contains(high)
        else { return nil }
        bounds = low...(pieces.count == 2 && ends.count == 1 ? range.upperBound : high)
      }
      guard pieces.count == 1 || (Int(pieces[1]) ?? 0) > 0 else { return nil }
      let step: Int = pieces.count == 2 ? Int(pieces[1]) ?? 1 : 1
      result.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
    }
    return result
  }

  /// The first time after another at which the schedule is due; nil if there is none within five years.
  func next(after time: Timestamp) -> Timestamp? {
    if let period { return Timestamp(seconds: time.seconds + period) }
    var candidate: Int64 = time.seconds - time.seconds % 60 + 60
    let limit: Int64 = candidate + 5 * 366 * 86400
    while candidate < limit {
      let local: Int64 = candidate + Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(candidate))))
      let dayNumber: Int64 = local >= 0 ? local / 86400 : (local - 86399) / 86400
      let date: (year: Int64, month: Int64, day: Int64) = Timestamp.civil(days: dayNumber)
      let minuteOfDay: Int = Int(local - dayNumber * 86400) / 60
      guard months.contains(Int(date.month)), matchesDay(Int(date.day), weekday: Int((dayNumber % 7 + 11) % 7)) else {
        candidate += Int64(1440 - minuteOfDay) * 60
        continue
      }
      guard hours.contains(minuteOfDay / 60) else {
        candidate += Int64(60 - minuteOfDay % 60) * 60
        continue
      }
      if minutes.contains(minuteOfDay % 60) { return Timestamp(seconds: candidate) }
      candidate += 60
    }
    return nil
  }

  private func matchesDay(_ day: Int, weekday: Int) -> Bool {
    let byDay: Bool = days.contains(day)
    let byWeekday: Bool = weekdays.contains(weekday)
    return isAnyDay || isAnyWeekday ? byDay && byWeekday : byDay || byWeekday
  }
}
