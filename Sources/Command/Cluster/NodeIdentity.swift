// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel
import SwiftOverlayShims

/// What this machine is called and where it is reached.
public enum NodeIdentity {
  /// The host name in lower case, as a node name must be.
  public static func hostName() -> String {
    var buffer: [CChar] = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).lowercased()
  }

  /// The address that this machine would use towards others; without a route, the first one that is not loopback.
  public static func address() -> String? { routedAddress() ?? firstAddress() }

  /// Connects a datagram socket, which sends nothing but makes the kernel choose a source address.
  private static func routedAddress() -> String? {
    let descriptor: Int32 = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var address: sockaddr_in = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(9).bigEndian
    // TEST-NET-3: an address that belongs to nobody (RFC 5737).
    address.sin_addr.s_addr = UInt32(0xCB00_7101).bigEndian
    var length: socklen_t = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result: Int32 = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        connect(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
      }
    }
    return result == 0 ? text(address.sin_addr) : nil
  }

  private static func firstAddress() -> String? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
    defer { freeifaddrs(list) }
    var entry: UnsafeMutablePointer<ifaddrs>? = list
    while let current = entry {
      entry = current.pointee.ifa_next
      guard let address = current.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
        current.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0
      else { continue }
      return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { text($0.pointee.sin_addr) }
    }
    return nil
  }

  private static func text(_ address: in_addr) -> String {
    let value: UInt32 = UInt32(bigEndian: address.s_addr)
    return [24, 16, 8, 0].map { String((value >> $0) & 255) }.joined(separator: ".")
  }

  /// The first /24 of an IPv4 range, which the first node gives out; the range itself where it is smaller.
  public static func firstSubnet(of cidr: String) -> String {
    let parts: [Substring] = cidr.split(separator: "/")
    guard parts.count == 2, let length: Int = Int(parts[1]), length < 24 else { return cidr }
    return parts[0] + "/24"
  }
}
