// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel

/// `spec`
enum SpecSubcommand: OCISubcommand {
  static let name: String = "spec"
  static let summary: String = "write a config.json to begin with"
  static let operands: String = ""
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("bundle", "b", help: "the folder of the bundle (default: the current one)"),
    .toggle("rootless", help: "for a user other than root: with a user namespace"),
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let path: String = (values.text("bundle") ?? ".") + "/config.json"
    guard !Files.exists(path) else { throw CommandError("file config.json exists. Remove it first") }
    try attempt("write the configuration") { () throws(SystemError) in
      try Files.write(path, Array((document(isRootless: values.has("rootless")).prettyText + "\n").utf8))
    }
    return 0
  }

  static func document(isRootless: Bool) -> JSONValue {
    let capabilities: JSONValue = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    var namespaces: [JSONValue] = ["pid", "ipc", "uts", "mount", "cgroup"].map { ["type": .string($0)] }
    namespaces.append(["type": .string(isRootless ? "user" : "network")])
    var linux: JSONValue = [
      "namespaces": .array(namespaces),
      "maskedPaths": [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
      ],
      "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    ]
    if isRootless {
      let mapping: JSONValue = [["containerID": 0, "hostID": 0, "size": 1]]
      linux["uidMappings"] = mapping
      linux["gidMappings"] = mapping
    } else {
      linux["resources"] = ["devices": [["allow": false, "access": "rwm"]]]
    }
    return [
      "ociVersion": .string(OCICommand.specificationVersion),
      "process": [
        "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
        "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
        "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
      ],
      "root": ["path": "rootfs", "readonly": true], "hostname": "apus", "mounts": mounts, "linux": linux,
    ]
  }

  private static var mounts: JSONValue {
    [
      ["destination": "/proc", "type": "proc", "source": "proc"],
      [
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
      ],
      [
        "destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      ],
      [
        "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      ],
      ["destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]],
      ["destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]],
      [
        "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
      ],
    ]
  }
}
