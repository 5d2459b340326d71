// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec

/// Kernel settings below /proc/sys, of the calling thread's network namespace.
enum Sysctl {
  /// Sets a value unless it is set already; a setting that this kernel lacks (IPv6 turned off) is left.
  static func set(_ name: String, _ value: String) throws(CNIError) {
    let path: String = "/proc/sys/\(name)"
    guard let current: [UInt8] = try PluginSystem.readFile(path) else { return }
    if String(decoding: current.prefix { $0 != 0x0A }, as: UTF8.self) == value { return }
    try PluginSystem.writeFile(path, Array(value.utf8))
  }

  /// A value, or nil where this kernel has no such setting.
  static func get(_ name: String) throws(CNIError) -> String? {
    try PluginSystem.readFile("/proc/sys/\(name)").map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) }
  }

  /// Makes the host forward packets of a family.
  static func enableForwarding(_ family: IPFamily) throws(CNIError) {
    switch family {
    case .v4: try set("net/ipv4/ip_forward", "1")
    case .v6: try set("net/ipv6/conf/all/forwarding", "1")
    }
  }

  /// A link's name as a part of a path: dots of names are kept, the separator is the slash.
  static func link(_ family: String, _ name: String, _ setting: String) -> String { "net/\(family)/conf/\(name)/\(setting)" }
}
