// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSIHostPath
import DaemonFlags
import Logging

/// `apus csi-hostpath`: volumes of this machine behind CSI.
enum CSIHostPathCommand: DaemonCommand {
  static let name: String = "csi-hostpath"
  static let summary: String = "serve directories and disk images of this node as volumes (CSI)"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus csi-hostpath", summary: summary)
    flags.string("endpoint", default: "unix:///run/apus/csi.sock", "the socket of CSI")
    flags.string("drivername", default: "hostpath.csi.k8s.io", "the driver's name, as storage classes call it")
    flags.string("nodeid", "the node's name")
    flags.string("statedir", default: "/var/lib/apus/csi-hostpath", "where volumes are")
    flags.string("capacity-bytes", default: "107374182400", "what all volumes together may promise")
    flags.string("max-volume-size", default: "1099511627776", "the largest volume, in bytes")
    flags.string("registration-dir", "the kubelet's plugins_registry; empty where somebody else registers the driver")
    flags.ignored(
      [
        "enable-topology", "enable-attach", "ephemeral", "max-volume-expansion-size-node", "vendor-version",
        "proxy-endpoint",
      ],
      "not used by this implementation")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let logger: Logger = logger(values)
    var configuration: CSIHostPathConfiguration = CSIHostPathConfiguration(
      driverName: try values.required("drivername"), endpoint: try values.required("endpoint"),
      nodeID: try values.required("nodeid"), stateDirectory: try values.required("statedir"))
    configuration.capacityBytes = values.string("capacity-bytes").flatMap { Int64($0) } ?? configuration.capacityBytes
    configuration.volumeBytesMax =
      values.string("max-volume-size").flatMap { Int64($0) } ?? configuration.volumeBytesMax
    if let directory: String = values.string("registration-dir"), !directory.isEmpty {
      configuration.registrationDirectory = directory
    }
    try await serve([CSIHostPath(configuration: configuration, logger: logger)], logger: logger)
  }
}
