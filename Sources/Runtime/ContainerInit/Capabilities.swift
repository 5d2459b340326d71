// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Kernel
import OCISpec

/// The capabilities of Linux by name, in the order of their numbers.
enum CapabilityNumbers {
  static let names: [String] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
  ]

  /// The bits of a list of names; unknown names are an error.
  static func mask(_ list: [String]) throws(ContainerInitError) -> UInt64 {
    var mask: UInt64 = 0
    for name: String in list {
      let bare: String = name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
      guard let number: Int = names.firstIndex(of: bare) else {
        throw ContainerInitError("unknown capability \"\(name)\"")
      }
      mask |= 1 << UInt64(number)
    }
    return mask
  }
}

/// The capability sets to take on, as bits.
struct CapabilitySets {
  var bounding: UInt64 = 0
  var effective: UInt64 = 0
  var permitted: UInt64 = 0
  var inheritable: UInt64 = 0
  var ambient: UInt64 = 0

  private static let dropFromBounding: Int32 = 24
  private static let ambientOperation: Int32 = 47

  /// The named sets, without what the caller itself does not have: nobody can give what they lack.
  init(_ sets: RuntimeSpec.Capabilities?) throws(ContainerInitError) {
    guard let sets else { return }
    var own: (UInt64, UInt64, UInt64) = (0, 0, 0)
    try step("capget") { () throws(SystemError) in try systemCall("capget") { apus_capget(&own.0, &own.1, &own.2) } }
    let permittedToUs: UInt64 = own.1
    bounding = try CapabilityNumbers.mask(sets.bounding)
    effective = try CapabilityNumbers.mask(sets.effective) & permittedToUs
    permitted = try CapabilityNumbers.mask(sets.permitted) & permittedToUs
    inheritable = try CapabilityNumbers.mask(sets.inheritable) & permittedToUs
    ambient = try CapabilityNumbers.mask(sets.ambient) & permittedToUs
  }

  /// Narrows the bounding set; needs CAP_SETPCAP, hence comes before the change of user.
  func dropBounding() {
    for number: Int in 0..<64 where bounding & (1 << UInt64(number)) == 0 {
      // Fails with EINVAL past the kernel's last capability: there is nothing to drop.
      if apus_prctl(Self.dropFromBounding, UInt(number), 0, 0, 0) != 0 { break }
    }
  }

  /// Takes on the other sets; comes after the change of user.
  func take() throws(ContainerInitError) {
    let needed: UInt64 = inheritable | ambient
    try step("set capabilities") { () throws(SystemError) in
      try systemCall("capset") { apus_capset(effective, permitted, needed) }
    }
    // PR_CAP_AMBIENT_CLEAR_ALL
    _ = apus_prctl(Self.ambientOperation, 4, 0, 0, 0)
    for number: Int in 0..<64 where ambient & (1 << UInt64(number)) != 0 {
      try step("raise ambient capability \(number)") { () throws(SystemError) in
        // PR_CAP_AMBIENT_RAISE
        try systemCall("prctl") { apus_prctl(Self.ambientOperation, 2, UInt(number), 0, 0) }
      }
    }
  }
}
