// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSeccomp
import Glibc
import JSON
import Kernel
import OCISpec

/// A seccomp filter: the member `linux.seccomp` of the runtime-spec as a program of the kernel's.
enum SeccompFilter {
  /// The program a configuration asks for: compiled before, or compiled now; empty for none.
  static func program(_ spec: RuntimeSpec) throws(ContainerInitError) -> [UInt8] {
    if !spec.seccompProgram.isEmpty {
      return try step("read the seccomp filter") { () throws(SystemError) in try Files.read(spec.seccompProgram) }
    }
    return spec.seccomp.isNull ? [] : try compile(spec.seccomp)
  }

  /// Compiles a profile.
  static func compile(_ profile: JSONValue) throws(ContainerInitError) -> [UInt8] {
    let fallback: UInt32 = try action(profile["defaultAction"].string ?? "", profile["defaultErrnoRet"].int)
    guard let context: scmp_filter_ctx = seccomp_init(fallback) else {
      throw ContainerInitError("seccomp: no filter can be made")
    }
    defer { seccomp_release(context) }
    for name: String in profile["architectures"].items.compactMap(\.string) {
      let bare: String = String(name.dropFirst("SCMP_ARCH_".count)).lowercased()
      let number: UInt32 = seccomp_arch_resolve_name(bare)
      guard number != 0 else { throw ContainerInitError("seccomp: unknown architecture \"\(name)\"") }
      // EEXIST: the native one is there from the start.
      _ = seccomp_arch_add(context, number)
    }
    // libseccomp's balanced tree: a lookup in steps of the logarithm instead of one comparison a call.
    _ = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
    for rule: JSONValue in profile["syscalls"].items { try add(rule, fallback, to: context) }
    return try export(context)
  }

  private static func add(_ rule: JSONValue, _ fallback: UInt32, to context: scmp_filter_ctx) throws(ContainerInitError) {
    let wanted: UInt32 = try action(rule["action"].string ?? "", rule["errnoRet"].int)
    if wanted == fallback { return }
    var comparisons: [scmp_arg_cmp] = []
    for argument: JSONValue in rule["args"].items {
      comparisons.append(
        scmp_arg_cmp(
          arg: UInt32(clamping: argument["index"].int ?? 0), op: try comparison(argument["op"].string ?? ""),
          datum_a: UInt64(bitPattern: argument["value"].int ?? 0),
          datum_b: UInt64(bitPattern: argument["valueTwo"].int ?? 0)))
    }
    for name: String in rule["names"].items.compactMap(\.string) {
      let number: Int32 = seccomp_syscall_resolve_name(name)
      // A call that this libseccomp does not know falls to the default action.
      if number == __NR_SCMP_ERROR_value { continue }
      let result: Int32 = seccomp_rule_add_array(context, wanted, number, UInt32(comparisons.count), comparisons)
      if result < 0, -result != EEXIST, -result != EDOM, -result != EINVAL {
        throw ContainerInitError("seccomp: rule for \(name): \(Errno(rawValue: -result))")
      }
    }
  }

  /// `__NR_SCMP_ERROR`
  private static let __NR_SCMP_ERROR_value: Int32 = -1

  private static func action(_ name: String, _ errnoValue: Int64?) throws(ContainerInitError) -> UInt32 {
    switch name {
    case "SCMP_ACT_ALLOW": return 0x7fff_0000
    case "SCMP_ACT_LOG": return 0x7ffc_0000
    case "SCMP_ACT_ERRNO": return 0x0005_0000 | UInt32(clamping: errnoValue ?? Int64(EPERM))
    case "SCMP_ACT_TRACE": return 0x7ff0_0000 | UInt32(clamping: errnoValue ?? Int64(EPERM))
    case "SCMP_ACT_TRAP": return 0x0003_0000
    case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
    case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
    default: throw ContainerInitError("seccomp: unknown action \"\(name)\"")
    }
  }

  private static func comparison(_ name: String) throws(ContainerInitError) -> scmp_compare {
    switch name {
    case "SCMP_CMP_NE": return SCMP_CMP_NE
    case "SCMP_CMP_LT": return SCMP_CMP_LT
    case "SCMP_CMP_LE": return SCMP_CMP_LE
    case "SCMP_CMP_EQ": return SCMP_CMP_EQ
    case "SCMP_CMP_GE": return SCMP_CMP_GE
    case "SCMP_CMP_GT": return SCMP_CMP_GT
    case "SCMP_CMP_MASKED_EQ": return SCMP_CMP_MASKED_EQ
    default: throw ContainerInitError("seccomp: unknown operator \"\(name)\"")
    }
  }

  private static func export(_ context: scmp_filter_ctx) throws(ContainerInitError) -> [UInt8] {
    // The file descriptor is the only way out of libseccomp; a temporary one in memory serves.
    let (reader, writer) = try step("seccomp: export") { () throws(SystemError) in
      let memory: FileDescriptor = try Memory.file("seccomp")
      let other: FileDescriptor = try FileDescriptor.open(descriptorPath(memory))
      return (SharedDescriptor(other), SharedDescriptor(memory))
    }
    let result: Int32 = seccomp_export_bpf(context, writer.raw)
    if result < 0 { throw ContainerInitError("seccomp: export: \(Errno(rawValue: -result))") }
    return try step("seccomp: export") { () throws(SystemError) in
      var program: [UInt8] = []
      while true {
        let more: [UInt8] = try Kernel.read(reader.raw, upTo: 64 << 10)
        if more.isEmpty { return program }
        program += more
      }
    }
  }
}
