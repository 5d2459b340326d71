// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Foundation
import JSON
import Netlink
import Nftables
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "links need root")) struct PointToPointTests {
  private func configuration(_ stage: Stage, version: String = "1.1.0", masquerades: Bool = true) -> JSONValue {
    [
      "cniVersion": .string(version), "name": "net", "type": "ptp", "ipMasq": .bool(masquerades), "mtu": 1400,
      "ipam": [
        "type": "host-local", "dataDir": .string(stage.folder + "/leases"),
        "ranges": [[["subnet": "10.88.0.0/24"]], [["subnet": "fd00:88::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"], ["dst": "10.99.0.0/16", "gw": "10.88.0.1"]],
      ],
    ]
  }

  @Test func `a container is attached by routes, checked and detached twice`() throws {
    try Stage.run { stage in
      let configuration: JSONValue = configuration(stage)
      let result: JSONValue = try stage.ours(.add, configuration)
      #expect(result["interfaces"].items.map { $0["mtu"].int } == [1400, 1400])
      #expect(result["ips"].items.map { $0["interface"].int } == [1, 1])
      var after: JSONValue = configuration
      after["prevResult"] = result
      _ = try stage.ours(.check, after)
      let container: NetworkNamespace = try NetworkNamespace(path: stage.namespacePath)
      #expect(try Traffic.connects(to: "10.88.0.2", in: container))
      let host: NetworkNamespace = try .current()
      #expect(try stage.inside { try Traffic.connects(to: "10.88.0.1", in: host) })
      var nftables: NftablesSocket = try NftablesSocket()
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).map(\.comment) == ["net/c1/eth0"])
      for _ in 0..<2 { _ = try stage.ours(.delete, after) }
      #expect(throws: CNIError.self) { try stage.ours(.check, after) }
      #expect(try picture().isEmpty && stage.leases.isEmpty)
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).isEmpty)
    }
  }

  @Test func `a failed ADD leaves nothing`() throws {
    try Stage.run { stage in
      let configuration: JSONValue = configuration(stage)
      _ = try stage.ours(.add, configuration)
      let before: [String] = try picture()
      let leases: [String] = stage.leases
      // The container has its eth0 already.
      let error: CNIError? = #expect(throws: CNIError.self) { try stage.ours(.add, configuration, id: "c2") }
      #expect(error?.message.contains("already exists") == true, "\(String(describing: error))")
      var unreachable: JSONValue = configuration
      unreachable["ipam"]["routes"] = [["dst": "10.99.0.0/16", "gw": "192.0.2.1"]]
      _ = try stage.ours(.delete, configuration)
      #expect(throws: CNIError.self) { try stage.ours(.add, unreachable, id: "c3") }
      #expect(try picture().isEmpty && stage.leases.isEmpty && !before.isEmpty && leases.count == 2)
      #expect(try stage.inside { try picture() }.isEmpty)
    }
  }

  @Test func `an address without a gateway is refused before anything is made`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = configuration(stage)
      configuration["ipam"] = ["type": "static", "addresses": [["address": "10.1.1.2/24"]]]
      let error: CNIError? = #expect(throws: CNIError.self) { try stage.ours(.add, configuration) }
      #expect(error?.code == 7 && error?.message.contains("10.1.1.2/24 has no gateway") == true)
      configuration["ipam"] = [:]
      #expect(throws: CNIError.self) { try stage.ours(.add, configuration) }
      _ = try stage.ours(.delete, configuration)
      #expect(try picture().isEmpty)
    }
  }

  @Test(.enabled(if: Reference.isInstalled, "the reference plugins are not installed"), arguments: ["0.3.1", "1.0.0"])
  func `links, addresses, routes and results are those of the reference plugin`(_ version: String) throws {
    func run(
      _ call: (Stage) -> (PluginCall.Command, JSONValue, String, String) throws -> JSONValue
    ) throws -> (result: JSONValue, host: [String], container: [String], after: [String]) {
      try Stage.run { stage in
        let configuration: JSONValue = configuration(stage, version: version, masquerades: false)
        let result: JSONValue = try call(stage)(.add, configuration, "c1", "")
        // The reference gives its links queues of length 0; the kernel's own length stays with us.
        let host: [String] = try picture().filter { !$0.hasPrefix("queue") }
        let container: [String] = try stage.inside { try picture().filter { !$0.hasPrefix("queue") } }
        var after: JSONValue = configuration
        after["prevResult"] = result
        if version == "1.0.0" { _ = try call(stage)(.check, after, "c1", "") }
        _ = try call(stage)(.delete, after, "c1", "")
        return (plain(result), host, container, try picture())
      }
    }
    let ours = try run(Stage.ours)
    let theirs = try run(Stage.reference)
    #expect(ours.result == theirs.result)
    #expect(ours.host == theirs.host)
    #expect(ours.container == theirs.container)
    #expect(ours.after == theirs.after)
  }
}
