// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Glibc

/// The machine's addresses.
enum NodeAddresses {
  /// The addresses by which the node is reached: those that were given, else the one that leads to the default route.
  static func find(given: [String]) -> [String] {
    let explicit: [String] = given.filter { IPAddress($0).map { !$0.isUnspecified } ?? false }
    if !explicit.isEmpty { return explicit }
    if let address: String = sourceAddress(towards: "192.0.2.1") { return [address] }
    return interfaceAddresses().first.map { [$0] } ?? ["127.0.0.1"]
  }

  /// The address from which the kernel would send; nothing is sent.
  private static func sourceAddress(towards destination: String) -> String? {
    let descriptor: Int32 = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var address: sockaddr_in = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(9).bigEndian
    guard inet_pton(AF_INET, destination, &address.sin_addr) == 1 else { return nil }
    let connected: Int32 = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return nil }
    var own: sockaddr_in = sockaddr_in()
    var length: socklen_t = socklen_t(MemoryLayout<sockaddr_in>.size)
    let named: Int32 = withUnsafeMutablePointer(to: &own) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return named == 0 ? text(own) : nil
  }

  private static func interfaceAddresses() -> [String] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [String] = []
    var next: UnsafeMutablePointer<ifaddrs>? = list
    while let entry = next {
      next = entry.pointee.ifa_next
      guard let address = entry.pointee.ifa_addr, Int32(address.pointee.sa_family) == AF_INET else { continue }
      let value: sockaddr_in = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }
      if let text: String = text(value), !text.hasPrefix("127.") { found.append(text) }
    }
    return found
  }

  private static func text(_ address: sockaddr_in) -> String? {
    var address: in_addr = address.sin_addr
    var buffer: [CChar] = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
    guard inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count)) != nil else { return nil }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
