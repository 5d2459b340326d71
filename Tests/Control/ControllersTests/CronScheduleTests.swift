// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues
import Testing

@testable import Controllers

@Suite struct CronScheduleTests {
  private func check(_ schedule: String, _ after: String, _ expected: String?, zone: String = "") throws {
    let parsed: CronSchedule = try #require(CronSchedule(schedule, timeZone: zone), "\(schedule)")
    #expect(parsed.next(after: try Timestamp(parsing: after))?.rfc3339 == expected, "\(schedule) after \(after)")
  }

  @Test func `the next time follows the schedule`() throws {
    try check("* * * * *", "2026-11-21T08:12:59Z", "2026-11-21T08:13:00Z")
    try check("*/15 * * * *", "2026-11-21T08:45:00Z", "2026-11-21T09:00:00Z")
    try check("0 0 1 1 *", "2026-11-21T08:12:59Z", "2027-01-01T00:00:00Z")
    try check("30 2 29 2 *", "2026-11-21T08:12:59Z", "2028-02-29T02:30:00Z")
    // 2026-11-21 is a Saturday.
    try check("0 9 * * MON-FRI", "2026-11-21T08:12:59Z", "2026-11-23T09:00:00Z")
    try check("0 9 * * 7", "2026-11-21T08:12:59Z", "2026-11-22T09:00:00Z")
    // With a day and a weekday, either will do.
    try check("0 0 1 * 1", "2026-11-21T08:12:59Z", "2026-11-23T00:00:00Z")
    try check("@hourly", "2026-11-21T08:12:59Z", "2026-11-21T09:00:00Z")
    try check("@every 90s", "2026-11-21T08:12:59Z", "2026-11-21T08:14:29Z")
    try check("5-10/5,30 4 * * *", "2026-11-21T04:06:00Z", "2026-11-21T04:10:00Z")
  }

  @Test func `what is no schedule is refused`() {
    for text: String in [
      "", "* * * *", "60 * * * *", "* 24 * * *", "a * * * *", "*/0 * * * *", "5-1 * * * *", "@every x",
    ] {
      #expect(CronSchedule(text) == nil, "\(text)")
    }
    #expect(CronSchedule("* * * * *", timeZone: "Nowhere/City") == nil)
  }
}
