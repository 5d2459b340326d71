// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import Kernel
import OCISpec
import ShimProtocol

/// The last part, equal for a container's first process and for those executed later: limits, user, capabilities,
/// filter, program. The root is the container's already.
struct ProcessStart {
  var process: RuntimeSpec.Process
  /// A compiled seccomp filter; empty means none.
  var filter: [UInt8]
  var options: StartOptions = StartOptions()

  private static let noNewPrivileges: Int32 = 38
  private static let keepCapabilities: Int32 = 8

  /// Finds what can be told to be wrong before the start.
  func check() throws(ContainerInitError) {
    for limit: RuntimeSpec.ResourceLimit in process.resourceLimits where Self.limitNumbers[limit.type] == nil {
      throw ContainerInitError("unknown resource limit \"\(limit.type)\"")
    }
    _ = try CapabilitySets(process.capabilities)
    do throws(SystemError) { try changeDirectory() } catch {
      // The user may be able to go where root may not.
      return
    }
    // Without one, it is the start that fails.
    if !process.arguments.isEmpty { _ = try findProgram(process.environment) }
  }

  func run(_ channel: InitChannel) throws(ContainerInitError) -> Never {
    let environment: [String] = withHome(process.environment)
    try setLimits()
    // A keyring of its own keeps the host's keys out of reach; kernels without keyrings have none to hide.
    if !options.keepsKeyring { _ = apus_keyctl_join_session() }
    try Scheduling.set(process)
    try setLabels()
    let sets: CapabilitySets = try CapabilitySets(process.capabilities)
    try ownStandardStreams()
    var directoryFailure: SystemError?
    do throws(SystemError) { try changeDirectory() } catch { directoryFailure = error }
    // Without no_new_privs, installing a filter needs CAP_SYS_ADMIN: it comes before the capabilities go.
    if !process.hasNoNewPrivileges { try installFilter() }
    sets.dropBounding()
    try becomeUser()
    try sets.take()
    // Where root may not go (root_squash), the user may.
    if directoryFailure != nil {
      do throws(SystemError) { try changeDirectory() } catch {
        throw ContainerInitError("chdir to cwd (\"\(process.workingDirectory)\") set in config.json failed", error)
      }
    }
    umask(mode_t(process.user.umask ?? 0o022))
    let program: String = try findProgram(environment)
    if process.hasNoNewPrivileges {
      try step("set no_new_privs") { () throws(SystemError) in
        try systemCall("prctl") { apus_prctl(Self.noNewPrivileges, 1, 0, 0, 0) }
      }
      try installFilter()
    }
    try execute(program, environment, channel)
  }

  private func withHome(_ environment: [String]) -> [String] {
    if environment.contains(where: { $0.hasPrefix("HOME=") && $0.utf8.count > 5 }) { return environment }
    var home: String = "/"
    if let users: String = try? Files.readText("/etc/passwd") {
      for line: Substring in users.split(separator: "\n") {
        let fields: [Substring] = line.split(separator: ":", omittingEmptySubsequences: false)
        if fields.count > 5, UInt32(fields[2]) == process.user.uid, !fields[5].isEmpty {
          home = String(fields[5])
          break
        }
      }
    }
    return environment.filter { !$0.hasPrefix("HOME=") } + ["HOME=" + home]
  }

  private static let limitNumbers: [String: Int32] = [
    "RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
  ]

  private func setLimits() throws(ContainerInitError) {
    for limit: RuntimeSpec.ResourceLimit in process.resourceLimits {
      guard let number: Int32 = Self.limitNumbers[limit.type] else {
        throw ContainerInitError("unknown resource limit \"\(limit.type)\"")
      }
      try step("set \(limit.type)") { () throws(SystemError) in
        try systemCall("prlimit") { apus_setrlimit(0, number, limit.soft, limit.hard) }
      }
    }
  }

  private func setLabels() throws(ContainerInitError) {
    if !process.appArmorProfile.isEmpty {
      try step("apply the AppArmor profile \(process.appArmorProfile)") { () throws(SystemError) in
        let path: String = "/proc/self/attr/apparmor/exec"
        try Files.writeControl(
          Files.exists(path) ? path : "/proc/self/attr/exec", "exec " + process.appArmorProfile)
      }
    }
    if !process.seLinuxLabel.isEmpty, Files.exists("/sys/fs/selinux/enforce") {
      try step("apply the SELinux label") { () throws(SystemError) in
        try Files.writeControl("/proc/self/attr/exec", process.seLinuxLabel)
      }
    }
  }

  /// Lets the user open /dev/stdout and its kin again.
  private func ownStandardStreams() throws(ContainerInitError) {
    guard process.user.uid != 0 else { return }
    for number: Int32 in 0...2 {
      var status: stat = stat()
      guard fstat(number, &status) == 0 else { continue }
      // /dev/null belongs to everybody.
      if status.st_mode & S_IFMT == S_IFCHR, apus_major(UInt64(status.st_rdev)) == 1 { continue }
      // Files on read-only or unmapped file systems stay whose they are.
      _ = fchown(number, process.user.uid, gid_t.max)
    }
  }

  private func changeDirectory() throws(SystemError) {
    try systemCall("chdir", process.workingDirectory) { chdir(process.workingDirectory) }
  }

  private func becomeUser() throws(ContainerInitError) {
    let groups: [UInt32] = process.user.additionalGroups
    try step("set the user and groups") { () throws(SystemError) in
      try systemCall("prctl") { apus_prctl(Self.keepCapabilities, 1, 0, 0, 0) }
      try systemCall("setgroups") { apus_setgroups(groups, groups.count) }
      try systemCall("setresgid", String(process.user.gid)) { apus_setresgid(process.user.gid) }
      try systemCall("setresuid", String(process.user.uid)) { apus_setresuid(process.user.uid) }
      try systemCall("prctl") { apus_prctl(Self.keepCapabilities, 0, 0, 0, 0) }
    }
  }

  private func installFilter() throws(ContainerInitError) {
    guard !filter.isEmpty else { return }
    try step("install the seccomp filter") { () throws(SystemError) in
      try systemCall("seccomp") { apus_seccomp_load(filter, filter.count / 8, 0) }
    }
  }

  /// Finds the program as execvp would, with the words that users know from other runtimes.
  private func findProgram(_ environment: [String]) throws(ContainerInitError) -> String {
    guard let name: String = process.arguments.first, !name.isEmpty else {
      throw ContainerInitError("no command specified")
    }
    if name.contains("/") {
      var status: stat = stat()
      if stat(name, &status) != 0 {
        throw ContainerInitError("exec: \"\(name)\": stat \(name): \(Errno.current.lowercased)")
      }
      if status.st_mode & S_IFMT == S_IFDIR {
        throw ContainerInitError("exec: \"\(name)\": is a directory")
      }
      if access(name, X_OK) != 0 { throw ContainerInitError("exec: \"\(name)\": permission denied") }
      return name
    }
    let path: Substring = environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
    var wasDenied: Bool = false
    for directory: Substring in path.split(separator: ":", omittingEmptySubsequences: false) {
      let candidate: String = (directory.isEmpty ? "." : directory) + "/" + name
      var status: stat = stat()
      guard stat(candidate, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
      if access(candidate, X_OK) == 0 { return candidate }
      wasDenied = true
    }
    throw ContainerInitError(
      wasDenied ? "exec: \"\(name)\": permission denied" : "exec: \"\(name)\": executable file not found in $PATH")
  }

  private func execute(_ program: String, _ environment: [String], _ channel: InitChannel) throws(ContainerInitError) -> Never {
    var channel: InitChannel = channel
    // All is told before exec: the socket closes by itself then.
    channel.send(.executing)
    _ = apus_close_range(5, UInt32.max, 4 /* CLOSE_RANGE_CLOEXEC */)
    _ = fcntl(InitMessage.socketDescriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(InitMessage.configurationDescriptor, F_SETFD, FD_CLOEXEC)
    try options.placeDescriptors(&channel)
    let arguments: [UnsafeMutablePointer<CChar>?] = process.arguments.map { strdup($0) } + [nil]
    let variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    execve(program, arguments, variables)
    let reason: Errno = .current
    // The channel may have another number than the caller knows.
    channel.send(.failure("exec \(program): \(reason.lowercased)"))
    _exit(127)
  }
}

extension Errno {
  /// As Go writes it.
  var lowercased: String { description.lowercased() }
}
