// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Glibc

/// The few things that plugins ask of the system besides netlink; the one file here that reads `errno`.
enum PluginSystem {
  static func failure(_ operation: String, _ number: Int32 = errno) -> CNIError {
    CNIError(CNIError.Code.ioFailure, "\(operation): \(String(cString: strerror(number)))")
  }

  static func environment(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }

  /// Everything that can be read from a descriptor, up to a limit.
  static func readAll(_ fd: Int32, limit: Int, operation: String) throws(CNIError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer: [UInt8] = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count: Int = read(fd, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw failure(operation) }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else { throw CNIError(CNIError.Code.ioFailure, "\(operation): more than \(limit) bytes") }
    }
  }

  /// Writes everything; a reader that went away is not told.
  static func writeAll(_ fd: Int32, _ bytes: [UInt8]) -> Bool {
    var done: Int = 0
    while done < bytes.count {
      let count: Int = bytes.withUnsafeBytes { write(fd, $0.baseAddress?.advanced(by: done), bytes.count - done) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return false }
      done += count
    }
    return true
  }

  /// A small file's content, or nil where there is no such file.
  static func readFile(_ path: String, limit: Int = 1 << 20) throws(CNIError) -> [UInt8]? {
    let fd: Int32 = open(path, O_RDONLY | O_CLOEXEC)
    if fd < 0 {
      if errno == ENOENT { return nil }
      throw failure("open \(path)")
    }
    defer { close(fd) }
    return try readAll(fd, limit: limit, operation: "read \(path)")
  }

  /// Makes a file or replaces its content.
  static func writeFile(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws(CNIError) {
    let fd: Int32 = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard fd >= 0 else { throw failure("open \(path)") }
    defer { close(fd) }
    guard writeAll(fd, bytes) else { throw failure("write \(path)") }
  }

  /// Makes a file that must not exist; false where it exists.
  static func createFile(_ path: String, _ bytes: [UInt8]) throws(CNIError) -> Bool {
    let fd: Int32 = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if fd < 0 {
      if errno == EEXIST { return false }
      throw failure("create \(path)")
    }
    defer { close(fd) }
    guard writeAll(fd, bytes) else {
      let error: CNIError = failure("write \(path)")
      unlink(path)
      throw error
    }
    return true
  }

  /// Removes a file; one that is not there is no error.
  static func removeFile(_ path: String) throws(CNIError) {
    if unlink(path) != 0, errno != ENOENT { throw failure("remove \(path)") }
  }

  /// Makes a folder and those above it.
  static func makeFolder(_ path: String) throws(CNIError) {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash: String.Index = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw failure("make folder \(path)")
    }
    try makeFolder(String(path[..<slash]))
    if mkdir(path, 0o755) != 0, errno != EEXIST { throw failure("make folder \(path)") }
  }

  /// The names in a folder, without "." and ".."; none where there is no such folder.
  static func names(in folder: String) throws(CNIError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT { return [] }
      throw failure("open \(folder)")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Opens a file and waits until it is locked for this process alone; closing it unlocks.
  static func lock(_ path: String) throws(CNIError) -> Int32 {
    let fd: Int32 = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard fd >= 0 else { throw failure("open \(path)") }
    while flock(fd, LOCK_EX) != 0 {
      if errno == EINTR { continue }
      let error: CNIError = failure("lock \(path)")
      close(fd)
      throw error
    }
    return fd
  }

  static func unlock(_ fd: Int32) { close(fd) }

  /// Device and inode of what a path leads to.
  static func identity(_ path: String) -> (UInt64, UInt64)? {
    var status: stat = stat()
    guard stat(path, &status) == 0 else { return nil }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

  static func hardLink(_ existing: String, _ new: String) throws(CNIError) {
    if unlink(new) != 0, errno != ENOENT { throw failure("remove \(new)") }
    guard link(existing, new) == 0 else { throw failure("link \(new) to \(existing)") }
  }

  /// Runs a program with the same environment; its standard output, and whether it ended with 0.
  static func run(_ program: String, input: [UInt8], environment: [String]) throws(CNIError) -> (output: [UInt8], isSuccess: Bool) {
    var toChild: [Int32] = [-1, -1]
    var fromChild: [Int32] = [-1, -1]
    guard pipe(&toChild) == 0 else { throw failure("pipe") }
    guard pipe(&fromChild) == 0 else {
      let error: CNIError = failure("pipe")
      toChild.forEach { close($0) }
      throw error
    }
    var actions: posix_spawn_file_actions_t = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    for fd: Int32 in toChild + fromChild where fd > 2 { posix_spawn_file_actions_addclose(&actions, fd) }
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), nil]
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var pid: pid_t = 0
    let status: Int32 = posix_spawn(&pid, program, &actions, nil, &arguments, &variables)
    close(toChild[0])
    close(fromChild[1])
    defer { close(fromChild[0]) }
    guard status == 0 else {
      close(toChild[1])
      throw failure("run \(program)", status)
    }
    // The input is smaller than a pipe holds or the child reads it; a child that does not ends it with EPIPE.
    signal(SIGPIPE, SIG_IGN)
    _ = writeAll(toChild[1], input)
    close(toChild[1])
    let output: [UInt8] = try readAll(fromChild[0], limit: 1 << 22, operation: "read answer of \(program)")
    var exit: Int32 = 0
    while waitpid(pid, &exit, 0) < 0, errno == EINTR {}
    return (output, exit == 0)
  }

  /// All variables of the environment as "name=value".
  static func environmentList(replacing replacements: [String: String] = [:]) -> [String] {
    var list: [String] = []
    var place = environ
    while let entry = place.pointee {
      let text: String = String(cString: entry)
      let name: String = String(text.prefix { $0 != "=" })
      if replacements[name] == nil { list.append(text) }
      place += 1
    }
    return list + replacements.map { "\($0.key)=\($0.value)" }
  }

  /// Eight random hexadecimal digits.
  static func randomName() -> String {
    let digits: String = String(UInt32.random(in: 0...UInt32.max), radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}
