// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// A process that does nothing but be in a new user namespace, so that others can join it; it ends with its maker.
final class UserNamespaceHolder {
  static let programName: String = "apus-user-namespace"

  /// The namespace, as long as this lives.
  var path: String { "/proc/\(pid)/ns/user" }
  private let pid: Int32
  private let lifeline: SharedDescriptor

  init(uids: [RuntimeSpec.IDMapping], gids: [RuntimeSpec.IDMapping]) throws(CommandError) {
    guard !uids.isEmpty, !gids.isEmpty else {
      throw CommandError("user namespaces enabled, but no mappings found")
    }
    let program: InitProgram = InitProgram("/proc/self/exe")
    let (pid, lifeline): (Int32, SharedDescriptor) = try attempt("make a user namespace") {
      () throws(SystemError) -> (Int32, SharedDescriptor) in
      let ends: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
      let (reader, writer) = (SharedDescriptor(owning: ends.reader), SharedDescriptor(owning: ends.writer))
      var spawn: SpawnRequest = SpawnRequest(path: program.path, arguments: [Self.programName])
      spawn.programDescriptor = program.descriptor?.raw ?? -1
      spawn.newNamespaces = .user
      spawn.descriptors = [(reader.raw, 0)]
      return (try Processes.spawn(spawn).pid, writer)
    }
    self.pid = pid
    self.lifeline = lifeline
    try attempt("write the maps of the user namespace") { () throws(SystemError) in
      try Files.writeControl("/proc/\(pid)/uid_map", Self.text(uids))
      try Files.writeControl("/proc/\(pid)/gid_map", Self.text(gids))
    }
  }

  deinit {
    kill(pid, SIGKILL)
    // It is nobody else's child.
    _ = try? Processes.wait(for: pid)
  }

  private static func text(_ mappings: [RuntimeSpec.IDMapping]) -> String {
    mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
  }

  /// What the process does.
  static func hold() -> Int32 {
    // The end of the pipe is the end of the maker.
    _ = try? Kernel.read(0, upTo: 1)
    return 0
  }
}
