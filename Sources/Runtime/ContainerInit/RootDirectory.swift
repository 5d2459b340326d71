// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import Kernel

/// The container's root before it is the root: finds and makes paths below it without ever following a link out of it.
struct RootDirectory: ~Copyable {
  let path: String
  private let descriptor: FileDescriptor

  private static let resolveInRoot: UInt64 = 0x10
  private static let noMagicLinks: UInt64 = 0x02

  init(_ path: String) throws(ContainerInitError) {
    self.path = path
    descriptor = try step("open the root file system") { () throws(SystemError) in
      try FileDescriptor.open(path, [.pathOnly, .directory])
    }
  }

  /// A path descriptor of something in the container; links are followed as the container would.
  func find(_ inside: String) throws(SystemError) -> FileDescriptor {
    let root: Int32 = descriptor.raw
    let flags: UInt64 = 0x20_0000 | UInt64(O_CLOEXEC)
    return FileDescriptor(
      owning: try systemCall("openat2", inside) {
        apus_openat2(root, inside, flags, 0, Self.resolveInRoot | Self.noMagicLinks)
      })
  }

  /// The same, made when it is missing, with the directories above it.
  func make(_ inside: String, isDirectory: Bool) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) { return try find(inside) } catch { if error.errno != .noSuchFile { throw error } }
    let parts: [Substring] = inside.split(separator: "/")
    guard let name: Substring = parts.last else { return try find("/") }
    let parent: FileDescriptor = try make("/" + parts.dropLast().joined(separator: "/"), isDirectory: true)
    let parentNumber: Int32 = parent.raw
    let made: Int32 =
      isDirectory
      ? apus_mkdirat(parentNumber, String(name), 0o755) : apus_touchat(parentNumber, String(name), 0o644)
    if made != 0, Errno.current != .exists {
      throw SystemError(.current, isDirectory ? "mkdir" : "create", inside)
    }
    return try find(inside)
  }
}

/// A path by which an open descriptor can be mounted on.
func descriptorPath(_ descriptor: borrowing FileDescriptor) -> String { "/proc/self/fd/\(descriptor.raw)" }
