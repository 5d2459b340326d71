// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel

/// The rules of the v1 devices controller: what a container may make or open.
enum DeviceRules {
  /// The nodes that every container has, and terminals.
  private static let standard: [String] = [
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
    "c 136:* rwm",
  ]

  /// The rules for a container; none means that it may use every device.
  static func rules(_ config: CRIContainerConfig) throws -> [String] {
    if config.linux.securityContext.privileged { return [] }
    var rules: [String] = standard
    for wanted: CRIDevice in config.devices {
      let status: Files.Status = try Files.status(wanted.hostPath)
      guard status.isCharacterDevice || status.isBlockDevice else { continue }
      let access: String = wanted.permissions.isEmpty ? "rwm" : wanted.permissions
      rules.append("\(status.isBlockDevice ? "b" : "c") \(status.major):\(status.minor) \(access)")
    }
    return rules
  }
}
