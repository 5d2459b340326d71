// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Foundation
import JSON
import Netlink
import Nftables
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "rules need root")) struct FirewallTests {
  private static let save: String = "/usr/sbin/iptables-save"

  private func configuration(_ stage: Stage, version: String = "1.1.0", id: String = "2") -> JSONValue {
    [
      "cniVersion": .string(version), "name": "net", "type": "firewall",
      "prevResult": [
        "cniVersion": .string(version),
        "interfaces": [["name": "br-a"], ["name": "veth1"], ["name": "eth0", "sandbox": .string(stage.namespacePath)]],
        "ips": [
          ["address": .string("10.88.0.\(id)/24"), "interface": 2, "version": "4"],
          ["address": .string("fd00:88::\(id)/64"), "interface": 2, "version": "6"],
        ], "dns": [:],
      ],
    ]
  }

  private func comments(_ family: IPFamily = .v4, _ chain: String = FirewallRules.forwardChain) throws -> [String] {
    var socket: NftablesSocket = try NftablesSocket()
    return try socket.rules(of: FirewallRules(family: family).table, chain: chain).map(\.comment)
  }

  @Test func `rules are there once until DEL, and the administrator's stay`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = configuration(stage)
      // The base chain is there and drops: that stays so.
      let table: Table = FirewallRules(family: .v4).table
      var batch: Batch = Batch()
      batch.add(table)
      batch.add(Chain(table, "FORWARD", base: Chain.Base(.filter, .forward, priority: 0, acceptsByDefault: false)))
      batch.add(Chain(table, FirewallRules.defaultAdminChain))
      batch.add(Rule(table, chain: FirewallRules.defaultAdminChain, comment: "mine", [.counter]))
      var socket: NftablesSocket = try NftablesSocket()
      try socket.commit(batch)
      for _ in 0..<2 {
        #expect(try stage.ours(.add, configuration)["ips"].items.count == 2)
        _ = try stage.ours(.check, configuration)
      }
      for family: IPFamily in IPFamily.allCases {
        #expect(try comments(family) == [FirewallRules.adminComment, "net/c1/eth0", "net/c1/eth0"])
        #expect(try comments(family, FirewallRules.baseChain) == [FirewallRules.jumpComment])
      }
      configuration["prevResult"] = .null
      for _ in 0..<2 { _ = try stage.ours(.delete, configuration) }
      #expect(try comments() == [FirewallRules.adminComment] && comments(.v4, FirewallRules.defaultAdminChain) == ["mine"])
      #expect(throws: CNIError.self) { try stage.ours(.check, self.configuration(stage)) }
    }
  }

  @Test func `packets of containers pass a host that drops what it does not know`() throws {
    try Stage.run { stage in
      let other: Int32 = try Stage.newNamespace()
      defer { close(other) }
      let second: Stage = Stage(folder: stage.folder, container: other)
      var results: [JSONValue] = []
      for (place, stage) in [stage, second].enumerated() {
        let address: JSONValue = .string("10.88.\(place).2/24")
        results.append(
          try stage.ours(.add, [
            "cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": [
              "type": "static", "addresses": [["address": address, "gateway": .string("10.88.\(place).1")]],
              "routes": [["dst": "0.0.0.0/0"]],
            ],
          ]))
      }
      let receiver: NetworkNamespace = try NetworkNamespace(path: second.namespacePath)
      func passes() throws -> Bool { try stage.inside { try Traffic.arrives(at: "10.88.1.2", in: receiver) } }
      #expect(try stage.inside { try Traffic.connects(to: "10.88.1.2", in: receiver) })
      let rules: FirewallRules = FirewallRules(family: .v4)
      var batch: Batch = Batch()
      batch.add(rules.table)
      batch.add(Chain(rules.table, "FORWARD", base: Chain.Base(.filter, .forward, priority: 0, acceptsByDefault: false)))
      var socket: NftablesSocket = try NftablesSocket()
      try socket.commit(batch)
      #expect(try !passes())
      var configuration: JSONValue = configuration(stage)
      configuration["prevResult"] = results[1]
      // The receiver's rules let it answer; to begin is the sender's.
      _ = try stage.ours(.add, configuration, id: "c2")
      #expect(try !passes())
      configuration["prevResult"] = results[0]
      _ = try stage.ours(.add, configuration, id: "c1")
      #expect(try passes())
      _ = try stage.ours(.delete, configuration, id: "c1")
      #expect(try !passes())
    }
  }

  @Test func `a failed ADD leaves nothing, and garbage collection what is valid`() throws {
    try Stage.run { stage in
      for (key, value) in [
        ("backend", "firewalld"), ("ingressPolicy", "closed"), ("iptablesAdminChainName", "CNI-FORWARD"),
        ("iptablesAdminChainName", "a b"), ("prevResult", .null),
      ] as [(String, JSONValue)] {
        var wrong: JSONValue = configuration(stage)
        wrong[key] = value
        #expect(throws: CNIError.self, "\(key) \(value.text)") { try stage.ours(.add, wrong) }
      }
      // A chain that is none for jumps: the kernel refuses the last of the changes.
      var socket: NftablesSocket = try NftablesSocket()
      #expect(try socket.tables().isEmpty)
      var batch: Batch = Batch()
      let table: Table = FirewallRules(family: .v6).table
      batch.add(table)
      batch.add(Chain(table, "MINE", base: Chain.Base(.filter, .forward, priority: 10)))
      try socket.commit(batch)
      var refused: JSONValue = configuration(stage)
      refused["iptablesAdminChainName"] = "MINE"
      #expect(throws: CNIError.self) { try stage.ours(.add, refused) }
      #expect(try socket.tables() == [table] && socket.chains(of: table) == ["MINE"])
      for id: String in ["2", "3", "4"] { _ = try stage.ours(.add, configuration(stage, id: id), id: "c\(id)") }
      var collection: JSONValue = configuration(stage)
      collection["cni.dev/valid-attachments"] = [["containerID": "c3", "ifname": "eth0"]]
      _ = try stage.ours(.collectGarbage, collection)
      #expect(try comments(.v6) == [FirewallRules.adminComment, "net/c3/eth0", "net/c3/eth0"])
    }
  }

  @Test(
    .enabled(if: Reference.isInstalled && access(save, X_OK) == 0, "the reference plugins or iptables are not installed"),
    arguments: ["open", "same-bridge"])
  func `iptables lists the rules that the reference plugin makes`(_ policy: String) throws {
    /// The rules without the comments that name containers and bridges, and without those that only return.
    func rules(_ stage: Stage) throws -> [String] {
      let output: [UInt8] = try PluginSystem.run(Self.save, input: [], environment: PluginSystem.environmentList()).output
      let lines: [String] = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
      return lines.filter { $0.hasPrefix("-A") && !$0.hasSuffix("-j RETURN") }.map { line in
        line.replacing(" -m comment --comment \"net/c1/eth0\"", with: "").replacing(" -m comment --comment net/c1/eth0", with: "")
          .replacing("same-bridge) br-a\"", with: "same-bridge)\"")
      }
    }
    func run(
      _ call: (Stage) -> (PluginCall.Command, JSONValue, String, String) throws -> JSONValue
    ) throws -> (result: JSONValue, with: [String], after: [String]) {
      try Stage.run { stage in
        var configuration: JSONValue = configuration(stage, version: "1.0.0")
        configuration["ingressPolicy"] = .string(policy)
        configuration["backend"] = "iptables"
        let result: JSONValue = try call(stage)(.add, configuration, "c1", "")
        let with: [String] = try rules(stage)
        _ = try call(stage)(.check, configuration, "c1", "")
        // Each finds what the other left.
        _ = try stage.ours(.add, configuration, id: "c2")
        _ = try stage.ours(.check, configuration, id: "c2")
        _ = try stage.ours(.delete, configuration, id: "c2")
        _ = try call(stage)(.delete, configuration, "c1", "")
        return (plain(result), with, try rules(stage))
      }
    }
    let ours = try run(Stage.ours)
    let theirs = try run(Stage.reference)
    #expect(ours.result == theirs.result)
    #expect(ours.with == theirs.with)
    if policy == "open" { #expect(ours.after == theirs.after) }
  }
}
