// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import OCISpec

/// The capabilities of containers.
enum ContainerCapabilities {
  /// What a container gets without asking: the same list as every other runtime's.
  static let standard: [String] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
    "CAP_AUDIT_WRITE",
  ]

  /// All there are.
  static let all: [String] =
    standard + [
      "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_IPC_LOCK",
      "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN",
      "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE",
      "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
      "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]

  /// What a container gets.
  static func sets(_ security: CRILinuxContainerSecurityContext) throws -> RuntimeSpec.Capabilities {
    var sets: RuntimeSpec.Capabilities = RuntimeSpec.Capabilities()
    let wanted: CRICapability = security.capabilities
    var bounding: [String] = security.privileged ? all : standard
    let added: [String] = try (wanted.addCapabilities + wanted.addAmbientCapabilities).map(name)
    let dropped: [String] = try wanted.dropCapabilities.map(name)
    if !security.privileged {
      // "ALL" first, single ones after, as the kubelet means it: drop ALL, add NET_BIND_SERVICE.
      if added.contains("CAP_ALL") { bounding = all }
      if dropped.contains("CAP_ALL") { bounding = [] }
      for capability: String in added where capability != "CAP_ALL" && !bounding.contains(capability) {
        bounding.append(capability)
      }
      bounding.removeAll { dropped.contains($0) }
    }
    sets.bounding = bounding
    sets.effective = bounding
    sets.permitted = bounding
    let ambient: [String] = try wanted.addAmbientCapabilities.map(name)
    if !ambient.isEmpty {
      sets.inheritable = ambient.filter(bounding.contains)
      sets.ambient = sets.inheritable
    }
    return sets
  }

  private static func name(_ text: String) throws -> String {
    let upper: String = text.uppercased()
    let full: String = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
    guard full == "CAP_ALL" || all.contains(full) else { throw RuntimeError(.invalid, "unknown capability \"\(text)\"") }
    return full
  }
}
