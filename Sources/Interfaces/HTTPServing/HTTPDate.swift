// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// The Date header (RFC 9110), made once a second.
enum HTTPDate {
  private static let last: Mutex<(second: Int, text: String)> = Mutex((-1, ""))

  static func now() -> String {
    var time: timespec = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let second: Int = Int(time.tv_sec)
    return last.withLock { last in
      if last.second != second { last = (second, text(second)) }
      return last.text
    }
  }

  static func text(_ second: Int) -> String {
    let names: [String] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months: [String] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let days: Int = second / 86400
    let rest: Int = second % 86400
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted: Int = days + 719_468
    let era: Int = shifted / 146_097
    let dayOfEra: Int = shifted % 146_097
    let yearOfEra: Int = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear: Int = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth: Int = (5 * dayOfYear + 2) / 153
    let day: Int = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month: Int = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year: Int = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let clock: String = "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
    return "\(names[days % 7]), \(two(day)) \(months[month - 1]) \(year) \(clock) GMT"
  }
}
