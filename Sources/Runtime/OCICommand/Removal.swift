// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import ContainerInit
import Glibc
import JSON
import Kernel
import OCISpec

/// Takes everything away that a container is: its processes, its group and its record. Done again after it was
/// interrupted, it does the rest.
struct Removal {
  let record: ContainerRecord
  let hierarchy: CgroupHierarchy
  let log: CommandLog

  init(_ record: ContainerRecord, _ hierarchy: CgroupHierarchy, _ log: CommandLog) {
    self.record = record
    self.hierarchy = hierarchy
    self.log = log
  }

  func run() throws(CommandError) {
    let hooks: [Hook] = (try? record.hooks(.poststop)) ?? []
    try endProcesses()
    if let group: Cgroup = record.group(hierarchy) { try remove(group) }
    try attempt("remove the state of the container") { () throws(SystemError) in
      try Files.removeTree(record.folder)
    }
    let state: JSONValue = record.state(.stopped)
    for hook: Hook in hooks {
      do throws(HookError) { try HookRunner.run([hook], .poststop, state: state) } catch {
        log.warn(error.description)
      }
    }
  }

  /// Sends SIGKILL until nobody is left; with process 1 of a PID namespace the kernel ends all the others.
  private func endProcesses() throws(CommandError) {
    try attempt("end the processes of the container") { () throws(SystemError) in
      if record.isAlive { try Processes.signal(record.pid, SIGKILL) }
      let group: Cgroup? = record.group(hierarchy)
      if group?.isFrozen ?? false { try group?.setFrozen(false) }
      let end: Int64 = SystemClock.monotonic + 10_000_000_000
      while true {
        // One that is our own child has to be reaped by us.
        while Processes.reap() != nil {}
        let isEmpty: Bool = try group.map { (group) throws(SystemError) in try isEmptied(group) } ?? true
        if isEmpty, !record.isAlive { return }
        if SystemClock.monotonic > end { throw SystemError(.busy, "kill", record.id) }
        usleep(1000)
      }
    }
  }

  private func isEmptied(_ group: Cgroup) throws(SystemError) -> Bool {
    // One that was made in part only has no processes.
    guard group.exists else { return true }
    try group.signal(SIGKILL)
    return try isEmpty(group)
  }

  private func isEmpty(_ group: Cgroup) throws(SystemError) -> Bool {
    guard try group.processes().isEmpty else { return false }
    for child: Cgroup in try group.children() where try !isEmpty(child) { return false }
    return true
  }

  /// A group can be busy for a moment after its last process was reaped.
  private func remove(_ group: Cgroup) throws(CommandError) {
    try attempt("remove the container's cgroup") { () throws(SystemError) in
      let end: Int64 = SystemClock.monotonic + 5_000_000_000
      while true {
        do throws(SystemError) { return try group.remove() } catch {
          guard error.errno == .busy, SystemClock.monotonic < end else { throw error }
        }
        usleep(1000)
      }
    }
  }
}
