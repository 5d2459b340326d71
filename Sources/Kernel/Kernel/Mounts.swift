// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Flags of mount(2).
public struct MountFlags: OptionSet, Hashable, Sendable {
  /// The kernel's bits.
  public let rawValue: UInt
  /// Wraps the kernel's bits.
  public init(rawValue: UInt) { self.rawValue = rawValue }

  /// MS_RDONLY
  public static let readOnly = MountFlags(rawValue: 1)
  /// MS_NOSUID
  public static let noSetUID = MountFlags(rawValue: 2)
  /// MS_NODEV
  public static let noDevices = MountFlags(rawValue: 4)
  /// MS_NOEXEC
  public static let noExecute = MountFlags(rawValue: 8)
  /// MS_SYNCHRONOUS
  public static let synchronous = MountFlags(rawValue: 16)
  /// MS_REMOUNT
  public static let remount = MountFlags(rawValue: 32)
  /// MS_MANDLOCK
  public static let mandatoryLocks = MountFlags(rawValue: 64)
  /// MS_DIRSYNC
  public static let directorySync = MountFlags(rawValue: 128)
  /// MS_NOATIME
  public static let noAccessTime = MountFlags(rawValue: 1024)
  /// MS_NODIRATIME
  public static let noDirectoryAccessTime = MountFlags(rawValue: 2048)
  /// MS_BIND
  public static let bind = MountFlags(rawValue: 4096)
  /// MS_MOVE
  public static let move = MountFlags(rawValue: 8192)
  /// MS_REC
  public static let recursive = MountFlags(rawValue: 16384)
  /// MS_UNBINDABLE
  public static let unbindable = MountFlags(rawValue: 1 << 17)
  /// MS_PRIVATE
  public static let isPrivate = MountFlags(rawValue: 1 << 18)
  /// MS_SLAVE
  public static let slave = MountFlags(rawValue: 1 << 19)
  /// MS_SHARED
  public static let shared = MountFlags(rawValue: 1 << 20)
  /// MS_RELATIME
  public static let relativeAccessTime = MountFlags(rawValue: 1 << 21)
  /// MS_STRICTATIME
  public static let strictAccessTime = MountFlags(rawValue: 1 << 24)
  /// MS_NOSYMFOLLOW
  public static let noSymbolicLinks = MountFlags(rawValue: 256)
  /// MS_SILENT
  public static let silent = MountFlags(rawValue: 32768)
  /// MS_I_VERSION
  public static let inodeVersions = MountFlags(rawValue: 1 << 23)
  /// MS_LAZYTIME
  public static let lazyTime = MountFlags(rawValue: 1 << 25)
}

/// Mounts and what is mounted.
public enum Mounts {
  /// mount(2)
  public static func mount(
    _ source: String, on target: String, type: String = "", flags: MountFlags = [], options: String = ""
  ) throws(SystemError) {
    try systemCall("mount", type.isEmpty ? "\(source) on \(target)" : "\(type) on \(target)") {
      Glibc.mount(
        source.isEmpty ? "none" : source, target, type.isEmpty ? nil : type, flags.rawValue,
        options.isEmpty ? nil : options)
    }
  }

  /// umount2(2), lazily unless told otherwise; nothing mounted there is fine.
  public static func unmount(_ target: String, lazily: Bool = true) throws(SystemError) {
    do throws(SystemError) {
      try systemCall("umount", target) { umount2(target, lazily ? Int32(MNT_DETACH) : 0) }
    } catch {
      if error.errno != .invalidArgument, error.errno != .noSuchFile { throw error }
    }
  }

  /// pivot_root(2) of the current directory, with the old root on top of it: unmount "." afterwards.
  public static func pivotRootToCurrentDirectory() throws(SystemError) {
    try systemCall("pivot_root") { apus_pivot_root(".", ".") }
  }

  /// A detached copy of the mount at a path (open_tree(2)), which lives as long as its descriptor.
  public static func detachedCopy(_ path: String, recursive: Bool = false) throws(SystemError) -> FileDescriptor {
    let cloneTree: UInt32 = 1
    let closeOnExec: UInt32 = UInt32(O_CLOEXEC)
    let flags: UInt32 = cloneTree | closeOnExec | (recursive ? 0x8000 : 0)
    return FileDescriptor(owning: try systemCall("open_tree", path) { apus_open_tree(AT_FDCWD, path, flags) })
  }

  /// Attributes of mount_setattr(2).
  public enum Attribute {
    /// MOUNT_ATTR_RDONLY
    public static let readOnly: UInt64 = 1
    /// MOUNT_ATTR_NOSUID
    public static let noSetUID: UInt64 = 2
    /// MOUNT_ATTR_NODEV
    public static let noDevices: UInt64 = 4
    /// MOUNT_ATTR_NOEXEC
    public static let noExecute: UInt64 = 8
    /// MOUNT_ATTR_NOATIME
    public static let noAccessTime: UInt64 = 0x10
    /// MOUNT_ATTR_STRICTATIME
    public static let strictAccessTime: UInt64 = 0x20
    /// MOUNT_ATTR__ATIME: the bits of which one choice of access times is made; to be cleared before another is set.
    public static let accessTimes: UInt64 = 0x70
    /// MOUNT_ATTR_NODIRATIME
    public static let noDirectoryAccessTime: UInt64 = 0x80
    /// MOUNT_ATTR_NOSYMFOLLOW
    public static let noSymbolicLinks: UInt64 = 0x0020_0000
    /// MOUNT_ATTR_IDMAP
    public static let idMapped: UInt64 = 0x0010_0000
  }

  /// Sets and clears attributes of the mount at a path, of all mounts below it too when recursive.
  public static func setAttributes(
    _ path: String, set: UInt64 = 0, clear: UInt64 = 0, propagation: MountFlags = [], recursive: Bool = false
  ) throws(SystemError) {
    try systemCall("mount_setattr", path) {
      apus_mount_setattr(
        AT_FDCWD, path, recursive ? 0x8000 : 0, set, clear, UInt64(propagation.rawValue), -1)
    }
  }

  /// Sets attributes of a detached mount; with a user namespace, the mount's owners are mapped through it.
  public static func setAttributes(
    ofDetached descriptor: borrowing FileDescriptor, set: UInt64, clear: UInt64 = 0, userNamespace: Int32 = -1,
    recursive: Bool = false
  ) throws(SystemError) {
    let raw: Int32 = descriptor.raw
    try systemCall("mount_setattr") {
      apus_mount_setattr(raw, "", 0x1000 | (recursive ? 0x8000 : 0), set, clear, 0, userNamespace)
    }
  }

  /// Puts a detached mount on a path (move_mount(2)).
  public static func attach(_ descriptor: borrowing FileDescriptor, on target: String) throws(SystemError) {
    let raw: Int32 = descriptor.raw
    let fromEmptyPath: UInt32 = 0x04
    let toFollowsLinks: UInt32 = 0x10
    try systemCall("move_mount", target) {
      apus_move_mount(raw, "", AT_FDCWD, target, fromEmptyPath | toFollowsLinks)
    }
  }

  /// One line of /proc/self/mountinfo.
  public struct Entry: Hashable, Sendable {
    /// The mount's number.
    public var id: Int
    /// The number of the mount it is on.
    public var parent: Int
    /// What part of the file system is its root.
    public var root: String
    /// Where it is mounted.
    public var target: String
    /// The options of the mount.
    public var options: [String]
    /// `shared:N`, `master:N` and the like.
    public var tags: [String]
    /// The type of the file system.
    public var type: String
    /// The device or name that was mounted.
    public var source: String
    /// The options of the file system.
    public var superOptions: [String]
  }

  /// Everything mounted in the mount namespace of the caller, in the order of mounting.
  public static func all() throws(SystemError) -> [Entry] {
    String(decoding: try Files.read("/proc/self/mountinfo"), as: UTF8.self)
      .split(separator: "\n").compactMap(parse)
  }

  static func parse(_ line: Substring) -> Entry? {
    let fields: [Substring] = line.split(separator: " ")
    guard fields.count >= 10, let dash: Int = fields.firstIndex(of: "-"), dash + 3 < fields.count + 1,
      fields.count > dash + 3, let id = Int(fields[0]), let parent = Int(fields[1])
    else { return nil }
    return Entry(
      id: id, parent: parent, root: unescape(fields[3]), target: unescape(fields[4]),
      options: fields[5].split(separator: ",").map(String.init), tags: fields[6..<dash].map(String.init),
      type: String(fields[dash + 1]), source: unescape(fields[dash + 2]),
      superOptions: fields[dash + 3].split(separator: ",").map(String.init))
  }

  /// The kernel writes blanks and backslashes of names as three octal digits.
  private static func unescape(_ field: Substring) -> String {
    guard field.utf8.contains(UInt8(ascii: "\\")) else { return String(field) }
    var bytes: [UInt8] = []
    var rest: Substring.UTF8View = field.utf8[...]
    while let byte: UInt8 = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3, let code = UInt8(String(rest.prefix(3)) ?? "", radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
