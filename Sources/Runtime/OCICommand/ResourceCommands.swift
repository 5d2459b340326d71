// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel

/// `pause`
enum PauseSubcommand: OCISubcommand {
  static let name: String = "pause"
  static let summary: String = "stop all processes of a container"

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    try freeze(try id(values), true, context)
  }

  static func freeze(_ id: String, _ isFrozen: Bool, _ context: CommandContext) throws(CommandError) -> Int32 {
    let record: ContainerRecord = try context.container(id)
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    switch record.status(hierarchy) {
    case .paused where !isFrozen, .running where isFrozen, .created where isFrozen: break
    case _ where isFrozen: throw CommandError("container not running or created")
    default: throw CommandError("container not paused")
    }
    guard let group: Cgroup = record.group(hierarchy) else { throw CommandError("the container has no cgroup") }
    try attempt("freeze the container's cgroup") { () throws(SystemError) in
      try group.setFrozen(isFrozen)
      // The kernel takes a moment; whoever pauses may rely on it afterwards.
      let end: Int64 = SystemClock.monotonic + 2_000_000_000
      while isFrozen, !group.isWhollyFrozen {
        if SystemClock.monotonic > end { throw SystemError(.busy, "freeze", group.path) }
        usleep(1000)
      }
    }
    return 0
  }
}

extension Cgroup {
  /// Whether the last of its processes has stopped.
  fileprivate var isWhollyFrozen: Bool {
    guard let directory: String = directory("freezer") else { return true }
    if hierarchy.isUnified {
      return (try? Files.readText(directory + "/cgroup.events"))?.contains("frozen 1") ?? true
    }
    return (try? Files.readText(directory + "/freezer.state")) == "FROZEN"
  }
}

/// `resume`
enum ResumeSubcommand: OCISubcommand {
  static let name: String = "resume"
  static let summary: String = "let the processes of a paused container go on"

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    try PauseSubcommand.freeze(try id(values), false, context)
  }
}

/// `ps`
enum PsSubcommand: OCISubcommand {
  static let name: String = "ps"
  static let summary: String = "list the processes of a container"
  static let operands: String = "CONTAINER-ID [PS-OPTION...]"
  static let takesFlagsAnywhere: Bool = false
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("format", "f", help: "table (what ps(1) says) or json (process ids) (default: table)")
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    guard let id: String = values.positionals.first else { throw CommandError("\"ps\" requires a minimum of 1 argument") }
    let record: ContainerRecord = try context.container(id)
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    let pids: [Int32] = try attempt("list the processes") { () throws(SystemError) in
      try record.group(hierarchy).map { (group) throws(SystemError) in try all(group) } ?? []
    }
    switch values.text("format") ?? "table" {
    case "json": print(JSONValue.array(pids.map { JSONValue($0) }).text)
    case "table": try printTable(Array(values.positionals.dropFirst()), Set(pids))
    default: throw CommandError("invalid format option")
    }
    return 0
  }

  private static func all(_ group: Cgroup) throws(SystemError) -> [Int32] {
    var pids: [Int32] = try group.processes()
    for child: Cgroup in try group.children() { pids += try all(child) }
    return pids
  }

  /// The lines of ps(1) that are of the container.
  private static func printTable(_ options: [String], _ pids: Set<Int32>) throws(CommandError) {
    let text: String = try attempt("run ps") { () throws(SystemError) -> String in
      let output: FileDescriptor = try Memory.file("ps")
      let null: FileDescriptor = try FileDescriptor.open("/dev/null")
      let path: String = ["/usr/bin/ps", "/bin/ps"].first { Files.isExecutable($0) } ?? "/bin/ps"
      var request: SpawnRequest = SpawnRequest(path: path, arguments: ["ps"] + (options.isEmpty ? ["-ef"] : options))
      request.descriptors = [(null.raw, 0), (output.raw, 1), (2, 2)]
      let process: SpawnedProcess = try Processes.spawn(request)
      _ = try Processes.wait(for: process.pid)
      return try Files.readText("/proc/self/fd/\(output.raw)")
    }
    let lines: [Substring] = text.split(separator: "\n")
    guard let head: Substring = lines.first,
      let column: Int = head.split(separator: " ").firstIndex(of: "PID")
    else { throw CommandError("couldn't find PID field in ps output") }
    print(head)
    for line: Substring in lines.dropFirst() {
      let words: [Substring] = line.split(separator: " ")
      if words.count > column, let pid = Int32(words[column]), pids.contains(pid) { print(line) }
    }
  }
}

/// `update`
enum UpdateSubcommand: OCISubcommand {
  static let name: String = "update"
  static let summary: String = "change the limits of a container"
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("resources", "r", help: "a file with resources as the runtime-spec has them, or - for standard input"),
    .value("blkio-weight", help: "the weight for disks, 10 to 1000"),
    .value("cpu-period", help: "the period of the CPU quota in microseconds"),
    .value("cpu-quota", help: "the CPU time in a period in microseconds"),
    .value("cpu-burst", help: "the CPU time that can be saved up in microseconds"),
    .value("cpu-share", help: "the weight for CPUs"),
    .value("cpu-idle", help: "1 for idle time alone"),
    .value("cpu-rt-period", help: "the period of real-time processes in microseconds"),
    .value("cpu-rt-runtime", help: "the CPU time of real-time processes in a period in microseconds"),
    .value("cpuset-cpus", help: "the CPUs"),
    .value("cpuset-mems", help: "the memory nodes"),
    .value("memory", help: "the memory in bytes"),
    .value("memory-reservation", help: "the memory in bytes that is kept for it"),
    .value("memory-swap", help: "memory and swap in bytes; -1 for no limit"),
    .value("kernel-memory", help: "ignored: kernels have no such limit any more"),
    .value("kernel-memory-tcp", help: "the memory of TCP in bytes"),
    .value("pids-limit", help: "the number of processes; -1 for no limit"),
    .value("l3-cache-schema", help: "not supported"),
    .value("mem-bw-schema", help: "not supported"),
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let record: ContainerRecord = try context.container(try id(values))
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    guard record.status(hierarchy) != .stopped, let group: Cgroup = record.group(hierarchy) else {
      throw CommandError("container not running")
    }
    let resources: JSONValue = try document(values)
    try CgroupResources(json: resources).apply(to: group)
    return 0
  }

  private static let members: [(flag: String, path: (String, String))] = [
    ("blkio-weight", ("blockIO", "weight")), ("cpu-period", ("cpu", "period")), ("cpu-quota", ("cpu", "quota")),
    ("cpu-burst", ("cpu", "burst")), ("cpu-share", ("cpu", "shares")), ("cpu-idle", ("cpu", "idle")),
    ("cpu-rt-period", ("cpu", "realtimePeriod")), ("cpu-rt-runtime", ("cpu", "realtimeRuntime")),
    ("memory", ("memory", "limit")), ("memory-reservation", ("memory", "reservation")),
    ("memory-swap", ("memory", "swap")), ("kernel-memory-tcp", ("memory", "kernelTCP")),
    ("pids-limit", ("pids", "limit")),
  ]

  static func document(_ values: CommandFlags.Values) throws(CommandError) -> JSONValue {
    if let path: String = values.text("resources") { return try readDocument(path == "-" ? "/dev/stdin" : path) }
    for name: String in ["l3-cache-schema", "mem-bw-schema"] where !(values.text(name) ?? "").isEmpty {
      throw CommandError("--\(name) is not supported")
    }
    var resources: JSONValue = [:]
    for (flag, path) in members {
      if let number: Int64 = try values.number(flag) { resources[path.0][path.1] = .int(number) }
    }
    if let cpus: String = values.text("cpuset-cpus") { resources["cpu"]["cpus"] = .string(cpus) }
    if let nodes: String = values.text("cpuset-mems") { resources["cpu"]["mems"] = .string(nodes) }
    return resources
  }
}
