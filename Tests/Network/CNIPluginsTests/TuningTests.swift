// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Foundation
import JSON
import Netlink
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "links need root")) struct TuningTests {
  /// A container with a link, and a configuration that tunes it.
  private func configuration(_ stage: Stage, version: String = "1.1.0") throws -> JSONValue {
    var socket: NetlinkSocket = try NetlinkSocket(.route)
    try socket.perform(.createVethPair(LinkSettings(name: "host0"), peer: LinkSettings(name: "eth0", namespace: stage.container)))
    return [
      "cniVersion": .string(version), "name": "net", "type": "tuning", "dataDir": .string(stage.folder + "/tuning"),
      "mac": "c2:b0:57:49:47:f1", "mtu": 1454, "promisc": true, "allmulti": true,
      "sysctl": ["net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"],
      "prevResult": [
        "cniVersion": .string(version), "interfaces": [["name": "eth0", "mac": "00:11:22:33:44:55", "sandbox": .string(stage.namespacePath)]],
        "ips": [["address": "10.1.0.2/24", "interface": 0, "version": "4"]], "dns": [:],
      ],
    ]
  }

  private func state(_ stage: Stage) throws -> [String] {
    try stage.inside {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      let link: Link = try socket.existingLink(.name("eth0"))
      let settings: [String] = try ["net/core/somaxconn", "net/ipv4/conf/eth0/arp_filter"].map { try Sysctl.get($0) ?? "" }
      return try picture() + settings + [link.mac == MACAddress("c2:b0:57:49:47:f1") ? "tuned" : "own"]
    }
  }

  private func backups(_ stage: Stage) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: stage.folder + "/tuning")) ?? []
  }

  @Test func `a link is tuned, checked and given back twice`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = try configuration(stage)
      configuration["txQLen"] = 77
      let before: [String] = try state(stage)
      let isOfLink: (String) -> Bool = { $0.hasPrefix("link") || $0.hasPrefix("queue") || $0 == "own" }
      let result: JSONValue = try stage.ours(.add, configuration)
      #expect(result["interfaces"].items[0]["mac"] == "c2:b0:57:49:47:f1" && result["interfaces"].items[0]["mtu"] == 1454)
      #expect(try state(stage).contains("link eth0 veth mtu 1454 up false promiscuous true multicast true"))
      #expect(try state(stage).contains("queue eth0 77"))
      #expect(try state(stage).suffix(3) == ["500", "1", "tuned"])
      #expect(backups(stage) == ["c1_eth0.json"])
      _ = try stage.ours(.check, configuration)
      for (key, other) in [("mtu", 1300), ("txQLen", 3), ("allmulti", false), ("mac", "c2:b0:57:49:47:f2")] as [(String, JSONValue)] {
        var wrong: JSONValue = configuration
        wrong[key] = other
        let error: CNIError? = #expect(throws: CNIError.self) { try stage.ours(.check, wrong) }
        #expect(error?.message.contains(key) == true)
      }
      for _ in 0..<2 { _ = try stage.ours(.delete, configuration) }
      #expect(try state(stage).filter (isOfLink) == before.filter(isOfLink))
      #expect(backups(stage).isEmpty)
    }
  }

  @Test func `a failed ADD leaves nothing`() throws {
    try Stage.run { stage in
      let good: JSONValue = try configuration(stage)
      let before: [String] = try state(stage)
      var wrongs: [JSONValue] = []
      for (key, value) in [
        ("mac", "01:00:5e:00:00:01"), ("mac", "xyz"), ("mtu", 70_000), ("promisc", "yes"), ("sysctl", ["kernel.hostname": "x"]),
        ("sysctl", ["net.core.somaxconn": "600", "net.nothing": "1"]), ("sysctl", ["net.core.somaxconn": 600]),
        ("sysctl", ["net/../kernel/hostname": "x"]), ("sysctl", ["net.core.somaxconn": "600", "net.ipv4.conf.IFNAME.arp_filter": "x"]),
        ("prevResult", .null),
      ] as [(String, JSONValue)] {
        wrongs.append(good)
        wrongs[wrongs.count - 1][key] = value
      }
      for wrong: JSONValue in wrongs {
        #expect(throws: CNIError.self, "\(wrong.text)") { try stage.ours(.add, wrong) }
        #expect(try state(stage) == before && backups(stage).isEmpty, "\(wrong.text)")
      }
    }
  }

  @Test func `garbage collection forgets the links of its own network alone`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = try configuration(stage)
      for id: String in ["c1", "c2"] { _ = try stage.ours(.add, configuration, id: id) }
      configuration["name"] = "other"
      _ = try stage.ours(.add, configuration, id: "c3")
      configuration["name"] = "net"
      configuration["cni.dev/valid-attachments"] = [["containerID": "c2", "ifname": "eth0"]]
      _ = try stage.ours(.collectGarbage, configuration)
      #expect(backups(stage).sorted() == ["c2_eth0.json", "c3_eth0.json"])
    }
  }

  @Test func `the administrator's list decides what may be changed`() throws {
    let list: SysctlAllowlist = SysctlAllowlist(text: "^net\\.core\\.\n\n  ^net.ipv4.conf.IFNAME.[a-z_]*$\n")
    func setting(_ name: String) -> [TuningConfiguration.Setting] { [.init(path: "", name: name, value: "1")] }
    try list.check(setting("net.core.somaxconn"))
    try list.check(setting("net.ipv4.conf.IFNAME.arp_filter"))
    #expect(throws: CNIError.self) { try list.check(setting("net.ipv4.ip_forward")) }
    #expect(throws: CNIError.self) { try SysctlAllowlist(text: "(").check(setting("net.core.somaxconn")) }
  }

  @Test(.enabled(if: Reference.isInstalled, "the reference plugins are not installed"), arguments: ["0.3.1", "1.0.0"])
  func `the link and the result are those of the reference plugin, which gives back what we keep`(_ version: String) throws {
    typealias Call = (Stage) -> (PluginCall.Command, JSONValue, String, String) throws -> JSONValue
    func run(_ add: Call, _ delete: Call) throws -> [String] {
      try Stage.run { stage in
        let configuration: JSONValue = try configuration(stage, version: version)
        let result: JSONValue = try add(stage)(.add, configuration, "c1", "MAC=c2:b0:57:49:47:f1")
        var lines: [String] = try state(stage) + [plain(result).text, result["interfaces"].items[0]["mac"].text]
        // The reference looks for a setting of a link named IFNAME.
        if version == "1.0.0" { _ = try stage.ours(.check, configuration) }
        _ = try delete(stage)(.delete, configuration, "c1", "")
        lines += try state(stage) + backups(stage)
        return lines
      }
    }
    let theirs: [String] = try run(Stage.reference, Stage.reference)
    #expect(try run(Stage.ours, Stage.ours) == theirs)
    #expect(try run(Stage.ours, Stage.reference) == theirs)
    #expect(try run(Stage.reference, Stage.ours) == theirs)
  }
}
