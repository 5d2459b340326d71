// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Glibc

/// A layer that is being unpacked, seen together with the layers below it as overlayfs would show them.
///
/// A layer's archive may name files whose parents, link targets or symbolic links on the way are in lower
/// layers. Every path is therefore resolved component by component, inside the root and without ever following
/// a symbolic link of the host: an archive cannot reach anything outside.
final class LayerTree {
  /// Overlayfs' mark of a directory that hides everything below it.
  static let opaqueAttribute: String = "trusted.overlay.opaque"
  /// As many symbolic links as the kernel follows in one path.
  private static let linksMax: Int = 40
  /// Directories nested deeper than any image has them: removing them takes a descriptor for each level.
  private static let depthMax: Int = 256

  /// The directory of the new layer.
  let root: String
  private let rootFD: CInt
  private let lowerFDs: [CInt]
  /// Parents that exist in the new layer already: archive path -> path in the layer.
  private var knownParents: [String: String] = [:]

  init(root: String, lower: [String]) throws(ImagesError) {
    self.root = root
    self.rootFD = try Files.open(root, O_RDONLY | O_DIRECTORY)
    var fds: [CInt] = []
    for path: String in lower { fds.append(try Files.open(path, O_RDONLY | O_DIRECTORY)) }
    self.lowerFDs = fds
    if let below: CInt = fds.first { try copyAttributes(from: below, to: rootFD, path: root) }
  }

  deinit {
    close(rootFD)
    for fd: CInt in lowerFDs { close(fd) }
  }

  /// The parts of an archive's path; `..` is taken at its word but never leaves the root.
  static func components(_ path: String) -> [String] {
    var parts: [String] = []
    for part: Substring in path.split(separator: "/") where part != "." {
      if part == ".." {
        _ = parts.popLast()
      } else {
        parts.append(String(part))
      }
    }
    return parts
  }

  /// Opens the directory that holds a path, making it in the new layer where it is missing; the caller closes it.
  func openParent(of parts: [String]) throws(ImagesError) -> CInt {
    let wanted: [String] = Array(parts.dropLast())
    let key: String = wanted.joined(separator: "/")
    let real: String
    if let known: String = knownParents[key] {
      real = known
    } else {
      real = try makeDirectories(wanted).joined(separator: "/")
      knownParents[key] = real
    }
    if let fd: CInt = Self.walk(rootFD, real.split(separator: "/").map(String.init)).directory { return fd }
    // Something on the way was replaced since; resolve anew.
    knownParents = [:]
    let again: [String] = try makeDirectories(wanted)
    guard let fd: CInt = Self.walk(rootFD, again).directory else {
      throw ImagesError(
        code: .invalidData, message: "layer: the parent of \(parts.joined(separator: "/")) is no directory")
    }
    return fd
  }

  /// Forgets what is known of directories, after one was replaced.
  func directoriesChanged() { knownParents = [:] }

  /// Resolves a directory path in the merged view and makes it in the new layer; answers its real components.
  private func makeDirectories(_ wanted: [String]) throws(ImagesError) -> [String] {
    var pending: [String] = wanted.reversed()
    var real: [String] = []
    var links: Int = 0
    while let part: String = pending.popLast() {
      if part == "." || part.isEmpty { continue }
      guard real.count < Self.depthMax else {
        throw ImagesError(code: .invalidData, message: "layer: directories are nested deeper than \(Self.depthMax)")
      }
      if part == ".." {
        _ = real.popLast()
        continue
      }
      switch lookUp(real, part) {
      case .symbolicLink(let target):
        links += 1
        guard links <= Self.linksMax else {
          throw ImagesError(
            code: .invalidData, message: "layer: too many symbolic links in \(wanted.joined(separator: "/"))")
        }
        if target.hasPrefix("/") { real = [] }
        pending += target.split(separator: "/").map(String.init).reversed()
      case .directory(let level):
        try copyDirectory(real + [part], level: level)
        real.append(part)
      case .absent, .other:
        try copyDirectory(real + [part], level: nil)
        real.append(part)
      }
    }
    return real
  }

  private enum Found {
    case absent
    case other
    case symbolicLink(String)
    /// A directory; nil when it is in the new layer, else the index of the lower layer.
    case directory(Int?)
  }

  /// What the merged view has under a name in a directory that is known to be one there.
  private func lookUp(_ directory: [String], _ name: String) -> Found {
    for level: Int in -1..<lowerFDs.count {
      let fd: CInt = level < 0 ? rootFD : lowerFDs[level]
      let walked: Walk = Self.walk(fd, directory)
      guard let parent: CInt = walked.directory else {
        if walked.isBlocked { return .absent }
        continue
      }
      defer { close(parent) }
      var status: stat = stat()
      if fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
        switch status.st_mode & S_IFMT {
        case S_IFCHR where status.st_rdev == 0: return .absent
        case S_IFLNK: return .symbolicLink(Self.readLink(parent, name))
        case S_IFDIR: return .directory(level < 0 ? nil : level)
        default: return .other
        }
      }
      if walked.isOpaque { return .absent }
    }
    return .absent
  }

  /// Where a walk down one layer ended.
  struct Walk {
    /// The directory, open, where it exists in this layer.
    var directory: CInt?
    /// Whether something on the way is no directory, so that lower layers do not show through.
    var isBlocked: Bool
    /// Whether a directory on the way hides lower layers.
    var isOpaque: Bool
  }

  /// Walks down one layer without following symbolic links.
  static func walk(_ root: CInt, _ parts: [String]) -> Walk {
    var walk: Walk = Walk(directory: nil, isBlocked: false, isOpaque: false)
    var fd: CInt = dup(root)
    for part: String in parts {
      let next: CInt = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let number: CInt = errno
      close(fd)
      guard next >= 0 else {
        walk.isBlocked = number != ENOENT || walk.isOpaque
        return walk
      }
      fd = next
      var value: UInt8 = 0
      if fgetxattr(fd, opaqueAttribute, &value, 1) == 1, value == UInt8(ascii: "y") { walk.isOpaque = true }
    }
    walk.directory = fd
    return walk
  }

  static func readLink(_ directory: CInt, _ name: String) -> String {
    var buffer: [UInt8] = Array(repeating: 0, count: Int(PATH_MAX))
    let count: Int = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { part in
        part.baseAddress.map { readlinkat(directory, name, $0, part.count) } ?? 0
      }
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }

  /// Makes a directory in the new layer with the attributes it has below; of one that exists is fine.
  private func copyDirectory(_ path: [String], level: Int?) throws(ImagesError) {
    guard let parent: CInt = Self.walk(rootFD, Array(path.dropLast())).directory, let name: String = path.last else {
      throw ImagesError(code: .invalidData, message: "layer: \(path.joined(separator: "/")) has no parent")
    }
    defer { close(parent) }
    if mkdirat(parent, name, 0o755) != 0 {
      guard errno == EEXIST else { throw .system("mkdir", path.joined(separator: "/")) }
      var status: stat = stat()
      if fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
      // A file or a whiteout of this layer makes room: the archive says that there are entries below.
      let hidesLower: Bool = status.st_mode & S_IFMT == S_IFCHR
      guard unlinkat(parent, name, 0) == 0, mkdirat(parent, name, 0o755) == 0 else {
        throw .system("mkdir", path.joined(separator: "/"))
      }
      if hidesLower { try markOpaque(parent, name) }
    }
    guard let level, let source: CInt = Self.walk(lowerFDs[level], path).directory else { return }
    defer { close(source) }
    let made: CInt = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard made >= 0 else { throw .system("open", path.joined(separator: "/")) }
    defer { close(made) }
    try copyAttributes(from: source, to: made, path: path.joined(separator: "/"))
  }

  func markOpaque(_ parent: CInt, _ name: String) throws(ImagesError) {
    let fd: CInt = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { throw .system("open", name) }
    defer { close(fd) }
    try markOpaque(fd)
  }

  func markOpaque(_ fd: CInt) throws(ImagesError) {
    guard fsetxattr(fd, Self.opaqueAttribute, "y", 1, 0) == 0 else { throw .system("setxattr", Self.opaqueAttribute) }
  }

  private func copyAttributes(from source: CInt, to target: CInt, path: String) throws(ImagesError) {
    var status: stat = stat()
    guard fstat(source, &status) == 0 else { throw .system("fstat", path) }
    guard fchown(target, status.st_uid, status.st_gid) == 0 else { throw .system("chown", path) }
    guard fchmod(target, status.st_mode & 0o7777) == 0 else { throw .system("chmod", path) }
    Self.copyExtendedAttributes(from: source, to: target)
    let times: [timespec] = [status.st_atim, status.st_mtim]
    _ = futimens(target, times)
  }

  /// Copies what can be copied; overlayfs' own marks belong to one layer.
  static func copyExtendedAttributes(from source: CInt, to target: CInt) {
    var names: [CChar] = Array(repeating: 0, count: 64 << 10)
    let length: Int = flistxattr(source, &names, names.count)
    guard length > 0 else { return }
    for raw: ArraySlice<CChar> in names[..<length].split(separator: 0) {
      let name: String = String(decoding: raw.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard !name.hasPrefix("trusted.overlay.") else { continue }
      var value: [UInt8] = Array(repeating: 0, count: 64 << 10)
      let size: Int = fgetxattr(source, name, &value, value.count)
      if size >= 0 { _ = fsetxattr(target, name, value, size, 0) }
    }
  }

  /// Opens a regular file of the merged view for reading; the caller closes it.
  func openLowerFile(_ parts: [String]) -> CInt? {
    guard let name: String = parts.last else { return nil }
    let directory: [String] = Array(parts.dropLast())
    for fd: CInt in lowerFDs {
      let walked: Walk = Self.walk(fd, directory)
      guard let parent: CInt = walked.directory else {
        if walked.isBlocked { return nil }
        continue
      }
      defer { close(parent) }
      var status: stat = stat()
      if fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        let file: CInt = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        return file >= 0 ? file : nil
      }
      if walked.isOpaque { return nil }
    }
    return nil
  }
}
