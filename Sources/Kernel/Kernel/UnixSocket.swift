// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Unix sockets that keep messages apart (SOCK_SEQPACKET) or not (SOCK_STREAM), and carry descriptors.
public enum UnixSocket {
  /// Whether messages keep their bounds.
  public enum Kind: Sendable {
    /// SOCK_STREAM: bytes.
    case stream
    /// SOCK_SEQPACKET: messages with bounds, in order, with a connection.
    case packets

    var raw: Int32 {
      switch self {
      case .stream: Int32(SOCK_STREAM.rawValue)
      case .packets: Int32(SOCK_SEQPACKET.rawValue)
      }
    }
  }

  /// SOCK_CLOEXEC
  private static let closeOnExec: Int32 = O_CLOEXEC

  /// Two connected sockets.
  public static func pair(_ kind: Kind = .packets) throws(SystemError) -> FileDescriptor.Pipe {
    var ends: [Int32] = [-1, -1]
    try systemCall("socketpair") { socketpair(AF_UNIX, kind.raw | closeOnExec, 0, &ends) }
    return FileDescriptor.Pipe(reader: FileDescriptor(owning: ends[0]), writer: FileDescriptor(owning: ends[1]))
  }

  /// A socket that accepts connections at a path; a file that is there already is removed.
  public static func listen(
    _ path: String, _ kind: Kind = .packets, backlog: Int32 = 64
  ) throws(SystemError) -> FileDescriptor {
    let socket: FileDescriptor = try make(kind)
    try Files.remove(path)
    try withAddress(path) { (address, length) throws(SystemError) in
      try systemCall("bind", path) { Glibc.bind(socket.raw, address, length) }
    }
    try systemCall("listen", path) { Glibc.listen(socket.raw, backlog) }
    return socket
  }

  /// A connection to the socket at a path.
  public static func connect(_ path: String, _ kind: Kind = .packets) throws(SystemError) -> FileDescriptor {
    let socket: FileDescriptor = try make(kind)
    try withAddress(path) { (address, length) throws(SystemError) in
      try systemCall("connect", path) { Glibc.connect(socket.raw, address, length) }
    }
    return socket
  }

  /// The next connection of a listening socket.
  public static func accept(_ listener: Int32) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      owning: try systemCall("accept4") { apus_accept(listener) })
  }

  /// Sends bytes with descriptors (16 at most) as one message. The receiver gets copies of the descriptors.
  public static func send(
    _ socket: Int32, _ bytes: [UInt8], descriptors: [Int32] = [], dontWait: Bool = false
  ) throws(SystemError) {
    try systemCall("sendmsg") {
      apus_send_fds(
        socket, bytes, bytes.count, descriptors, descriptors.count, dontWait ? Int32(MSG_DONTWAIT) : 0)
    }
  }

  /// Receives one message with its descriptors; nil when the other side has closed.
  public static func receive(
    _ socket: Int32, upTo count: Int = 256 << 10, dontWait: Bool = false
  ) throws(SystemError) -> (bytes: [UInt8], descriptors: [SharedDescriptor])? {
    var raw: [Int32] = [Int32](repeating: -1, count: 16)
    var found: Int = raw.count
    var failure: SystemError?
    let bytes: [UInt8] = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = 0
      do throws(SystemError) {
        filled = try systemCall("recvmsg") {
          found = raw.count
          return apus_recv_fds(
            socket, buffer.baseAddress, count, &raw, &found, dontWait ? Int32(MSG_DONTWAIT) : 0)
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    let descriptors: [SharedDescriptor] = raw.prefix(found).map { SharedDescriptor(owning: $0) }
    return bytes.isEmpty && descriptors.isEmpty ? nil : (bytes, descriptors)
  }

  private static func make(_ kind: Kind) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      owning: try systemCall("socket") { socket(AF_UNIX, kind.raw | closeOnExec, 0) })
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
  ) throws(SystemError) {
    var address: sockaddr_un = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes: [UInt8] = Array(path.utf8)
    let room: Int = MemoryLayout.size(ofValue: address.sun_path)
    // A path that does not fit is named through a descriptor of its folder, which lives until the call is done.
    var folder: SharedDescriptor?
    defer { withExtendedLifetime(folder) {} }
    if bytes.count >= room, let parent: String = Files.parent(of: path) {
      let opened: SharedDescriptor = SharedDescriptor(try FileDescriptor.open(parent, [.pathOnly, .directory]))
      bytes = Array("/proc/self/fd/\(opened.raw)/".utf8) + bytes.dropFirst(parent.utf8.count + 1)
      folder = opened
    }
    guard bytes.count < room else { throw SystemError(.nameTooLong, "bind", path) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    var failure: SystemError?
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        do throws(SystemError) {
          try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
        } catch { failure = error }
      }
    }
    if let failure { throw failure }
  }
}
