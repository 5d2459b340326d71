// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import JSON
import Kernel
import Glibc

/// `events`
enum EventsSubcommand: OCISubcommand {
  static let name: String = "events"
  static let summary: String = "print what a container uses, every few seconds or once"
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("interval", help: "the time between two reports, such as 5s (default: 5s)"),
    .toggle("stats", help: "report once and end"),
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let record: ContainerRecord = try context.container(try id(values))
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    let interval: String = values.text("interval") ?? "5s"
    guard let seconds = Double(interval.hasSuffix("s") ? interval.dropLast() : interval[...]), seconds > 0 else {
      throw CommandError("invalid interval \"\(interval)\"")
    }
    guard record.isAlive, let group: Cgroup = record.group(hierarchy) else {
      throw CommandError("container with id \(record.id) is not running")
    }
    while true {
      let figures: CgroupFigures = try attempt("read the figures") { () throws(SystemError) in try group.figures() }
      print(event(record.id, figures).text)
      if values.has("stats") { return 0 }
      fflush(nil)
      usleep(UInt32(seconds * 1_000_000))
      if !record.isAlive { return 0 }
    }
  }

  static func event(_ id: String, _ figures: CgroupFigures) -> JSONValue {
    let unlimited: UInt64 = UInt64(Int64.max)
    return [
      "type": "stats", "id": .string(id),
      "data": [
        "cpu": [
          "usage": [
            "total": JSONValue(figures.cpuNanoseconds), "kernel": JSONValue(figures.cpuSystemNanoseconds),
            "user": JSONValue(figures.cpuUserNanoseconds),
          ],
          "throttling": [
            "periods": JSONValue(figures.cpuPeriods), "throttledPeriods": JSONValue(figures.cpuThrottledPeriods),
            "throttledTime": JSONValue(figures.cpuThrottledNanoseconds),
          ],
        ],
        "memory": [
          "cache": JSONValue(figures.cacheBytes),
          "usage": [
            "limit": JSONValue(figures.memoryLimitBytes ?? unlimited), "usage": JSONValue(figures.memoryBytes),
            "max": JSONValue(figures.memoryPeakBytes), "failcnt": JSONValue(figures.memoryFailures),
          ],
          "swap": [
            "limit": JSONValue(figures.swapLimitBytes ?? unlimited), "usage": JSONValue(figures.swapBytes),
            "max": 0, "failcnt": 0,
          ],
        ],
        "pids": ["current": JSONValue(figures.processes), "limit": JSONValue(figures.processesLimit ?? 0)],
      ],
    ]
  }
}
