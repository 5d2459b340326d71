// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// The system calls of this module: the one place that reads `errno`.
enum SystemCalls {
  static func message(_ number: Int32) -> String { String(cString: strerror(number)) }

  /// Runs a call that returns a negative number on failure; tries again after a signal.
  static func check<Number: SignedInteger>(_ operation: @autoclosure () -> String, _ call: () -> Number)
    throws(NetlinkError) -> Number
  {
    while true {
      let result: Number = call()
      if result >= 0 { return result }
      let number: Int32 = errno
      if number == EINTR { continue }
      throw NetlinkError(.system(number), operation())
    }
  }

  /// A bound netlink socket; the kernel gives it its port number.
  static func netlinkSocket(protocolNumber: Int32) throws(NetlinkError) -> Int32 {
    let fd: Int32 = try check("open netlink socket") {
      socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), protocolNumber)
    }
    do throws(NetlinkError) {
      try bind(fd, groups: 0)
    } catch {
      close(fd)
      throw error
    }
    return fd
  }

  /// Binds to the groups of a bit mask (the first 32 multicast groups).
  static func bind(_ fd: Int32, groups: UInt32) throws(NetlinkError) {
    var address: (family: UInt16, padding: UInt16, port: UInt32, groups: UInt32) = (UInt16(AF_NETLINK), 0, 0, groups)
    _ = try check("bind netlink socket") {
      withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(fd, $0, 12) }
      }
    }
  }

  static func setOption(_ fd: Int32, level: Int32, option: Int32, value: Int32) -> Bool {
    var value: Int32 = value
    return setsockopt(fd, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }

  static func setReceiveTimeout(_ fd: Int32, seconds: Int) {
    var time: timeval = timeval(tv_sec: seconds, tv_usec: 0)
    _ = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }
}

extension SystemCalls {
  /// CLONE_NEWNET.
  private static let newNetwork: Int32 = 0x4000_0000

  /// Moves the calling thread into a network namespace.
  static func enterNetworkNamespace(_ fd: Int32) -> Int32 { apus_setns(fd, newNetwork) }

  /// Moves the calling thread into a new network namespace.
  static func leaveForNewNetworkNamespace() -> Int32 { apus_unshare(newNetwork) }
}
