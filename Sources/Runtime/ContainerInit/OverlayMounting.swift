// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Kernel
import OCISpec

/// Mounts an overlay however many layers it has: mount(2) takes 4096 bytes of options, a file system context any number.
enum OverlayMounting {
  static func mount(_ overlay: RuntimeSpec.Overlay, on target: String) throws(SystemError) {
    var options: [String] = ["lowerdir=" + overlay.lower.joined(separator: ":")]
    if let upper: String = overlay.upper, let work: String = overlay.work {
      options += ["upperdir=" + upper, "workdir=" + work]
    }
    options += overlay.options
    let text: String = options.joined(separator: ",")
    if text.utf8.count < 4000 {
      return try Mounts.mount("overlay", on: target, type: "overlay", options: text)
    }
    try mountByContext(overlay, on: target)
  }

  private static func mountByContext(_ overlay: RuntimeSpec.Overlay, on target: String) throws(SystemError) {
    let setString: UInt32 = 1
    let create: UInt32 = 6
    let context: FileDescriptor = FileDescriptor(owning: try systemCall("fsopen") { apus_fsopen("overlay", 1) })
    let raw: Int32 = context.raw
    func set(_ key: String, _ value: String) throws(SystemError) {
      try systemCall("fsconfig", "\(key)=\(value)") { apus_fsconfig(raw, setString, key, value) }
    }
    for layer: String in overlay.lower { try set("lowerdir+", layer) }
    if let upper: String = overlay.upper, let work: String = overlay.work {
      try set("upperdir", upper)
      try set("workdir", work)
    }
    for option: String in overlay.options {
      let parts: [Substring] = option.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { try set(String(parts[0]), String(parts[1])) }
    }
    try systemCall("fsconfig", "create") { apus_fsconfig(raw, create, nil, nil) }
    let mounted: FileDescriptor = FileDescriptor(owning: try systemCall("fsmount") { apus_fsmount(raw, 1) })
    try Mounts.attach(mounted, on: target)
  }
}
