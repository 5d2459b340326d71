// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Files and directories by path: what the small programs need in place of Foundation.
public enum Files {
  /// What stat(2) says of a file.
  public struct Status: Hashable, Sendable {
    /// Type and permission bits as in `st_mode`.
    public var mode: UInt32
    /// Its bytes.
    public var size: Int64
    /// The owner.
    public var uid: UInt32
    /// The owning group.
    public var gid: UInt32
    /// The file system it is on.
    public var device: UInt64
    /// Its number there.
    public var inode: UInt64
    /// What a device node stands for.
    public var specialDevice: UInt64
    /// Allocated bytes.
    public var allocatedBytes: Int64
    /// The last change of its content, in nanoseconds since 1970.
    public var modifiedNanoseconds: Int64

    /// Whether it is a directory.
    public var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    /// Whether it is a regular file.
    public var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    /// Whether it is a symbolic link.
    public var isSymbolicLink: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFLNK) }
    /// Whether it is a socket.
    public var isSocket: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) }
    /// Whether it is a character device.
    public var isCharacterDevice: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFCHR) }
    /// Whether it is a block device.
    public var isBlockDevice: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFBLK) }
    /// The major number of a device node.
    public var major: UInt32 { apus_major(specialDevice) }
    /// The minor number of a device node.
    public var minor: UInt32 { apus_minor(specialDevice) }
  }

  /// A file's status; of a symbolic link itself when it is not to be followed.
  public static func status(_ path: String, followLinks: Bool = true) throws(SystemError) -> Status {
    var buffer: stat = stat()
    try systemCall("stat", path) {
      fstatat(AT_FDCWD, path, &buffer, followLinks ? 0 : AT_SYMLINK_NOFOLLOW)
    }
    return Status(
      mode: buffer.st_mode, size: Int64(buffer.st_size), uid: buffer.st_uid, gid: buffer.st_gid,
      device: UInt64(buffer.st_dev), inode: UInt64(buffer.st_ino), specialDevice: UInt64(buffer.st_rdev),
      allocatedBytes: Int64(buffer.st_blocks) * 512,
      modifiedNanoseconds: Int64(buffer.st_mtim.tv_sec) * 1_000_000_000 + Int64(buffer.st_mtim.tv_nsec))
  }

  /// Whether something is at the path (a link counts by its target).
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Whether the caller may execute the file.
  public static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

  /// A whole file; an error (EFBIG) when it has more than `limit` bytes.
  public static func read(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
    let file: FileDescriptor = try FileDescriptor.open(path)
    // Files of proc and sysfs say that they are empty: read until the end, in growing steps.
    var bytes: [UInt8] = try file.read(upTo: 4096)
    if bytes.isEmpty { return bytes }
    var step: Int = 16 << 10
    while true {
      let more: [UInt8] = try file.read(upTo: step)
      if more.isEmpty { return bytes }
      bytes += more
      if bytes.count > limit { throw SystemError(.tooBig, "read", path) }
      step = min(step * 2, 1 << 20)
    }
  }

  /// A whole text file, without a final line feed.
  public static func readText(_ path: String) throws(SystemError) -> String {
    var bytes: [UInt8] = try read(path)
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes a file in place with one write: as the files of cgroups, proc and sysfs want it.
  public static func write(
    _ path: String, _ bytes: [UInt8], flags: OpenFlags = [.writeOnly, .create, .truncate], mode: UInt32 = 0o644
  ) throws(SystemError) {
    let file: FileDescriptor = try FileDescriptor.open(path, flags, mode: mode)
    do throws(SystemError) { try file.write(bytes) } catch { throw SystemError(error.errno, "write", path) }
  }

  /// Writes a text in place with one write, into a file that exists.
  public static func writeControl(_ path: String, _ text: String) throws(SystemError) {
    try write(path, Array(text.utf8), flags: .writeOnly)
  }

  /// Puts a whole file in the place of another: a reader sees the old one or the new one. Not synced to disk.
  public static func replace(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
    let temporary: String = path + ".new"
    try write(temporary, bytes, mode: mode)
    do throws(SystemError) { try rename(temporary, path) } catch {
      // The rename's error is the one to tell.
      _ = unlink(temporary)
      throw error
    }
  }

  /// Renames a file or directory.
  public static func rename(_ from: String, _ to: String) throws(SystemError) {
    try systemCall("rename", "\(from) to \(to)") { Glibc.rename(from, to) }
  }

  /// Makes a directory; one that exists is fine.
  public static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    do throws(SystemError) { try systemCall("mkdir", path) { mkdir(path, mode) } } catch {
      if error.errno != .exists { throw error }
    }
  }

  /// Makes a directory and those above it.
  public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    do throws(SystemError) { try makeDirectory(path, mode: mode) } catch {
      guard error.errno == .noSuchFile, let parent: String = parent(of: path) else { throw error }
      try makeDirectories(parent, mode: mode)
      try makeDirectory(path, mode: mode)
    }
  }

  /// The path without its last component; nil for a root or a bare name.
  public static func parent(of path: String) -> String? {
    var bytes: Substring = path[...]
    while bytes.count > 1, bytes.last == "/" { bytes.removeLast() }
    guard let slash: String.Index = bytes.lastIndex(of: "/"), bytes.count > 1 else { return nil }
    return slash == bytes.startIndex ? "/" : String(bytes[..<slash])
  }

  /// The names in a directory, sorted, without `.` and `..`.
  public static func list(_ path: String) throws(SystemError) -> [String] {
    guard let directory = opendir(path) else { throw SystemError(.current, "opendir", path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name: String = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    names.sort()
    return names
  }

  /// Removes a file, link or socket; nothing there is fine.
  public static func remove(_ path: String) throws(SystemError) {
    do throws(SystemError) { try systemCall("unlink", path) { unlink(path) } } catch {
      if error.errno != .noSuchFile { throw error }
    }
  }

  /// Removes an empty directory; nothing there is fine.
  public static func removeDirectory(_ path: String) throws(SystemError) {
    do throws(SystemError) { try systemCall("rmdir", path) { rmdir(path) } } catch {
      if error.errno != .noSuchFile { throw error }
    }
  }

  /// Removes whatever is at the path; does not follow links and does not cross into mounted file systems.
  public static func removeTree(_ path: String) throws(SystemError) {
    let root: Status
    do throws(SystemError) { root = try status(path, followLinks: false) } catch {
      if error.errno == .noSuchFile { return }
      throw error
    }
    try removeTree(path, device: root.device, isDirectory: root.isDirectory)
  }

  private static func removeTree(_ path: String, device: UInt64, isDirectory: Bool) throws(SystemError) {
    guard isDirectory else { return try remove(path) }
    for name: String in try list(path) {
      let child: String = path + "/" + name
      let childStatus: Status = try status(child, followLinks: false)
      guard childStatus.device == device else { throw SystemError(.busy, "rmdir", child) }
      try removeTree(child, device: device, isDirectory: childStatus.isDirectory)
    }
    try removeDirectory(path)
  }

  /// Where a symbolic link points.
  public static func readLink(_ path: String) throws(SystemError) -> String {
    var buffer: [CChar] = [CChar](repeating: 0, count: 4097)
    let count: Int = try systemCall("readlink", path) { readlink(path, &buffer, 4096) }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The real path of something below a directory; links are followed as if the directory were the root.
  public static func path(_ path: String, inside directory: String) throws(SystemError) -> String {
    let root: FileDescriptor = try FileDescriptor.open(directory, [.pathOnly, .directory])
    let raw: Int32 = root.raw
    let (pathOnly, resolveInRoot, noMagicLinks): (UInt64, UInt64, UInt64) = (0x20_0000, 0x10, 0x02)
    let found: FileDescriptor = FileDescriptor(
      owning: try systemCall("openat2", path) {
        apus_openat2(raw, path, pathOnly | UInt64(O_CLOEXEC), 0, resolveInRoot | noMagicLinks)
      })
    return try readLink("/proc/self/fd/\(found.raw)")
  }

  /// Makes a symbolic link.
  public static func makeLink(_ path: String, to target: String) throws(SystemError) {
    try systemCall("symlink", path) { symlink(target, path) }
  }

  /// Changes the permission bits.
  public static func setMode(_ path: String, _ mode: UInt32) throws(SystemError) {
    try systemCall("chmod", path) { chmod(path, mode) }
  }

  /// Changes owner and group; follows no link.
  public static func setOwner(_ path: String, uid: UInt32, gid: UInt32) throws(SystemError) {
    try systemCall("chown", path) { lchown(path, uid, gid) }
  }

  /// Makes a file node: a device, a FIFO or an empty file.
  public static func makeNode(
    _ path: String, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0
  ) throws(SystemError) {
    try systemCall("mknod", path) { apus_mknod(path, mode, major, minor) }
  }

  /// Waits until everything on the file system of a path is on the disk: one call for many files.
  public static func syncFileSystem(of path: String) throws(SystemError) {
    let file: FileDescriptor = try FileDescriptor.open(path)
    try systemCall("syncfs", path) { apus_sync_file_system(file.raw) }
  }

  /// Free and total bytes and inodes of the file system at the path.
  public static func usage(of path: String) throws(SystemError) -> FileSystemUsage {
    var figures: [UInt64] = [UInt64](repeating: 0, count: 5)
    try systemCall("statvfs", path) { apus_file_system_usage(path, &figures) }
    return FileSystemUsage(
      totalBytes: figures[0], availableBytes: figures[1], freeBytes: figures[2],
      totalInodes: figures[3], freeInodes: figures[4])
  }

  /// How full a file system is.
  public struct FileSystemUsage: Hashable, Sendable {
    /// All bytes.
    public var totalBytes: UInt64
    /// Bytes that an unprivileged user can still get.
    public var availableBytes: UInt64
    /// Bytes that root can still get.
    public var freeBytes: UInt64
    /// All inodes.
    public var totalInodes: UInt64
    /// Free inodes.
    public var freeInodes: UInt64
  }
}
