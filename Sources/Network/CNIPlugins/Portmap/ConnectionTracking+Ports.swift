// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Netlink

extension ConnectionTracking {
  /// Forgets the tracked UDP flows to host ports: a flow that began before the mapping would never see it.
  static func forget(_ mappings: [PortMapping]) throws {
    let ports: Set<UInt16> = Set(mappings.map(\.hostPort))
    guard !ports.isEmpty else { return }
    try ConnectionTracking.delete { $0.transport == PortMapping.Transport.udp.rawValue && ports.contains($0.original.destinationPort) }
  }
}
