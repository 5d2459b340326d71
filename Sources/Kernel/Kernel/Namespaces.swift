// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Kinds of namespaces, as bits of clone(2).
public struct NamespaceKinds: OptionSet, Hashable, Sendable {
  /// The kernel's CLONE_NEW* bits.
  public let rawValue: Int32
  /// Wraps the kernel's bits.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// CLONE_NEWTIME
  public static let time = NamespaceKinds(rawValue: 0x80)
  /// CLONE_NEWNS
  public static let mount = NamespaceKinds(rawValue: 0x0002_0000)
  /// CLONE_NEWCGROUP
  public static let cgroup = NamespaceKinds(rawValue: 0x0200_0000)
  /// CLONE_NEWUTS
  public static let uts = NamespaceKinds(rawValue: 0x0400_0000)
  /// CLONE_NEWIPC
  public static let ipc = NamespaceKinds(rawValue: 0x0800_0000)
  /// CLONE_NEWUSER
  public static let user = NamespaceKinds(rawValue: 0x1000_0000)
  /// CLONE_NEWPID
  public static let pid = NamespaceKinds(rawValue: 0x2000_0000)
  /// CLONE_NEWNET
  public static let network = NamespaceKinds(rawValue: 0x4000_0000)
}

/// Joining, leaving and pinning namespaces.
public enum Namespaces {
  /// Moves the calling thread into a namespace (setns(2)). For a PID namespace: its next children.
  public static func join(_ descriptor: Int32, _ kind: NamespaceKinds) throws(SystemError) {
    try systemCall("setns") { apus_setns(descriptor, kind.rawValue) }
  }

  /// Moves the calling thread into new namespaces (unshare(2)).
  public static func unshare(_ kinds: NamespaceKinds) throws(SystemError) {
    try systemCall("unshare") { apus_unshare(kinds.rawValue) }
  }

  /// Makes new namespaces and pins each by a bind mount on a file that is made for it. Network, IPC and UTS only.
  /// On failure nothing is left.
  public static func pin(_ pins: [(kind: NamespaceKinds, path: String)]) throws(SystemError) {
    var made: [String] = []
    do throws(SystemError) {
      for pin in pins {
        try Files.write(pin.path, [], mode: 0o444)
        made.append(pin.path)
      }
      let paths: [UnsafeMutablePointer<CChar>?] = pins.map { strdup($0.path) }
      defer { paths.forEach { free($0) } }
      let constantPaths: [UnsafePointer<CChar>?] = paths.map { UnsafePointer($0) }
      let kinds: [Int32] = pins.map(\.kind.rawValue)
      var step: UnsafePointer<CChar>?
      if apus_pin_namespaces(kinds, constantPaths, pins.count, &step) != 0 {
        let reason: Errno = .current
        throw SystemError(reason, step.map { String(cString: $0) } ?? "clone", pins.first?.path ?? "")
      }
    } catch {
      for path: String in made {
        // The first error is the one to tell.
        try? Files.remove(path)
      }
      throw error
    }
  }

  /// Pins namespaces of a process, by their names in /proc/…/ns. On failure, what is pinned already stays.
  public static func pin(_ pins: [(name: String, path: String)], of pid: Int32) throws(SystemError) {
    for pin in pins {
      try Files.write(pin.path, [], mode: 0o444)
      try Mounts.mount("/proc/\(pid)/ns/\(pin.name)", on: pin.path, flags: .bind)
    }
  }

  /// Goes on in a copy of the calling process, which must have one thread: the copy is process 1 of a new PID
  /// namespace, which belongs to the caller's user namespace, and a child of the caller's parent.
  ///
  /// Returns nil in the copy, and the copy's pid to the caller.
  public static func forkIntoPIDNamespace() throws(SystemError) -> Int32? {
    let pid: Int32 = try systemCall("clone") { apus_fork_into_pid_namespace() }
    return pid == 0 ? nil : pid
  }

  /// Takes a pinned namespace's bind mount and file away; nothing there is fine.
  public static func unpin(_ path: String) throws(SystemError) {
    try Mounts.unmount(path)
    try Files.remove(path)
  }

  /// Runs blocking code on a thread of its own in the namespace at a path, such as /run/netns/x.
  public static func run<Result>(
    in path: String, _ kind: NamespaceKinds, _ body: () -> Result
  ) throws(SystemError) -> Result {
    let descriptor: FileDescriptor = try FileDescriptor.open(path)
    var result: Result?
    var error: SystemError?
    withoutActuallyEscaping(body) { body in
      var work: () -> Void = { result = body() }
      withUnsafeMutablePointer(to: &work) { pointer in
        let status: Int32 = apus_in_namespace(
          descriptor.raw, kind.rawValue,
          { $0?.assumingMemoryBound(to: (() -> Void).self).pointee() }, pointer)
        if status != 0 { error = SystemError(.current, "setns", path) }
      }
    }
    if let error { throw error }
    guard let result else { throw SystemError(.inputOutput, "setns", path) }
    return result
  }
}
