// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues

/// Times as Go's `time.Parse` reads them, errors included, and as Kubernetes writes them.
struct GoTime {
  /// Seconds since 1970-01-01T00:00:00Z.
  var seconds: Int64
  var nanoseconds: Int32 = 0

  /// The two layouts of the API.
  enum Layout: String {
    case seconds = "2006-01-02T15:04:05Z07:00"
    case microseconds = "2006-01-02T15:04:05.000000Z07:00"
  }

  init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// Reads a time.
  ///
  /// - Throws: Go's words, such as `parsing time "nope" as "...": cannot parse "nope" as "2006"`.
  init(_ text: String, _ layout: Layout) throws(APISchemaError) {
    var scanner: Scanner = Scanner(text: text, layout: layout, rest: Substring(text).utf8)
    let year: Int = try scanner.number(4, "2006", 0...9999, "")
    try scanner.literal("-")
    let month: Int = try scanner.number(2, "01", 1...12, "month")
    try scanner.literal("-")
    let day: Int = try scanner.number(2, "02", 0...99, "")
    try scanner.literal("T")
    let hour: Int = try scanner.number(2, "15", 0...23, "hour")
    try scanner.literal(":")
    let minute: Int = try scanner.number(2, "04", 0...59, "minute")
    try scanner.literal(":")
    let second: Int = try scanner.number(2, "05", 0...59, "second")
    nanoseconds = try scanner.fraction()
    let offset: Int = try scanner.zone()
    guard scanner.rest.isEmpty else {
      throw scanner.failure(": extra text: \(String(Substring(scanner.rest)).goQuoted)")
    }
    guard day >= 1, day <= Timestamp.daysIn(month: Int64(month), year: Int64(year)) else {
      throw scanner.failure(": day out of range")
    }
    let days: Int64 = Timestamp.days(year: Int64(year), month: Int64(month), day: Int64(day))
    seconds = days * 86400 + Int64(hour * 3600 + minute * 60 + second - offset)
  }

  /// As the API writes it, in UTC.
  func text(_ layout: Layout) -> String {
    var days: Int64 = seconds / 86400
    var rest: Int64 = seconds % 86400
    if rest < 0 {
      rest += 86400
      days -= 1
    }
    let (year, month, day): (Int64, Int64, Int64) = Timestamp.civil(days: days)
    var text: String = "\(Self.padded(Int(year), 4))-\(Self.padded(Int(month), 2))-\(Self.padded(Int(day), 2))T"
    text +=
      "\(Self.padded(Int(rest / 3600), 2)):\(Self.padded(Int(rest / 60 % 60), 2)):\(Self.padded(Int(rest % 60), 2))"
    if layout == .microseconds { text += "." + Self.padded(Int(nanoseconds / 1000), 6) }
    return text + "Z"
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits: String = String(value)
    return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}

extension GoTime {
  /// Walks through the text element by element of the layout.
  private struct Scanner {
    let text: String
    let layout: Layout
    var rest: Substring.UTF8View

    func failure(_ what: String) -> APISchemaError {
      APISchemaError(.typeMismatch, "parsing time \(text.goQuoted)\(what)")
    }

    func mismatch(_ element: String, at place: Substring.UTF8View? = nil) -> APISchemaError {
      let rest: String = String(Substring(place ?? rest))
      return failure(" as \(layout.rawValue.goQuoted): cannot parse \(rest.goQuoted) as \(element.goQuoted)")
    }

    mutating func number(
      _ width: Int, _ element: String, _ range: ClosedRange<Int>, _ name: String
    ) throws(APISchemaError) -> Int {
      let digits: Substring.UTF8View = rest.prefix(width)
      guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { throw mismatch(element) }
      let value: Int = digits.reduce(0) { $0 * 10 + Int($1) - 0x30 }
      rest = rest.dropFirst(width)
      guard range.contains(value) else { throw failure(": \(name) out of range") }
      return value
    }

    mutating func literal(_ text: String) throws(APISchemaError) {
      guard rest.first == text.utf8.first else { throw mismatch(text) }
      rest = rest.dropFirst()
    }

    /// The fraction of a second: any number of digits, or exactly six where the layout has them.
    mutating func fraction() throws(APISchemaError) -> Int32 {
      let hasFraction: Bool =
        rest.first == UInt8(ascii: ".") && rest.dropFirst().first.map { (0x30...0x39).contains($0) } == true
      if layout == .microseconds {
        guard hasFraction, rest.dropFirst().prefix(6).count == 6,
          rest.dropFirst().prefix(6).allSatisfy({ (0x30...0x39).contains($0) })
        else { throw mismatch(".000000") }
      } else if !hasFraction {
        return 0
      }
      rest = rest.dropFirst()
      var value: Int64 = 0
      var count: Int = 0
      while let digit: UInt8 = rest.first, (0x30...0x39).contains(digit), layout == .seconds || count < 6 {
        if count < 9 { value = value * 10 + Int64(digit) - 0x30 }
        count += 1
        rest = rest.dropFirst()
      }
      for _ in 0..<max(0, 9 - count) { value *= 10 }
      return Int32(value)
    }

    /// `Z` or `+hh:mm`, in seconds east of UTC.
    mutating func zone() throws(APISchemaError) -> Int {
      if rest.first == UInt8(ascii: "Z") {
        rest = rest.dropFirst()
        return 0
      }
      let start: Substring.UTF8View = rest
      let bytes: [UInt8] = Array(rest.prefix(6))
      guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
        bytes[3] == UInt8(ascii: ":"), [1, 2, 4, 5].allSatisfy({ (0x30...0x39).contains(bytes[$0]) })
      else { throw mismatch("Z07:00", at: start) }
      let hours: Int = Int(bytes[1] - 0x30) * 10 + Int(bytes[2] - 0x30)
      let minutes: Int = Int(bytes[4] - 0x30) * 10 + Int(bytes[5] - 0x30)
      guard hours <= 24 else { throw failure(": time zone offset hour out of range") }
      guard minutes < 60 else { throw failure(": time zone offset minute out of range") }
      rest = rest.dropFirst(6)
      return (hours * 60 + minutes) * 60 * (bytes[0] == UInt8(ascii: "-") ? -1 : 1)
    }
  }
}
