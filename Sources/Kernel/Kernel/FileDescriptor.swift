// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// The owner of an open file descriptor: closes it when it goes. Every descriptor made here is close-on-exec.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The number. It is valid as long as its owner lives.
  public let raw: Int32

  /// Takes the ownership of an open descriptor.
  public init(owning raw: Int32) { self.raw = raw }

  deinit { _ = Glibc.close(raw) }

  /// Gives up the ownership: the caller closes the descriptor.
  public consuming func release() -> Int32 {
    let number: Int32 = raw
    discard self
    return number
  }

  /// Opens a path with flags of open(2) (O_CLOEXEC is added).
  public static func open(
    _ path: String, _ flags: OpenFlags = .readOnly, mode: UInt32 = 0o644
  ) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      owning: try systemCall("open", path) { Glibc.open(path, flags.rawValue | O_CLOEXEC, mode) })
  }

  /// A second descriptor of the same open file.
  public borrowing func duplicate() throws(SystemError) -> FileDescriptor {
    let number: Int32 = raw
    return FileDescriptor(owning: try systemCall("dup") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
  }

  /// Reads up to `count` bytes; an empty result is the end of the file.
  public borrowing func read(upTo count: Int) throws(SystemError) -> [UInt8] {
    try Kernel.read(raw, upTo: count)
  }

  /// Writes all bytes.
  public borrowing func write(_ bytes: [UInt8]) throws(SystemError) {
    try Kernel.write(raw, bytes)
  }

  /// Sets or clears O_NONBLOCK.
  public borrowing func setNonblocking(_ isNonblocking: Bool = true) throws(SystemError) {
    try Kernel.setNonblocking(raw, isNonblocking)
  }

  /// A pipe: what is written to `writer` is read from `reader`.
  public static func pipe() throws(SystemError) -> Pipe {
    var ends: [Int32] = [-1, -1]
    try systemCall("pipe2") { apus_pipe(&ends) }
    return Pipe(reader: FileDescriptor(owning: ends[0]), writer: FileDescriptor(owning: ends[1]))
  }

  /// The two ends of a pipe.
  public struct Pipe: ~Copyable, Sendable {
    /// The end to read from.
    public var reader: FileDescriptor
    /// The end to write to.
    public var writer: FileDescriptor

    /// Gives up both ends: the caller closes them.
    public consuming func release() -> (reader: Int32, writer: Int32) {
      (reader.release(), writer.release())
    }
  }
}

/// A file descriptor that can be kept in collections and shared; closed when the last reference goes.
public final class SharedDescriptor: Sendable {
  /// The number. It is valid as long as this lives.
  public let raw: Int32
  /// Takes the ownership of an open descriptor.
  public init(owning raw: Int32) { self.raw = raw }
  /// Takes over from a sole owner.
  public convenience init(_ descriptor: consuming FileDescriptor) { self.init(owning: descriptor.release()) }
  deinit { _ = Glibc.close(raw) }
}

/// Reads up to `count` bytes from a descriptor; an empty result is the end of the file.
public func read(_ descriptor: Int32, upTo count: Int) throws(SystemError) -> [UInt8] {
  var failure: SystemError?
  let bytes: [UInt8] = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    filled = 0
    do throws(SystemError) {
      filled = try systemCall("read") { Glibc.read(descriptor, buffer.baseAddress, count) }
    } catch { failure = error }
  }
  if let failure { throw failure }
  return bytes
}

/// Writes all bytes to a blocking descriptor.
public func write(_ descriptor: Int32, _ bytes: [UInt8]) throws(SystemError) {
  var offset: Int = 0
  while offset < bytes.count {
    offset += try systemCall("write") {
      bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: offset), bytes.count - offset) }
    }
  }
}

/// Writes what the descriptor takes now; throws EAGAIN when a non-blocking one takes nothing.
public func writeSome(_ descriptor: Int32, _ bytes: [UInt8]) throws(SystemError) -> Int {
  try systemCall("write") { bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, bytes.count) } }
}

/// Sets or clears O_NONBLOCK.
public func setNonblocking(_ descriptor: Int32, _ isNonblocking: Bool = true) throws(SystemError) {
  let flags: Int32 = try systemCall("fcntl") { fcntl(descriptor, F_GETFL) }
  try systemCall("fcntl") {
    fcntl(descriptor, F_SETFL, isNonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)
  }
}

/// Closes every descriptor from `first` on.
public func closeDescriptors(from first: Int32) {
  // Fails only for a wrong range, which this is not.
  _ = apus_close_range(UInt32(first), UInt32.max, 0)
}

/// Closes a descriptor that no owner holds.
public func closeDescriptor(_ descriptor: Int32) {
  // Linux frees the number whatever close says.
  _ = Glibc.close(descriptor)
}

/// A second descriptor of the same open file; the caller closes it.
public func duplicate(_ descriptor: Int32) throws(SystemError) -> Int32 {
  try systemCall("dup") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
}
