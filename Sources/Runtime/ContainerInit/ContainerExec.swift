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

  init(_ json: JSONValue) throws(ContainerInitError) {
    pid = Int32(clamping: json["pid"].int ?? 0)
    seccompProgram = json["seccompProgram"].string ?? ""
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
    try joinNamespaces()
    if process.hasTerminal { try TerminalUse.begin(try TerminalUse.open(channel)) }
    let start: ProcessStart = ProcessStart(process: process, filter: filter)
    try start.run(channel)
  }

  /// The PID namespace was joined before this process was made. The mount namespace comes last: it takes /proc away.
  private func joinNamespaces() throws(ContainerInitError) {
    let kinds: [(String, NamespaceKinds)] = [
      ("user", .user), ("ipc", .ipc), ("uts", .uts), ("net", .network), ("cgroup", .cgroup), ("mnt", .mount),
    ]
    var opened: [(descriptor: SharedDescriptor, kind: NamespaceKinds)] = []
    for (name, kind) in kinds {
      let theirs: String = "/proc/\(pid)/ns/\(name)"
      let isSame: Bool = try step("read the namespaces of the container") { () throws(SystemError) in
        try Files.readLink(theirs) == Files.readLink("/proc/self/ns/\(name)")
      }
      // Joining the user namespace one is in is an error, the others are needless.
      if isSame { continue }
      opened.append(
        try step("open the \(name) namespace") { () throws(SystemError) in
          (SharedDescriptor(try FileDescriptor.open(theirs)), kind)
        })
    }
    for namespace in opened {
      try step("join the namespaces of the container") { () throws(SystemError) in
        try Namespaces.join(namespace.descriptor.raw, namespace.kind)
        if namespace.kind == .user {
          try systemCall("setresgid") { apus_setresgid(0) }
          try systemCall("setresuid") { apus_setresuid(0) }
        }
      }
    }
  }
}
