// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// An open network namespace; lent to closures that run inside it.
public struct NetworkNamespace: ~Copyable {
  /// The descriptor of the namespace, for `NetlinkRequest`s that place a link into it.
  public let fileDescriptor: Int32
  private let path: String

  /// Opens a namespace by the path of its file ("/run/netns/a", "/proc/123/ns/net").
  public init(path: String) throws(NetlinkError) {
    self.path = path
    fileDescriptor = try SystemCalls.check("open network namespace \(path)") { open(path, O_RDONLY | O_CLOEXEC) }
  }

  /// The calling thread's namespace.
  public static func current() throws(NetlinkError) -> NetworkNamespace {
    try NetworkNamespace(path: "/proc/thread-self/ns/net")
  }

  deinit { close(fileDescriptor) }

  /// Whether the file is a network namespace; a file that is left when its bind mount is gone is none.
  public var isNamespace: Bool {
    // All namespaces live on one file system of the kernel.
    var own: stat = stat()
    guard stat("/proc/self/ns/net", &own) == 0, let identity else { return false }
    return identity.device == UInt64(own.st_dev)
  }

  /// The device and inode, which name the namespace on this machine.
  public var identity: (device: UInt64, inode: UInt64)? {
    var status: stat = stat()
    guard fstat(fileDescriptor, &status) == 0 else { return nil }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  /// Moves the calling thread into the namespace, runs the body, and moves it back.
  ///
  /// The body must not suspend. Where the way back fails, the thread would stay in a foreign namespace; this traps.
  public func withEntered<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws -> Result {
    let home: NetworkNamespace = try .current()
    let fd: Int32 = fileDescriptor
    let text: String = path
    _ = try SystemCalls.check("enter network namespace \(text)") { SystemCalls.enterNetworkNamespace(fd) }
    defer { precondition(SystemCalls.enterNetworkNamespace(home.fileDescriptor) == 0, "the thread can return to its own namespace") }
    return try body()
  }

  /// A netlink socket that works inside the namespace from anywhere.
  public func openSocket(_ netlinkProtocol: NetlinkProtocol) throws -> NetlinkSocket {
    let home: NetworkNamespace = try .current()
    let fd: Int32 = fileDescriptor
    let text: String = path
    _ = try SystemCalls.check("enter network namespace \(text)") { SystemCalls.enterNetworkNamespace(fd) }
    defer { precondition(SystemCalls.enterNetworkNamespace(home.fileDescriptor) == 0, "the thread can return to its own namespace") }
    return try NetlinkSocket(netlinkProtocol)
  }

  /// Runs the body on the calling thread in a new, empty network namespace, which is gone afterwards unless something
  /// holds it. The body must not suspend.
  public static func withNew<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws -> Result {
    let home: NetworkNamespace = try .current()
    _ = try SystemCalls.check("make a network namespace") { SystemCalls.leaveForNewNetworkNamespace() }
    defer {
      precondition(
        SystemCalls.enterNetworkNamespace(home.fileDescriptor) == 0, "the thread can return to its own namespace")
    }
    return try body()
  }
}
