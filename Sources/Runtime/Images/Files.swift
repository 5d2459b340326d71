// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Dispatch
internal import Glibc

/// O_PATH, which Swift's Glibc does not import.
let openPathOnly: CInt = 0o10000000

/// File operations by path and by directory descriptor; every failure names the call and its operand.
enum Files {
  /// Makes a directory and its parents.
  static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(ImagesError) {
    var partial: String = ""
    for part: Substring in path.split(separator: "/") {
      partial += "/\(part)"
      if mkdir(partial, mode) != 0, errno != EEXIST { throw .system("mkdir", partial) }
    }
  }

  /// Whether something has this name.
  static func exists(_ path: String) -> Bool {
    var status: stat = stat()
    return lstat(path, &status) == 0
  }

  /// The size of a file; nil where there is none.
  static func size(_ path: String) -> Int64? {
    var status: stat = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : nil
  }

  /// Opens a file.
  static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(ImagesError) -> CInt {
    while true {
      let fd: CInt = Glibc.open(path, flags | O_CLOEXEC, mode)
      if fd >= 0 { return fd }
      if errno != EINTR { throw .system("open", path) }
    }
  }

  /// The whole of a small file.
  static func read(_ path: String, upTo limit: Int = 64 << 20) throws(ImagesError) -> [UInt8] {
    let fd: CInt = try open(path, O_RDONLY)
    defer { close(fd) }
    var status: stat = stat()
    guard fstat(fd, &status) == 0 else { throw .system("fstat", path) }
    guard Int(status.st_size) <= limit else {
      throw ImagesError(code: .invalidData, message: "\(path) has more than \(limit) bytes")
    }
    var bytes: [UInt8] = []
    var chunk: [UInt8] = Array(repeating: 0, count: 64 << 10)
    while true {
      let count: Int = Glibc.read(fd, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .system("read", path)
      }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= limit else {
        throw ImagesError(code: .invalidData, message: "\(path) has more than \(limit) bytes")
      }
    }
  }

  /// Writes all of a buffer.
  static func write(_ fd: CInt, _ bytes: UnsafeRawBufferPointer, path: String) throws(ImagesError) {
    var rest: UnsafeRawBufferPointer = bytes
    while let base: UnsafeRawPointer = rest.baseAddress, !rest.isEmpty {
      let count: Int = Glibc.write(fd, base, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .system("write", path)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Gives a file new contents: all of them or, after a crash, the old ones.
  static func replace(_ path: String, with bytes: [UInt8]) throws(ImagesError) {
    let temporary: String = path + ".new"
    let fd: CInt = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    do {
      defer { close(fd) }
      // Closures of the standard library do not carry typed errors, so the result does.
      let written: Result<Void, ImagesError> = bytes.withUnsafeBytes { buffer in
        do throws(ImagesError) { return .success(try write(fd, buffer, path: temporary)) } catch {
          return .failure(error)
        }
      }
      try written.get()
      guard fsync(fd) == 0 else { throw .system("fsync", temporary) }
    }
    guard rename(temporary, path) == 0 else { throw .system("rename", path) }
    syncDirectory(of: path)
  }

  /// Makes the names in a path's directory durable; a file system that cannot is not worse off than before.
  static func syncDirectory(of path: String) {
    let parent: String = String(
      path.prefix(path.lastIndex(of: "/").map { path.distance(from: path.startIndex, to: $0) } ?? 0))
    let fd: CInt = Glibc.open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { return }
    _ = fsync(fd)
    close(fd)
  }

  /// The names in a directory, sorted; none where there is no directory.
  static func list(_ path: String) -> [String] {
    guard let directory: OpaquePointer = opendir(path) else { return [] }
    defer { closedir(directory) }
    return names(directory).sorted()
  }

  private static func names(_ directory: OpaquePointer) -> [String] {
    var names: [String] = []
    while let entry: UnsafeMutablePointer<dirent> = readdir(directory) {
      let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a tree without following links; of nothing is fine.
  static func removeTree(_ path: String) throws(ImagesError) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw .system("unlink", path) }
    let fd: CInt = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { throw .system("open", path) }
    try removeContents(fd, path: path)
    guard rmdir(path) == 0 || errno == ENOENT else { throw .system("rmdir", path) }
  }

  /// Removes what is in a directory; takes over the descriptor.
  static func removeContents(_ fd: CInt, path: String) throws(ImagesError) {
    guard let directory: OpaquePointer = fdopendir(fd) else {
      close(fd)
      throw .system("fdopendir", path)
    }
    defer { closedir(directory) }
    for name: String in names(directory) {
      if unlinkat(fd, name, 0) == 0 || errno == ENOENT { continue }
      guard errno == EISDIR || errno == EPERM else { throw .system("unlink", "\(path)/\(name)") }
      let child: CInt = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard child >= 0 else { throw .system("open", "\(path)/\(name)") }
      try removeContents(child, path: "\(path)/\(name)")
      guard unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT else { throw .system("rmdir", "\(path)/\(name)") }
    }
  }

  /// The bytes and inodes of a tree, each hard-linked file once.
  static func usage(_ path: String) -> (bytes: UInt64, inodes: UInt64) {
    var seen: Set<UInt64> = []
    var total: (bytes: UInt64, inodes: UInt64) = (0, 0)
    let fd: CInt = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { return total }
    addUsage(fd, &total, &seen)
    return total
  }

  private static func addUsage(_ fd: CInt, _ total: inout (bytes: UInt64, inodes: UInt64), _ seen: inout Set<UInt64>) {
    guard let directory: OpaquePointer = fdopendir(fd) else {
      close(fd)
      return
    }
    defer { closedir(directory) }
    var status: stat = stat()
    if fstat(fd, &status) == 0 {
      total.bytes += UInt64(status.st_blocks) * 512
      total.inodes += 1
    }
    for name: String in names(directory) {
      guard fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        let child: CInt = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if child >= 0 { addUsage(child, &total, &seen) }
      } else if status.st_nlink == 1 || seen.insert(UInt64(status.st_ino)).inserted {
        total.bytes += UInt64(status.st_blocks) * 512
        total.inodes += 1
      }
    }
  }
}

/// Runs what blocks on a thread that may block.
func onBlockingThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global(qos: .userInitiated).async {
      continuation.resume(with: Result { try work() })
    }
  }
}
