// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// A pod's pause process: holds its namespaces, reaps what is orphaned in its PID namespace, and ends on SIGTERM.
///
/// Containers that share the PID namespace see it as process 1, so it gives up everything worth stealing first:
/// it has an empty read-only root, no capability and no user's rights.
struct Pause {
  let configuration: ShimConfiguration

  /// The user that owns nothing.
  private static let nobody: UInt32 = 65535

  init(_ json: JSONValue) { configuration = ShimConfiguration(json) }

  func run(_ channel: InitChannel) throws(ContainerInitError) -> Never {
    var process: RuntimeSpec.Process = RuntimeSpec.Process()
    process.oomScoreAdjustment = configuration.oomScoreAdjustment
    try adjustOutOfMemoryScore(process, channel)
    try enterNamespaces(channel)
    if !configuration.hostname.isEmpty {
      let name: String = configuration.hostname
      try step("set the host name") { () throws(SystemError) in
        try systemCall("sethostname", name) { apus_sethostname(name, name.utf8.count) }
      }
    }
    try setSysctls()
    Failpoints.reach("Pause.entered")
    try Signals.blockOrFail([SIGCHLD, SIGTERM, SIGINT])
    try loseEverything()
    // So that lists of processes that show short names show this one.
    let setName: Int32 = 15
    _ = "pause".withCString { apus_prctl(setName, UInt(bitPattern: $0), 0, 0, 0) }
    channel.send(.executing)
    // The standard streams go too: a pause process has nothing to say.
    closeDescriptors(from: 0)
    while true {
      switch Signals.wait(for: [SIGCHLD, SIGTERM, SIGINT]) {
      case SIGCHLD: while Processes.reap() != nil {}
      default: exit(0)
      }
    }
  }

  private func enterNamespaces(_ channel: InitChannel) throws(ContainerInitError) {
    let kinds: [String: NamespaceKinds] = ["network": .network, "ipc": .ipc, "uts": .uts]
    if !configuration.uidMappings.items.isEmpty {
      try step("make a user namespace") { () throws(SystemError) in try Namespaces.unshare(.user) }
      try channel.askForUserMaps()
      try becomeRootOfUserNamespace()
    }
    var fresh: NamespaceKinds = .mount
    for namespace in configuration.namespaces {
      guard let kind: NamespaceKinds = kinds[namespace.type] else { continue }
      if namespace.path.isEmpty {
        fresh.insert(kind)
        continue
      }
      try step("join the \(namespace.type) namespace") { () throws(SystemError) in
        let descriptor: FileDescriptor = try FileDescriptor.open(namespace.path)
        try Namespaces.join(descriptor.raw, kind)
      }
    }
    try step("make namespaces") { () throws(SystemError) in
      try Namespaces.unshare(fresh)
      // Harmless when it fails: the loopback plugin or the container does it again.
      if fresh.contains(.network) { _ = apus_bring_loopback_up() }
    }
    if !configuration.uidMappings.items.isEmpty { try channel.moveIntoPIDNamespace() }
    try step("cut off mounts") { () throws(SystemError) in
      try Mounts.mount("", on: "/", flags: [.recursive, .isPrivate])
    }
  }

  private func setSysctls() throws(ContainerInitError) {
    guard !configuration.sysctls.isEmpty else { return }
    // The parameters of a namespace are those of the process that opens the file, except the ones of the PID
    // namespace, which are those of the mounted proc.
    try step("mount proc") { () throws(SystemError) in
      try Mounts.mount("proc", on: "/proc", type: "proc", flags: [.noSetUID, .noDevices, .noExecute])
    }
    try Sysctls.set(configuration.sysctls)
  }

  private func loseEverything() throws(ContainerInitError) {
    try step("change the root") { () throws(SystemError) in
      try Mounts.mount("tmpfs", on: "/proc", type: "tmpfs", flags: [.noSetUID, .noDevices, .noExecute], options: "size=4k")
      try systemCall("chdir", "/proc") { chdir("/proc") }
      try Mounts.pivotRootToCurrentDirectory()
      try systemCall("umount", ".") { umount2(".", Int32(MNT_DETACH)) }
      try systemCall("chdir", "/") { chdir("/") }
      try Mounts.setAttributes("/", set: Mounts.Attribute.readOnly)
    }
    let none: CapabilitySets = try CapabilitySets(nil)
    none.dropBounding()
    try step("give up the user") { () throws(SystemError) in
      try systemCall("setgroups") { apus_setgroups([], 0) }
      try systemCall("setresgid") { apus_setresgid(Self.nobody) }
      try systemCall("setresuid") { apus_setresuid(Self.nobody) }
    }
    try none.take()
  }
}

extension Signals {
  static func blockOrFail(_ signals: [Int32]) throws(ContainerInitError) {
    try step("block signals") { () throws(SystemError) in try Signals.block(signals) }
  }
}
