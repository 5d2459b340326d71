// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What of the runtime-spec is understood, for those who tell others.
public enum ContainerInitFeatures {
  /// Options of mounts that are not handed to the file system.
  public static var mountOptions: [String] { MountOptions.known }
  /// The capabilities by name.
  public static var capabilities: [String] { CapabilityNumbers.names.map { "CAP_" + $0 } }
  /// What a seccomp filter can do with a call.
  public static let seccompActions: [String] = [
    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
  ]
  /// How a seccomp filter compares an argument.
  public static let seccompOperators: [String] = [
    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
  ]
}
