// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// What to run, and in what surroundings.
public struct SpawnRequest {
  /// The program's path; unused when `programDescriptor` is set.
  public var path: String
  /// A descriptor of the program, executed in place of the path.
  public var programDescriptor: Int32 = -1
  /// The arguments, the program's name first.
  public var arguments: [String]
  /// The whole environment, as `NAME=value`.
  public var environment: [String]
  /// The working directory; nil keeps the parent's.
  public var workingDirectory: String?
  /// New namespaces for the child.
  public var newNamespaces: NamespaceKinds = []
  /// Namespaces to join, in this order.
  public var joins: [(descriptor: Int32, kind: NamespaceKinds)] = []
  /// The descriptors that the child gets: the parent's number and the child's.
  public var descriptors: [(parent: Int32, child: Int32)] = []
  /// Open `cgroup.procs` files which the child writes itself into.
  public var cgroupDescriptors: [Int32] = []
  /// Whether the child leads a new session.
  public var startsSession: Bool = false
  /// The signal the child gets when its parent dies; 0 for none.
  public var parentDeathSignal: Int32 = 0

  /// A program with its arguments and environment.
  public init(path: String, arguments: [String], environment: [String] = []) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }
}

/// A child process that runs.
public struct SpawnedProcess: ~Copyable, Sendable {
  /// Its number in the caller's PID namespace.
  public let pid: Int32
  /// A pidfd: readable once the process has ended.
  public let descriptor: FileDescriptor

  /// Gives up the pidfd: the caller closes it.
  public consuming func release() -> (pid: Int32, descriptor: Int32) {
    (pid, descriptor.release())
  }
}

/// Starting, awaiting and signalling processes.
public enum Processes {
  /// Starts a program. It inherits the descriptors that the request names (give 0, 1 and 2), nothing else, as all of
  /// ours are close-on-exec; its signals are unblocked and at their defaults.
  public static func spawn(_ request: SpawnRequest) throws(SystemError) -> SpawnedProcess {
    let arguments: [UnsafeMutablePointer<CChar>?] = request.arguments.map { strdup($0) } + [nil]
    let environment: [UnsafeMutablePointer<CChar>?] = request.environment.map { strdup($0) } + [nil]
    let directory: UnsafeMutablePointer<CChar>? = request.workingDirectory.flatMap { strdup($0) }
    let path: UnsafeMutablePointer<CChar>? = strdup(request.path)
    defer {
      arguments.forEach { free($0) }
      environment.forEach { free($0) }
      free(directory)
      free(path)
    }
    let joins: [apus_join] = request.joins.map { apus_join(fd: $0.descriptor, kind: $0.kind.rawValue) }
    let descriptors: [apus_descriptor] = request.descriptors.map {
      apus_descriptor(parent: $0.parent, child: $0.child)
    }
    var pidfd: Int32 = -1
    var step: UnsafePointer<CChar>?
    var reason: Errno = .inputOutput
    let pid: Int32 = arguments.withUnsafeBufferPointer { arguments in
      environment.withUnsafeBufferPointer { environment in
        joins.withUnsafeBufferPointer { joins in
          descriptors.withUnsafeBufferPointer { descriptors in
            request.cgroupDescriptors.withUnsafeBufferPointer { groups in
              var raw: apus_spawn = apus_spawn()
              raw.exec_fd = request.programDescriptor
              raw.path = UnsafePointer(path)
              raw.argv = arguments.baseAddress
              raw.envp = environment.baseAddress
              raw.cwd = UnsafePointer(directory)
              raw.clone_flags = UInt64(UInt32(bitPattern: request.newNamespaces.rawValue))
              raw.joins = joins.baseAddress
              raw.join_count = joins.count
              raw.descriptors = descriptors.baseAddress
              raw.descriptor_count = descriptors.count
              raw.cgroup_fds = groups.baseAddress
              raw.cgroup_count = groups.count
              raw.new_session = request.startsSession ? 1 : 0
              raw.parent_death_signal = request.parentDeathSignal
              let pid: Int32 = apus_spawn(&raw, &pidfd, &step)
              reason = .current
              return pid
            }
          }
        }
      }
    }
    guard pid > 0 else {
      throw SystemError(reason, step.map { String(cString: $0) } ?? "clone", request.path)
    }
    return SpawnedProcess(pid: pid, descriptor: FileDescriptor(owning: pidfd))
  }

  /// Waits for one child and reaps it: its exit code, or 128 and the number of the signal that ended it.
  public static func wait(for pid: Int32) throws(SystemError) -> Int32 {
    var status: Int32 = 0
    try systemCall("waitpid", String(pid)) { waitpid(pid, &status, 0) }
    return apus_wait_status(status)
  }

  /// Reaps one child that has ended, whichever: its pid and exit code; nil when none has.
  public static func reap() -> (pid: Int32, exitCode: Int32)? {
    var status: Int32 = 0
    while true {
      let pid: Int32 = waitpid(-1, &status, WNOHANG)
      if pid > 0 { return (pid, apus_wait_status(status)) }
      if pid < 0, Errno.current == .interrupted { continue }
      return nil
    }
  }

  /// A pidfd of a process.
  public static func open(_ pid: Int32) throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try systemCall("pidfd_open", String(pid)) { apus_pidfd_open(pid, 0) })
  }

  /// Sends a signal through a pidfd, which cannot hit a wrong process.
  public static func signal(descriptor: Int32, _ signal: Int32) throws(SystemError) {
    try systemCall("pidfd_send_signal") { apus_pidfd_send_signal(descriptor, signal) }
  }

  /// kill(2); a process that has ended is fine.
  public static func signal(_ pid: Int32, _ signal: Int32) throws(SystemError) {
    do throws(SystemError) { try systemCall("kill", String(pid)) { kill(pid, signal) } } catch {
      if error.errno != .noSuchProcess { throw error }
    }
  }

  /// Makes the caller the parent of orphaned descendants.
  public static func becomeSubreaper() throws(SystemError) {
    let setChildSubreaper: Int32 = 36
    try systemCall("prctl", "PR_SET_CHILD_SUBREAPER") { apus_prctl(setChildSubreaper, 1, 0, 0, 0) }
  }

  /// The time at which a process started, in clock ticks since boot: with the pid it names a process for ever. Nil
  /// for one that has ended, even where nobody has reaped it yet.
  public static func startTime(_ pid: Int32) -> UInt64? {
    guard let bytes: [UInt8] = try? Files.read("/proc/\(pid)/stat") else { return nil }
    // The name in parentheses may hold blanks and parentheses; the fields after the last one count from 3.
    guard let close: Int = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields: [Substring] = String(decoding: bytes[(close + 1)...], as: UTF8.self).split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }
}
