// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Foundation
import JSON
import Netlink
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "links need root")) struct BandwidthTests {
  private static let limits: JSONValue = [
    "ingressRate": 800_000, "ingressBurst": 320_000, "egressRate": 400_000, "egressBurst": 160_000,
  ]

  /// Attaches a container by ptp; the configuration of bandwidth that comes next.
  private func configuration(_ stage: Stage, version: String = "1.1.0", limits: JSONValue = limits) throws -> JSONValue {
    let first: JSONValue = [
      "cniVersion": .string(version), "name": "net", "type": "ptp",
      "ipam": ["type": "static", "addresses": [["address": "10.88.0.2/24", "gateway": "10.88.0.1"]]],
    ]
    return [
      "cniVersion": .string(version), "name": "net", "type": "bandwidth", "prevResult": try stage.ours(.add, first),
      "runtimeConfig": ["bandwidth": limits],
    ]
  }

  /// How each link of the host queues; the names that are chosen by chance or by a hash are left out.
  private func queueings() throws -> [String] {
    var socket: NetlinkSocket = try NetlinkSocket(.route)
    var lines: [String] = []
    for link: Link in try socket.links() where !link.isLoopback {
      for queueing: Queueing in try socket.queueings(of: link.index) {
        lines.append(
          "\(link.kind) \(queueing.kind) \(queueing.parent) \(queueing.bytesPerSecond ?? 0) \(queueing.limitBytes ?? 0) \(link.mtu)")
      }
    }
    return lines.sorted()
  }

  /// How many of 300 datagrams get through.
  private func received(at address: String, in receiver: borrowing NetworkNamespace) throws -> Int {
    try Traffic.count(of: 300, at: address, in: receiver)
  }

  @Test func `both directions are limited until DEL`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = try configuration(stage)
      let container: NetworkNamespace = try NetworkNamespace(path: stage.namespacePath)
      let host: NetworkNamespace = try .current()
      let before: [String] = try picture()
      #expect(try Traffic.connects(to: "10.88.0.2", in: container))
      #expect(try received(at: "10.88.0.2", in: container) == 300)
      #expect(try stage.inside { try received(at: "10.88.0.1", in: host) } == 300)
      let result: JSONValue = try stage.ours(.add, configuration)
      configuration["prevResult"] = result
      let name: String = try #require(result["interfaces"].items.last?["name"].string)
      #expect(result["interfaces"].items.count == 3 && name.hasPrefix("bwp") && name.utf8.count == 15)
      _ = try stage.ours(.check, configuration)
      // A token bucket that was full lets its burst through, and what it gets meanwhile.
      #expect((1..<200).contains(try received(at: "10.88.0.2", in: container)))
      #expect((1..<200).contains(try stage.inside { try received(at: "10.88.0.1", in: host) }))
      var other: JSONValue = configuration
      other["runtimeConfig"]["bandwidth"]["egressRate"] = 900_000
      #expect(throws: CNIError.self) { try stage.ours(.check, other) }
      for _ in 0..<2 { _ = try stage.ours(.delete, configuration) }
      #expect(throws: CNIError.self) { try stage.ours(.check, configuration) }
      #expect(try picture() == before)
    }
  }

  @Test func `without a device of its own the container's end is limited`() throws {
    try Stage.run { stage in
      let configuration: JSONValue = try configuration(stage, limits: ["egressRate": 400_000, "egressBurst": 160_000])
      let bucket: TokenBucket = TokenBucket(bytesPerSecond: 50_000, burstBytes: 20_000, latencyMilliseconds: 25)
      try BandwidthPlugin(try stage.call(.add, configuration)).limitInside(bucket)
      let host: NetworkNamespace = try .current()
      #expect(try stage.inside { try Traffic.connects(to: "10.88.0.1", in: host) })
      #expect((1..<200).contains(try stage.inside { try received(at: "10.88.0.1", in: host) }))
      _ = try stage.ours(.check, configuration)
    }
  }

  @Test func `a failed ADD leaves nothing`() throws {
    try Stage.run { stage in
      let good: JSONValue = try configuration(stage)
      let before: ([String], [String]) = (try picture(), try queueings())
      for (key, value) in [
        ("ingressRate", 0), ("ingressBurst", 0), ("egressBurst", 68_719_476_736), ("egressRate", -1), ("egressRate", "1M"),
        ("shapedSubnets", ["10.0.0.0/8"]), ("egressRate", 4),
      ] as [(String, JSONValue)] {
        var wrong: JSONValue = good
        wrong["runtimeConfig"]["bandwidth"][key] = value
        #expect(throws: CNIError.self, "\(key) \(value.text)") { try stage.ours(.add, wrong) }
        #expect(try picture() == before.0 && queueings() == before.1)
      }
      var unchained: JSONValue = good
      unchained["prevResult"] = .null
      #expect(throws: CNIError.self) { try stage.ours(.add, unchained) }
      // Somebody else has a filter at the host's link: what was done until then is taken back.
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      let host: Link = try #require(try socket.links().first { $0.kind == "veth" })
      try socket.perform(.addIngressQueueing(to: host.index))
      let then: [String] = try queueings()
      #expect(throws: CNIError.self) { try stage.ours(.add, good) }
      #expect(try picture() == before.0 && queueings() == then)
    }
  }

  @Test func `garbage collection deletes the devices of its own network alone`() throws {
    try Stage.run { stage in
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      let host: Link = try socket.existingLink(.name("lo"))
      for (network, id) in [("net", "c1"), ("net", "c2"), ("other", "c1")] {
        let device: EgressDevice = EgressDevice(
          ownership: Ownership(network: network), attachment: Attachment(containerID: id, interfaceName: "eth0"))
        // What a process left that died is replaced.
        for _ in 0..<2 { _ = try device.create(like: host, &socket) }
      }
      let configuration: JSONValue = [
        "cniVersion": "1.1.0", "name": "net", "type": "bandwidth",
        "cni.dev/valid-attachments": [["containerID": "c2", "ifname": "eth0"]],
      ]
      for _ in 0..<2 { _ = try stage.ours(.collectGarbage, configuration) }
      #expect(try Set(socket.links().map(\.alias)) == ["", "net/c2/eth0", "other/c1/eth0"])
    }
  }

  @Test(.enabled(if: Reference.isInstalled, "the reference plugins are not installed"), arguments: ["0.3.1", "1.0.0"])
  func `queues and results are those of the reference plugin`(_ version: String) throws {
    func run(
      _ call: (Stage) -> (PluginCall.Command, JSONValue, String, String) throws -> JSONValue
    ) throws -> (result: JSONValue, queues: [String], after: [String]) {
      try Stage.run { stage in
        var configuration: JSONValue = try configuration(stage, version: version)
        var result: JSONValue = try call(stage)(.add, configuration, "c1", "")
        configuration["prevResult"] = result
        if version == "1.0.0" { _ = try call(stage)(.check, configuration, "c1", "") }
        let queues: [String] = try queueings()
        _ = try call(stage)(.delete, configuration, "c1", "")
        result["interfaces"] = .array(
          result["interfaces"].items.map { interface in
            var interface: JSONValue = interface
            if let name = interface["name"].string, name.hasPrefix("bwp") { interface["name"] = JSONValue(name.utf8.count) }
            return interface
          })
        return (plain(result), queues, try queueings())
      }
    }
    let ours = try run(Stage.ours)
    let theirs = try run(Stage.reference)
    #expect(ours.result == theirs.result)
    #expect(ours.queues == theirs.queues)
    #expect(ours.after == theirs.after)
  }
}
