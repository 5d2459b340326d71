// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Cgroups
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// Makes a container out of the calling process, step by step, and executes its program (runtime-spec, runtime.md
/// "Lifecycle"). The process is alone in its PID namespace already where it is to have one.
struct ContainerSetup {
  let spec: RuntimeSpec
  let process: RuntimeSpec.Process
  let hierarchy: CgroupHierarchy
  /// A descriptor of the user namespace in which mounts are mapped; nil in the host's.
  var userNamespace: SharedDescriptor?
  var makesDeviceNodes: Bool = true
  var options: StartOptions = StartOptions()
  /// Where the start is asked for after the creation; nil goes through at once.
  var gate: StartGate?
  /// Where the root file system is mounted. In a user namespace it is the working directory: the path to it may lead
  /// through directories that only the host's root may enter.
  private var rootPath: String { userNamespace == nil ? spec.rootPath : "." }
  /// Detached copies of what must be taken before the container's namespaces are entered, by where they go.
  var sources: [String: SharedDescriptor] = [:]

  private static let namespaceKinds: [(type: String, kind: NamespaceKinds)] = [
    ("time", .time), ("user", .user), ("ipc", .ipc), ("uts", .uts), ("network", .network), ("cgroup", .cgroup),
    ("mount", .mount),
  ]

  init(_ spec: RuntimeSpec) throws(ContainerInitError) {
    guard let process: RuntimeSpec.Process = spec.process else {
      throw ContainerInitError("the configuration has no process")
    }
    self.spec = spec
    self.process = process
    hierarchy = try step("read the mounts of cgroups") { () throws(SystemError) in try CgroupHierarchy.detect() }
  }

  /// Does everything; returns only by throwing.
  mutating func run(_ channel: InitChannel) throws(ContainerInitError) -> Never {
    try adjustOutOfMemoryScore(process, channel)
    let filter: [UInt8] = try SeccompFilter.program(spec)
    try prepareForUsers()
    try enterNamespaces(channel)
    try keepSources { $0.contains("rshared") || $0.contains("shared") }
    try mountRoot()
    let root: RootDirectory = try RootDirectory(rootPath)
    try mountAll(root)
    Failpoints.reach("Init.mounted")
    try makeDevices(root)
    try makeWorkingDirectory(root)
    var slave: String?
    if process.hasTerminal { slave = try openTerminal(root, channel) }
    try gate?.mounted(channel)
    try enterRoot()
    try setNames()
    try setSysctls()
    try restrictPaths()
    if let slave { try useTerminal(slave) }
    try ExecutionDomain.set(spec.personality)
    var start: ProcessStart = ProcessStart(process: process, filter: filter)
    start.options = options
    if let gate {
      try start.check()
      try gate.awaitStart(channel)
    }
    try start.run(channel)
  }

  private mutating func enterNamespaces(_ channel: InitChannel) throws(ContainerInitError) {
    var wanted: [String: RuntimeSpec.Namespace] = [:]
    for namespace: RuntimeSpec.Namespace in spec.namespaces { wanted[namespace.type] = namespace }
    var fresh: NamespaceKinds = []
    // A mount namespace is always our own: what follows must not be seen by the host.
    fresh.insert(.mount)
    // All are opened first: in a user namespace, the way to them may be closed.
    var opened: [String: SharedDescriptor] = [:]
    for namespace: RuntimeSpec.Namespace in spec.namespaces {
      guard let path: String = namespace.path else { continue }
      opened[namespace.type] = try step("open the \(namespace.type) namespace") { () throws(SystemError) in
        SharedDescriptor(try FileDescriptor.open(path))
      }
    }
    for (type, kind) in Self.namespaceKinds {
      guard wanted[type] != nil else { continue }
      guard let descriptor: SharedDescriptor = opened[type] else {
        // Before a user namespace is entered: its root may not set the clocks through a /proc that is not its own.
        if kind == .time { try TimeNamespace.make(spec.timeOffsets) } else if kind != .user { fresh.insert(kind) }
        continue
      }
      try step("join the \(type) namespace") { () throws(SystemError) in
        try Namespaces.join(descriptor.raw, kind)
      }
      if kind == .mount { fresh.remove(.mount) }
      if kind == .user { try becomeRootOfUserNamespace() }
    }
    if let user: RuntimeSpec.Namespace = wanted["user"], user.path == nil {
      try step("make a user namespace") { () throws(SystemError) in try Namespaces.unshare(.user) }
      try channel.askForUserMaps()
      try becomeRootOfUserNamespace()
    }
    makesDeviceNodes = wanted["user"] == nil
    if wanted["user"] != nil, let pid: RuntimeSpec.Namespace = wanted["pid"], pid.path == nil {
      try channel.moveIntoPIDNamespace()
    }
    try step("make namespaces") { () throws(SystemError) in try Namespaces.unshare(fresh) }
    // Harmless when it fails: a plugin does it again.
    if fresh.contains(.network) { _ = apus_bring_loopback_up() }
  }

  private func mountRoot() throws(ContainerInitError) {
    let isPrivate: Bool = spec.rootPropagation == "private" || spec.rootPropagation == "rprivate"
    try step("set the propagation of mounts") { () throws(SystemError) in
      // Never shared: the root that is mounted next must not travel to the host. What is to be shared was copied.
      try Mounts.mount("", on: "/", flags: [.recursive, isPrivate ? .isPrivate : .slave])
    }
    let root: String = rootPath
    try step("mount the root file system") { () throws(SystemError) in
      if let overlay: RuntimeSpec.Overlay = spec.overlay, userNamespace == nil {
        try OverlayMounting.mount(overlay, on: root)
      } else if userNamespace != nil {
        // What another user namespace has mounted cannot be taken apart: the root is a mount of this one.
        let copy: FileDescriptor = try Mounts.detachedCopy(root, recursive: true)
        try Mounts.attach(copy, on: root)
        let raw: Int32 = copy.raw
        try systemCall("fchdir") { fchdir(raw) }
      } else {
        try Mounts.mount(root, on: root, flags: [.bind, .recursive])
      }
      // pivot_root refuses a shared mount and one below a shared mount.
      try Mounts.mount("", on: root, flags: .isPrivate)
    }
  }

  private func makeWorkingDirectory(_ root: borrowing RootDirectory) throws(ContainerInitError) {
    guard process.workingDirectory.hasPrefix("/") else {
      throw ContainerInitError("the working directory \"\(process.workingDirectory)\" is not absolute")
    }
    do throws(SystemError) { _ = try root.make(process.workingDirectory, isDirectory: true) } catch {
      // On a read-only root it must be there already, which chdir will tell.
      if error.errno != .readOnlyFileSystem, error.errno != .notDirectory {
        throw ContainerInitError("make the working directory", error)
      }
    }
  }

  private func enterRoot() throws(ContainerInitError) {
    try step("change the root") { () throws(SystemError) in
      try systemCall("chdir", rootPath) { chdir(rootPath) }
      if options.avoidsPivot {
        try Mounts.mount(".", on: "/", flags: .move)
        try systemCall("chroot", ".") { chroot(".") }
        try systemCall("chdir", "/") { chdir("/") }
        return
      }
      try Mounts.pivotRootToCurrentDirectory()
      // The old root now lies on the new one. Nothing of it is shared with the host any more, so that unmounting it
      // is nobody else's business.
      try systemCall("umount", ".") { umount2(".", Int32(MNT_DETACH)) }
      try systemCall("chdir", "/") { chdir("/") }
      switch spec.rootPropagation {
      case "rshared", "shared": try Mounts.mount("", on: "/", flags: .shared)
      case "unbindable": try Mounts.mount("", on: "/", flags: .unbindable)
      case "runbindable": try Mounts.mount("", on: "/", flags: [.unbindable, .recursive])
      default: break
      }
    }
  }

  private func setNames() throws(ContainerInitError) {
    if !spec.hostname.isEmpty {
      try step("set the host name") { () throws(SystemError) in
        try systemCall("sethostname", spec.hostname) { apus_sethostname(spec.hostname, spec.hostname.utf8.count) }
      }
    }
    if !spec.domainName.isEmpty {
      try step("set the domain name") { () throws(SystemError) in
        try systemCall("setdomainname", spec.domainName) {
          apus_setdomainname(spec.domainName, spec.domainName.utf8.count)
        }
      }
    }
  }

  private func setSysctls() throws(ContainerInitError) { try Sysctls.set(spec.sysctls) }

  private func restrictPaths() throws(ContainerInitError) {
    for path: String in spec.readOnlyPaths {
      do throws(SystemError) {
        try Mounts.mount(path, on: path, flags: [.bind, .recursive])
        try Mounts.setAttributes(path, set: Mounts.Attribute.readOnly)
      } catch {
        if error.errno != .noSuchFile { throw ContainerInitError("make \"\(path)\" read-only", error) }
      }
    }
    for path: String in spec.maskedPaths {
      do throws(SystemError) {
        if try Files.status(path).isDirectory {
          try Mounts.mount("tmpfs", on: path, type: "tmpfs", flags: .readOnly)
        } else {
          try Mounts.mount("/dev/null", on: path, flags: .bind)
        }
      } catch {
        if error.errno != .noSuchFile, error.errno != .notDirectory {
          throw ContainerInitError("mask \"\(path)\"", error)
        }
      }
    }
    if spec.isRootReadOnly {
      try step("make the root read-only") { () throws(SystemError) in
        try Mounts.setAttributes("/", set: Mounts.Attribute.readOnly)
      }
    }
  }
}

/// Kernel parameters.
enum Sysctls {
  /// Sets them; `/proc` must be that of the namespaces they are for.
  static func set(_ sysctls: [String: String]) throws(ContainerInitError) {
    for (name, value) in sysctls.sorted(by: { $0.key < $1.key }) {
      // A name with a slash keeps the dots of its parts.
      let path: String =
        name.contains("/") ? name : String(name.map { $0 == "." ? "/" : $0 })
      guard !path.split(separator: "/").contains("..") else { throw ContainerInitError("sysctl \"\(name)\"") }
      try step("set sysctl \(name)") { () throws(SystemError) in
        try Files.writeControl("/proc/sys/" + path, value)
      }
    }
  }
}

/// Lowering it below what a parent has needs CAP_SYS_RESOURCE; without that the nearest value is taken.
func adjustOutOfMemoryScore(_ process: RuntimeSpec.Process, _ channel: InitChannel) throws(ContainerInitError) {
  guard let wanted: Int = process.oomScoreAdjustment else { return }
  do throws(SystemError) { try Files.writeControl("/proc/self/oom_score_adj", String(wanted)) } catch {
    guard error.errno == .accessDenied || error.errno == .notPermitted else {
      throw ContainerInitError("set oom_score_adj", error)
    }
    channel.send(.warning("oom_score_adj \(wanted) needs CAP_SYS_RESOURCE and was left out"))
  }
}
