// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import ContainerInit
import Glibc
import JSON
import Kernel
import OCISpec

/// `features` (runtime-spec, features.md)
enum FeaturesSubcommand: OCISubcommand {
  static let name: String = "features"
  static let summary: String = "print what this runtime can do"
  static let operands: String = ""

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    print(document.prettyText)
    return 0
  }

  static var document: JSONValue {
    [
      "ociVersionMin": "1.0.0", "ociVersionMax": .string(OCICommand.specificationVersion),
      "hooks": JSONValue(Hook.Kind.allCases.map(\.rawValue)),
      "mountOptions": JSONValue(ContainerInitFeatures.mountOptions),
      "linux": [
        "namespaces": JSONValue(Bundle.namespaceTypes), "capabilities": JSONValue(ContainerInitFeatures.capabilities),
        "cgroup": ["v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false],
        "seccomp": [
          "enabled": true, "actions": JSONValue(ContainerInitFeatures.seccompActions),
          "operators": JSONValue(ContainerInitFeatures.seccompOperators),
        ],
        "apparmor": ["enabled": true], "selinux": ["enabled": true], "intelRdt": ["enabled": false],
        "mountExtensions": ["idmap": ["enabled": true]],
      ],
    ]
  }
}
