// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A bound Unix socket that is not under its own name until `publish`.
struct ListeningSocket: Sendable {
  /// The kernel's limit is 107 bytes; a temporary suffix needs some of them.
  private static let pathBytesMax: Int = 100

  let path: String
  let descriptor: CInt
  private let temporaryPath: String

  init(path: String, mode: UInt32) throws(GRPCSocketsError) {
    guard path.hasPrefix("/"), path.utf8.count <= Self.pathBytesMax else {
      throw GRPCSocketsError(
        code: .invalidPath, message: "the socket path \(path) must be absolute and at most \(Self.pathBytesMax) bytes")
    }
    try Self.refuseIfServed(path)
    try Self.makeParent(of: path)
    let temporary: String = "\(path).\(getpid() % 10000)"
    _ = unlink(temporary)
    let fd: CInt = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { throw GRPCSocketsError(call: "socket", path: path) }
    let bound: CInt = withSocketAddress(temporary) { address, length in bind(fd, address, length) }
    guard bound == 0, chmod(temporary, mode) == 0 else {
      let error: GRPCSocketsError = GRPCSocketsError(call: "bind", path: path)
      close(fd)
      throw error
    }
    self.path = path
    self.temporaryPath = temporary
    self.descriptor = fd
  }

  /// Gives the listening socket its name, in one step.
  func publish() throws(GRPCSocketsError) {
    guard rename(temporaryPath, path) == 0 else {
      throw GRPCSocketsError(call: "rename", path: path)
    }
  }

  /// Removes the socket file.
  func remove() {
    _ = unlink(temporaryPath)
    _ = unlink(path)
  }

  /// A socket that answers belongs to a living server, which must not lose it.
  private static func refuseIfServed(_ path: String) throws(GRPCSocketsError) {
    var status: stat = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw GRPCSocketsError(
        code: .invalidPath, message: "\(path) exists and is no socket: remove it or choose another path")
    }
    let fd: CInt = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { return }
    defer { close(fd) }
    if withSocketAddress(path, { address, length in connect(fd, address, length) }) == 0 {
      throw GRPCSocketsError(code: .addressInUse, message: "another process serves \(path): stop it first")
    }
  }

  private static func makeParent(of path: String) throws(GRPCSocketsError) {
    var partial: String = ""
    for part: Substring in path.split(separator: "/").dropLast() {
      partial += "/\(part)"
      guard mkdir(partial, 0o755) == 0 || errno == EEXIST else {
        throw GRPCSocketsError(call: "mkdir", path: partial)
      }
    }
  }
}

private func withSocketAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
  var address: sockaddr_un = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { bytes in
    bytes.copyBytes(from: Array(path.utf8.prefix(bytes.count - 1)))
  }
  return withUnsafeBytes(of: &address) { bytes in
    // sockaddr_un begins like every sockaddr; the memory outlives the call.
    body(bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
  }
}
