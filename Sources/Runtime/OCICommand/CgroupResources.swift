// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import JSON
import Kernel

/// The member `linux.resources` of the runtime-spec, put in force on a group.
struct CgroupResources {
  let json: JSONValue

  func apply(to group: Cgroup) throws(CommandError) {
    let limits: CgroupLimits = try limits(group.hierarchy)
    try attempt("set the limits of the container") { () throws(SystemError) in
      try applyReservation(to: group)
      try group.apply(limits)
    }
    for setting: Setting in settings where !setting.values.isEmpty {
      try apply(setting, to: group)
    }
  }

  private func limits(_ hierarchy: CgroupHierarchy) throws(CommandError) -> CgroupLimits {
    var limits: CgroupLimits = CgroupLimits()
    let (cpu, memory): (JSONValue, JSONValue) = (json["cpu"], json["memory"])
    limits.cpuShares = cpu["shares"].int.flatMap { $0 > 0 ? UInt64($0) : nil }
    limits.cpuQuotaMicroseconds = cpu["quota"].int.flatMap { $0 == 0 ? nil : $0 }
    limits.cpuPeriodMicroseconds = cpu["period"].int.flatMap { $0 > 0 ? UInt64($0) : nil }
    limits.cpuset = cpu["cpus"].string
    limits.memoryNodes = cpu["mems"].string
    limits.memoryBytes = memory["limit"].int
    limits.memoryAndSwapBytes = memory["swap"].int
    limits.processesMax = json["pids"]["limit"].int.flatMap { $0 == 0 ? nil : $0 }
    for item: JSONValue in json["hugepageLimits"].items {
      guard hierarchy.isUnified || hierarchy.controllers["hugetlb"] != nil else {
        throw CommandError("limits of huge pages need the cgroup controller hugetlb, which this machine lacks")
      }
      limits.hugePages.append(
        CgroupLimits.HugePages(
          pageSize: item["pageSize"].string ?? "", bytes: UInt64(clamping: item["limit"].int ?? 0)))
    }
    for (file, text) in json["unified"].object ?? JSONObject() { limits.unified[file] = text.string ?? "" }
    if !limits.unified.isEmpty, !hierarchy.isUnified {
      throw CommandError("\"unified\" needs the unified cgroup hierarchy, which this machine has not")
    }
    return limits
  }

  private func applyReservation(to group: Cgroup) throws(SystemError) {
    guard let bytes: Int64 = json["memory"]["reservation"].int, bytes != 0 else { return }
    guard let directory: String = group.directory("memory") else { return }
    let text: String = bytes < 0 ? (group.hierarchy.isUnified ? "max" : "-1") : String(bytes)
    try Files.writeControl(
      directory + (group.hierarchy.isUnified ? "/memory.low" : "/memory.soft_limit_in_bytes"), text)
  }

  /// One thing that is set in one file, by the hierarchy; nil where a hierarchy has no such file.
  private struct Setting {
    var controller: String
    var legacy: String?
    var unified: String?
    var values: [String]
  }

  private var settings: [Setting] {
    let (cpu, memory, block): (JSONValue, JSONValue, JSONValue) = (json["cpu"], json["memory"], json["blockIO"])
    func one(_ value: JSONValue) -> [String] { value.int.map { [String($0)] } ?? [] }
    func nonzero(_ value: JSONValue) -> [String] { value.int == 0 ? [] : one(value) }
    func devices(_ name: String, _ value: String, _ key: String = "") -> [String] {
      block[name].items.compactMap { item in
        item[value].int.map { "\(item["major"].int ?? 0):\(item["minor"].int ?? 0) \(key)\($0)" }
      }
    }
    var found: [Setting] = [
      Setting(controller: "cpu", legacy: "cpu.rt_period_us", values: nonzero(cpu["realtimePeriod"])),
      Setting(controller: "cpu", legacy: "cpu.rt_runtime_us", values: nonzero(cpu["realtimeRuntime"])),
      Setting(controller: "cpu", legacy: "cpu.cfs_burst_us", unified: "cpu.max.burst", values: nonzero(cpu["burst"])),
      Setting(controller: "cpu", legacy: "cpu.idle", unified: "cpu.idle", values: nonzero(cpu["idle"])),
      Setting(controller: "memory", legacy: "memory.kmem.tcp.limit_in_bytes", values: nonzero(memory["kernelTCP"])),
      Setting(controller: "memory", legacy: "memory.swappiness", values: one(memory["swappiness"])),
      Setting(
        controller: "memory", legacy: "memory.oom_control",
        values: memory["disableOOMKiller"].bool == true ? ["1"] : []),
      Setting(controller: "net_cls", legacy: "net_cls.classid", values: one(json["network"]["classID"])),
      Setting(
        controller: "net_prio", legacy: "net_prio.ifpriomap",
        values: json["network"]["priorities"].items.map { "\($0["name"].string ?? "") \($0["priority"].int ?? 0)" }),
    ]
    found.append(Setting(
      controller: "blkio", legacy: "blkio.bfq.weight|blkio.weight", unified: "io.bfq.weight",
      values: nonzero(block["weight"])))
    found.append(Setting(
      controller: "blkio", legacy: "blkio.bfq.weight_device|blkio.weight_device", unified: "io.bfq.weight",
      values: devices("weightDevice", "weight")))
    for (name, legacy, key) in [
      ("throttleReadBpsDevice", "read_bps", "rbps="), ("throttleWriteBpsDevice", "write_bps", "wbps="),
      ("throttleReadIOPSDevice", "read_iops", "riops="), ("throttleWriteIOPSDevice", "write_iops", "wiops="),
    ] {
      found.append(
        Setting(controller: "blkio", legacy: "blkio.throttle.\(legacy)_device", values: devices(name, "rate")))
      found.append(Setting(controller: "io", unified: "io.max", values: devices(name, "rate", key)))
    }
    return found
  }

  private func apply(_ setting: Setting, to group: Cgroup) throws(CommandError) {
    guard let names: String = group.hierarchy.isUnified ? setting.unified : setting.legacy else { return }
    guard let directory: String = group.directory(setting.controller) else {
      throw CommandError("a limit needs the cgroup controller \(setting.controller), which this machine lacks")
    }
    // Of a file with several names, the first that this kernel has.
    let candidates: [Substring] = names.split(separator: "|")
    let file: Substring = candidates.first { Files.exists(directory + "/" + $0) } ?? candidates[candidates.count - 1]
    for value: String in setting.values {
      try attempt("set \(file)") { () throws(SystemError) in
        try Files.writeControl(directory + "/" + file, value)
      }
    }
  }

  /// What the processes may make and open of devices: what the configuration says, in its order, and what every
  /// container needs. On the unified hierarchy there is no such controller.
  func applyDevices(to group: Cgroup) throws(CommandError) {
    guard !group.hierarchy.isUnified, let directory: String = group.directory("devices") else { return }
    var rules: [(isAllowed: Bool, rule: String)] = [(false, "a")]
    for item: JSONValue in json["devices"].items {
      let type: String = item["type"].string ?? "a"
      func number(_ value: JSONValue) -> String { value.int.flatMap { $0 < 0 ? nil : String($0) } ?? "*" }
      let rule: String =
        type == "a" || type.isEmpty
        ? "a" : "\(type) \(number(item["major"])):\(number(item["minor"])) \(item["access"].string ?? "rwm")"
      rules.append((item["allow"].bool ?? false, rule))
    }
    rules += Self.needed.map { (true, $0) }
    // The whole of the beginning, in which everything is denied, needs one write.
    while rules.count > 1, rules[0].rule == "a", rules[1].rule == "a" { rules.removeFirst() }
    try attempt("set the devices of the container") { () throws(SystemError) in
      for (isAllowed, rule) in rules {
        try Files.writeControl(directory + (isAllowed ? "/devices.allow" : "/devices.deny"), rule)
      }
    }
  }

  private static let needed: [String] = [
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
    "c 136:* rwm",
  ]
}
