// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// A further process in a running container: joins the namespaces of its first process and executes a program there.
struct ContainerExec {
  let pid: Int32
  let process: RuntimeSpec.Process
  let seccompProgram: String
  let seccomp: JSONValue
  let personality: String
  let options: StartOptions

  init(_ json: JSONValue) throws(ContainerInitError) {
    pid = Int32(clamping: json["pid"].int ?? 0)
    seccompProgram = json["seccompProgram"].string ?? ""
    seccomp = json["seccomp"]
    personality = json["personality"].string ?? ""
    options = StartOptions(json["start"])
    do throws(OCISpecError) { process = try RuntimeSpec.Process(json["process"]) } catch {
      throw ContainerInitError("read the process: \(error)")
    }
  }

  func run(_ channel: InitChannel) throws(ContainerInitError) -> Never {
    // Until exec this process holds descriptors of the host: nobody in the container may look into it.
    let setDumpable: Int32 = 4
    _ = apus_prctl(setDumpable, 0, 0, 0, 0)
    try adjustOutOfMemoryScore(process, channel)
    var filter: [UInt8] = []
    if !seccompProgram.isEmpty {
      filter = try step("read the seccomp filter") { () throws(SystemError) in try Files.read(seccompProgram) }
    }
    if seccomp.object != nil { filter = try SeccompFilter.compile(seccomp) }
    try joinNamespaces()
    if process.hasTerminal { try TerminalUse.begin(try TerminalUse.open(process, channel)) }
    try ExecutionDomain.set(personality)
    var start: ProcessStart = ProcessStart(process: process, filter: filter)
    start.options = options
    try start.run(channel)
  }

  /// The PID namespace was joined before this process was made. The mount namespace comes last: it takes /proc away.
  private func joinNamespaces() throws(ContainerInitError) {
    let kinds: [(String, NamespaceKinds)] = [
      ("time", .time), ("user", .user), ("ipc", .ipc), ("uts", .uts), ("net", .network), ("cgroup", .cgroup),
      ("mnt", .mount),
    ]
    if try !isSame("user") { giveStreams() }
    var opened: [(descriptor: SharedDescriptor, kind: NamespaceKinds)] = []
    for (name, kind) in kinds {
      // Joining the user namespace one is in is an error, the others are needless.
      // Not every kernel has every kind.
      guard Files.exists("/proc/self/ns/\(name)"), try !isSame(name) else { continue }
      opened.append(
        try step("open the \(name) namespace") { () throws(SystemError) in
          (SharedDescriptor(try FileDescriptor.open("/proc/\(pid)/ns/\(name)")), kind)
        })
    }
    for namespace in opened {
      try step("join the namespaces of the container") { () throws(SystemError) in
        try Namespaces.join(namespace.descriptor.raw, namespace.kind)
      }
      if namespace.kind == .user { try becomeRootOfUserNamespace() }
    }
  }

  private func isSame(_ name: String) throws(ContainerInitError) -> Bool {
    try step("read the namespaces of the container") { () throws(SystemError) in
      try Files.readLink("/proc/\(pid)/ns/\(name)") == Files.readLink("/proc/self/ns/\(name)")
    }
  }

  /// Gives the standard streams to the user of the process, by the numbers of the host.
  private func giveStreams() {
    let (uid, gid) = (hostID(process.user.uid, "uid_map"), hostID(process.user.gid, "gid_map"))
    for number: Int32 in 0...2 { giveStream(number, uid: uid, gid: gid) }
  }

  private func hostID(_ inside: UInt32, _ map: String) -> UInt32 {
    for line: Substring in ((try? Files.readText("/proc/\(pid)/\(map)")) ?? "").split(separator: "\n") {
      let numbers: [UInt32] = line.split(separator: " ").compactMap { UInt32($0) }
      guard numbers.count == 3, inside >= numbers[0], inside - numbers[0] < numbers[2] else { continue }
      return numbers[1] + (inside - numbers[0])
    }
    return inside
  }
}
