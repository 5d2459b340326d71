// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Glibc
internal import OCISpec

/// Writes a layer's archive into a directory in overlayfs' form (image-spec, layer.md).
///
/// Whiteouts (`.wh.name`) become character devices 0:0, opaque whiteouts (`.wh..wh..opq`) an attribute of the
/// directory. Owners, permissions, times and extended attributes are the archive's.
final class LayerUnpacker {
  private static let whiteoutPrefix: String = ".wh."
  private static let opaqueWhiteout: String = ".wh..wh..opq"
  /// An archive with more entries than any image has is an attack on the file system's inodes.
  private static let entriesMax: Int = 4_000_000

  private let tree: LayerTree
  /// The times of directories, set last, as each new file changes them.
  private var directoryTimes: [(parts: [String], time: timespec)] = []
  /// What this archive made: its whiteouts speak of lower layers only.
  private var made: Set<String> = []

  init(tree: LayerTree) { self.tree = tree }

  /// Unpacks a blob and answers the digest of the uncompressed archive.
  func unpack(_ blob: String) throws -> Digest {
    let reader: ArchiveReader = try ArchiveReader(path: blob)
    var count: Int = 0
    let digest: Digest = try reader.forEachEntry { entry in
      count += 1
      guard count <= Self.entriesMax else {
        throw ImagesError(code: .invalidData, message: "layer has more than \(Self.entriesMax) entries")
      }
      try unpack(entry)
    }
    for (parts, time) in directoryTimes.reversed() { setDirectoryTime(parts, time) }
    return digest
  }

  private func unpack(_ entry: ArchiveEntry) throws {
    let parts: [String] = LayerTree.components(entry.path)
    guard let name: String = parts.last else {
      if entry.fileType == S_IFDIR { try setRootAttributes(entry) }
      return
    }
    let parent: CInt = try tree.openParent(of: parts)
    defer { close(parent) }
    if name == Self.opaqueWhiteout {
      try tree.markOpaque(parent)
    } else if name.hasPrefix(Self.whiteoutPrefix) {
      try whiteOut(parent, parts, String(name.dropFirst(Self.whiteoutPrefix.count)))
    } else {
      try make(entry, parent, parts, name)
    }
  }

  private func whiteOut(_ parent: CInt, _ parts: [String], _ name: String) throws {
    // Names such as `.wh..wh.plnk` are left over from AUFS and mean nothing.
    guard !name.isEmpty, name != ".", name != "..", !name.hasPrefix(Self.whiteoutPrefix) else { return }
    let path: String = (parts.dropLast() + [name]).joined(separator: "/")
    if made.contains(path) {
      var status: stat = stat()
      if fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFDIR {
        try tree.markOpaque(parent, name)
      }
      return
    }
    try clear(parent, name)
    guard mknodat(parent, name, S_IFCHR, 0) == 0 else { throw ImagesError.system("mknod", path) }
  }

  /// Makes room for a new file.
  private func clear(_ parent: CInt, _ name: String) throws {
    if unlinkat(parent, name, 0) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw ImagesError.system("unlink", name) }
    let fd: CInt = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { throw ImagesError.system("open", name) }
    try Files.removeContents(fd, path: name)
    guard unlinkat(parent, name, AT_REMOVEDIR) == 0 else { throw ImagesError.system("rmdir", name) }
    tree.directoriesChanged()
  }

  private func make(_ entry: ArchiveEntry, _ parent: CInt, _ parts: [String], _ name: String) throws {
    let path: String = parts.joined(separator: "/")
    made.insert(path)
    if let target: String = entry.hardLink {
      try makeHardLink(parent, name, LayerTree.components(target), path: path)
      return
    }
    switch entry.fileType {
    case S_IFDIR: try makeDirectory(entry, parent, parts, name)
    case S_IFREG: try makeFile(entry, parent, name, path: path)
    case S_IFLNK:
      try clear(parent, name)
      guard symlinkat(entry.symbolicLink ?? "", parent, name) == 0 else { throw ImagesError.system("symlink", path) }
      try setAttributes(entry, parent, name, path: path)
    case S_IFCHR, S_IFBLK, S_IFIFO:
      try clear(parent, name)
      guard mknodat(parent, name, entry.fileType | entry.permissions, entry.device) == 0 else {
        throw ImagesError.system("mknod", path)
      }
      try setAttributes(entry, parent, name, path: path)
    default:
      throw ImagesError(code: .invalidData, message: "layer: \(path) is of an unknown type")
    }
  }

  private func makeDirectory(_ entry: ArchiveEntry, _ parent: CInt, _ parts: [String], _ name: String) throws {
    let path: String = parts.joined(separator: "/")
    var status: stat = stat()
    let exists: Bool = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    if !exists || status.st_mode & S_IFMT != S_IFDIR {
      let wasWhiteout: Bool = exists && status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0
      if exists { try clear(parent, name) }
      guard mkdirat(parent, name, 0o700) == 0 else { throw ImagesError.system("mkdir", path) }
      if wasWhiteout { try tree.markOpaque(parent, name) }
    }
    let fd: CInt = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { throw ImagesError.system("open", path) }
    defer { close(fd) }
    try setAttributes(entry, fd: fd, path: path)
    directoryTimes.append((parts, entry.modificationTime))
  }

  private func makeFile(_ entry: ArchiveEntry, _ parent: CInt, _ name: String, path: String) throws {
    try clear(parent, name)
    let fd: CInt = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw ImagesError.system("create", path) }
    defer { close(fd) }
    try entry.copyData(to: fd, path: path)
    // Ends in a hole, or has none of its data.
    guard ftruncate(fd, off_t(entry.size)) == 0 else { throw ImagesError.system("truncate", path) }
    try setAttributes(entry, fd: fd, path: path)
  }

  private func makeHardLink(_ parent: CInt, _ name: String, _ target: [String], path: String) throws {
    guard let targetName: String = target.last else {
      throw ImagesError(code: .invalidData, message: "layer: \(path) is a hard link to the root")
    }
    let targetParent: CInt = try tree.openParent(of: target)
    defer { close(targetParent) }
    var status: stat = stat()
    let isHere: Bool = fstatat(targetParent, targetName, &status, AT_SYMLINK_NOFOLLOW) == 0
    if !isHere {
      // The target is in a lower layer: it comes up, as overlayfs does it for link(2).
      guard let source: CInt = tree.openLowerFile(target) else {
        throw ImagesError(
          code: .invalidData, message: "layer: \(path) is a hard link to nothing (\(target.joined(separator: "/")))")
      }
      defer { close(source) }
      try copyUp(source, targetParent, targetName)
    } else if status.st_mode & S_IFMT == S_IFDIR {
      throw ImagesError(code: .invalidData, message: "layer: \(path) is a hard link to a directory")
    }
    guard target.joined(separator: "/") != path else { return }
    try clear(parent, name)
    guard linkat(targetParent, targetName, parent, name, 0) == 0 else { throw ImagesError.system("link", path) }
  }

  private func copyUp(_ source: CInt, _ parent: CInt, _ name: String) throws {
    var status: stat = stat()
    guard fstat(source, &status) == 0 else { throw ImagesError.system("fstat", name) }
    let fd: CInt = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw ImagesError.system("create", name) }
    defer { close(fd) }
    var chunk: [UInt8] = Array(repeating: 0, count: 256 << 10)
    while true {
      let count: Int = read(source, &chunk, chunk.count)
      guard count >= 0 else { throw ImagesError.system("read", name) }
      if count == 0 { break }
      try chunk.withUnsafeBytes { try Files.write(fd, UnsafeRawBufferPointer(rebasing: $0[..<count]), path: name) }
    }
    guard fchown(fd, status.st_uid, status.st_gid) == 0, fchmod(fd, status.st_mode & 0o7777) == 0 else {
      throw ImagesError.system("chown", name)
    }
    LayerTree.copyExtendedAttributes(from: source, to: fd)
    _ = futimens(fd, [status.st_atim, status.st_mtim])
  }

  private func setRootAttributes(_ entry: ArchiveEntry) throws {
    let fd: CInt = try Files.open(tree.root, O_RDONLY | O_DIRECTORY)
    defer { close(fd) }
    try setAttributes(entry, fd: fd, path: "/")
    directoryTimes.append(([], entry.modificationTime))
  }

  private func setAttributes(_ entry: ArchiveEntry, fd: CInt, path: String) throws {
    guard fchown(fd, entry.uid, entry.gid) == 0 else { throw ImagesError.system("chown", path) }
    // After chown, which clears the set-user-ID bits and file capabilities.
    guard fchmod(fd, entry.permissions) == 0 else { throw ImagesError.system("chmod", path) }
    for (name, value) in entry.extendedAttributes where Self.isAllowed(name) {
      guard fsetxattr(fd, name, value, value.count, 0) == 0 || errno == ENOTSUP else {
        throw ImagesError.system("setxattr \(name)", path)
      }
    }
    let times: [timespec] = [entry.modificationTime, entry.modificationTime]
    guard futimens(fd, times) == 0 else { throw ImagesError.system("utimens", path) }
  }

  /// For what cannot be opened: symbolic links and devices.
  private func setAttributes(_ entry: ArchiveEntry, _ parent: CInt, _ name: String, path: String) throws {
    guard fchownat(parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw ImagesError.system("chown", path)
    }
    if entry.fileType != S_IFLNK {
      guard fchmodat(parent, name, entry.permissions, 0) == 0 else { throw ImagesError.system("chmod", path) }
    }
    for (attribute, value) in entry.extendedAttributes where Self.isAllowed(attribute) {
      // The last component is not followed, and the first is a descriptor.
      guard
        lsetxattr("/proc/self/fd/\(parent)/\(name)", attribute, value, value.count, 0) == 0 || errno == ENOTSUP
          || errno == EPERM
      else { throw ImagesError.system("setxattr \(attribute)", path) }
    }
    let times: [timespec] = [entry.modificationTime, entry.modificationTime]
    guard utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0 else { throw ImagesError.system("utimens", path) }
  }

  /// An archive must not speak to overlayfs: its redirects would reach other layers' files.
  private static func isAllowed(_ attribute: String) -> Bool {
    !attribute.hasPrefix("trusted.overlay.") && !attribute.hasPrefix("user.overlay.")
  }

  private func setDirectoryTime(_ parts: [String], _ time: timespec) {
    // A directory that a later entry replaced has no time to set.
    guard let parent: CInt = parts.isEmpty ? nil : try? tree.openParent(of: parts), let name: String = parts.last else {
      if parts.isEmpty { _ = utimensat(AT_FDCWD, tree.root, [time, time], 0) }
      return
    }
    defer { close(parent) }
    _ = utimensat(parent, name, [time, time], AT_SYMLINK_NOFOLLOW)
  }
}
