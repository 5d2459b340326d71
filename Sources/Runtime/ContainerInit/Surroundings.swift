// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel
import OCISpec

/// A time namespace: its clocks are set before anybody is in it.
enum TimeNamespace {
  /// Makes one, sets its clocks and enters it.
  static func make(_ offsets: JSONValue) throws(ContainerInitError) {
    try step("make a time namespace") { () throws(SystemError) in
      try Namespaces.unshare(.time)
      for clock: String in ["monotonic", "boottime"] where offsets[clock].object != nil {
        let (seconds, rest): (Int64, Int64) = (offsets[clock]["secs"].int ?? 0, offsets[clock]["nanosecs"].int ?? 0)
        try Files.writeControl("/proc/self/timens_offsets", "\(clock) \(seconds) \(rest)")
      }
      // Only children of the maker are born into it; the maker has to join it.
      let made: FileDescriptor = try FileDescriptor.open("/proc/self/ns/time_for_children")
      try Namespaces.join(made.raw, .time)
    }
  }
}

/// The execution domain: which machine uname(2) names.
enum ExecutionDomain {
  static func set(_ name: String) throws(ContainerInitError) {
    let domain: UInt
    switch name {
    case "": return
    case "LINUX": domain = 0
    case "LINUX32": domain = 8
    default: throw ContainerInitError("unknown execution domain \"\(name)\"")
    }
    try step("set the execution domain") { () throws(SystemError) in
      try systemCall("personality", name) { apus_personality(domain) }
    }
  }
}

/// How the kernel schedules the process: CPU and disks.
enum Scheduling {
  private static let policies: [String: UInt32] = [
    "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
  ]
  private static let flags: [String: UInt64] = [
    "SCHED_FLAG_RESET_ON_FORK": 0x01, "SCHED_FLAG_RECLAIM": 0x02, "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08, "SCHED_FLAG_KEEP_PARAMS": 0x10, "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
  ]
  private static let classes: [String: Int32] = [
    "IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3,
  ]

  static func set(_ process: RuntimeSpec.Process) throws(ContainerInitError) {
    if process.scheduler.object != nil { try setScheduler(process.scheduler) }
    guard process.ioPriority.object != nil else { return }
    let name: String = process.ioPriority["class"].string ?? ""
    guard let kind: Int32 = classes[name] else { throw ContainerInitError("unknown class of ioPriority \"\(name)\"") }
    let level: Int32 = Int32(clamping: process.ioPriority["priority"].int ?? 0)
    try step("set the I/O priority") { () throws(SystemError) in
      try systemCall("ioprio_set", name) { apus_ioprio_set(kind << 13 | level) }
    }
  }

  private static func setScheduler(_ json: JSONValue) throws(ContainerInitError) {
    let name: String = json["policy"].string ?? ""
    guard let policy: UInt32 = policies[name] else { throw ContainerInitError("unknown scheduler policy \"\(name)\"") }
    var wanted: apus_scheduling = apus_scheduling()
    wanted.policy = policy
    wanted.nice = Int32(clamping: json["nice"].int ?? 0)
    wanted.priority = UInt32(clamping: json["priority"].int ?? 0)
    wanted.runtime = UInt64(clamping: json["runtime"].int ?? 0)
    wanted.deadline = UInt64(clamping: json["deadline"].int ?? 0)
    wanted.period = UInt64(clamping: json["period"].int ?? 0)
    for flag: String in json["flags"].items.compactMap(\.string) {
      guard let bit: UInt64 = flags[flag] else { throw ContainerInitError("unknown scheduler flag \"\(flag)\"") }
      wanted.flags |= bit
    }
    try step("set the scheduler") { () throws(SystemError) in
      try systemCall("sched_setattr", name) { apus_sched_setattr(&wanted) }
    }
  }
}
