// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// The kernel's clocks, in nanoseconds.
public enum SystemClock {
  /// Nanoseconds since 1970 (CLOCK_REALTIME).
  public static var now: Int64 { read(CLOCK_REALTIME) }
  /// Nanoseconds since some start, never going back (CLOCK_MONOTONIC).
  public static var monotonic: Int64 { read(CLOCK_MONOTONIC) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time: timespec = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// A time in UTC with nine digits of a second, as RFC 3339 writes it: `2026-01-02T03:04:05.000000006Z`.
  public static func rfc3339(_ nanoseconds: Int64) -> String {
    String(decoding: rfc3339Bytes(nanoseconds), as: UTF8.self)
  }

  /// The same as bytes, 30 of them.
  public static func rfc3339Bytes(_ nanoseconds: Int64) -> [UInt8] {
    var (seconds, fraction): (Int64, Int64) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    if fraction < 0 {
      fraction += 1_000_000_000
      seconds -= 1
    }
    var broken: tm = tm()
    var whole: time_t = time_t(seconds)
    gmtime_r(&whole, &broken)
    var text: [UInt8] = []
    text.reserveCapacity(30)
    func append(_ value: Int, _ digits: Int, _ then: Character?) {
      var divisor: Int = 1
      for _ in 1..<digits { divisor *= 10 }
      while divisor > 0 {
        text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
        divisor /= 10
      }
      if let then, let byte: UInt8 = then.asciiValue { text.append(byte) }
    }
    append(Int(broken.tm_year) + 1900, 4, "-")
    append(Int(broken.tm_mon) + 1, 2, "-")
    append(Int(broken.tm_mday), 2, "T")
    append(Int(broken.tm_hour), 2, ":")
    append(Int(broken.tm_min), 2, ":")
    append(Int(broken.tm_sec), 2, ".")
    append(Int(fraction), 9, "Z")
    return text
  }
}
