// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Netlink
import Testing

/// Datagrams that cross from the calling thread's namespace into another.
enum Traffic {
  /// Datagrams as large as a packet of Ethernet may be.
  private static let size: Int = 1400

  /// Sends datagrams until one arrives: links that were just made may take a second until the kernel uses them.
  static func connects(to address: String, in receiver: borrowing NetworkNamespace) throws -> Bool {
    for _ in 0..<20 where try arrives(at: address, in: receiver) { return true }
    return false
  }

  /// Sends a datagram to an IPv4 address and says whether it came to a socket of the receiver's namespace.
  static func arrives(at address: String, in receiver: borrowing NetworkNamespace) throws -> Bool {
    try count(of: 1, at: address, in: receiver) == 1
  }

  /// Sends datagrams to an IPv4 address and counts those that come to a socket of the receiver's namespace.
  static func count(of total: Int, at address: String, in receiver: borrowing NetworkNamespace) throws -> Int {
    // One that is late must not be taken for one of the next.
    let port: UInt16 = .random(in: 20_000...30_000)
    var target: sockaddr_in = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &target.sin_addr)
    func withTarget(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int) -> Int {
      withUnsafePointer(to: &target) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
    }
    let listener: Int32 = try receiver.withEntered { socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
    defer { close(listener) }
    var room: Int32 = 8 << 20
    setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &room, socklen_t(MemoryLayout<Int32>.size))
    let isBound: Bool = withTarget { Int(bind(listener, $0, $1)) } == 0
    let reason: Int32 = errno
    try #require(isBound, "bind \(listener) to \(address): \(String(cString: strerror(reason)))")
    let sender: Int32 = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(sender) }
    setsockopt(sender, SOL_SOCKET, SO_SNDBUFFORCE, &room, socklen_t(MemoryLayout<Int32>.size))
    var datagram: [UInt8] = [UInt8](repeating: 0, count: size)
    for _ in 0..<total { _ = withTarget { sendto(sender, datagram, datagram.count, 0, $0, $1) } }
    var received: Int = 0
    // So long without a datagram is the end.
    while received < total {
      var wait: pollfd = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, 300) == 1, recv(listener, &datagram, datagram.count, 0) == size else { break }
      received += 1
    }
    return received
  }
}
