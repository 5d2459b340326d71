// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import Foundation
import JSON
import Netlink
import Nftables
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "links need root")) struct CNIPluginsTests {
  @Test func `a container is attached, checked and detached twice`() throws {
    try Stage.run { stage in
      let result: CNIResult = try BridgePlugin(try stage.call(.add, stage.bridge)).add()
      #expect(result.ips.map(\.address.description) == ["10.88.0.2/24"] && result.ips[0].gateway?.description == "10.88.0.1")
      #expect(result.interfaces.map(\.name).first == "br-test" && result.interfaces[2].sandbox == stage.namespacePath)
      #expect(stage.leases == ["10.88.0.2"])
      var after: JSONValue = stage.bridge
      after["prevResult"] = try result.json(version: .current)
      try BridgePlugin(try stage.call(.check, after)).check()
      var nftables: NftablesSocket = try NftablesSocket()
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).map(\.comment) == ["net/c1/eth0"])
      for _ in 0..<2 { try BridgePlugin(try stage.call(.delete, after)).delete() }
      #expect(throws: CNIError.self) { try BridgePlugin(try stage.call(.check, after)).check() }
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      #expect(try socket.links().map(\.kind).filter { $0 == "veth" }.isEmpty && stage.leases.isEmpty)
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).isEmpty)
    }
  }

  @Test func `a failed ADD leaves nothing`() throws {
    try Stage.run { stage in
      _ = try BridgePlugin(try stage.call(.add, stage.bridge)).add()
      // The container has its eth0 already.
      let error: CNIError? = #expect(throws: CNIError.self) {
        try BridgePlugin(try stage.call(.add, stage.bridge, id: "c2")).add()
      }
      #expect(error?.message.contains("already exists") == true, "\(String(describing: error))")
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      #expect(try socket.links().filter { $0.kind == "veth" }.count == 1 && stage.leases == ["10.88.0.2"])
    }
  }

  @Test func `addresses go round and come back after garbage collection`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = stage.bridge
      configuration["ipam"]["ranges"] = [[["subnet": "10.88.0.0/29"]]]
      func add(_ id: String) throws -> String {
        try HostLocalPlugin(try stage.call(.add, configuration, id: id)).add().ips[0].address.address.description
      }
      #expect(try (1...5).map { try add("c\($0)") } == (2...6).map { "10.88.0.\($0)" })
      #expect(throws: CNIError.self) { try add("c6") }
      #expect(throws: CNIError.self) { try add("c1") }
      configuration["cni.dev/valid-attachments"] = [["containerID": "c2", "ifname": "eth0"]]
      try HostLocalPlugin(try stage.call(.collectGarbage, configuration)).collectGarbage()
      #expect(stage.leases == ["10.88.0.3"])
      #expect(try add("c7") == "10.88.0.2" && add("c8") == "10.88.0.4")
    }
  }

  @Test func `ports are mapped once and gone after DEL`() throws {
    try Stage.run { stage in
      let result: CNIResult = try BridgePlugin(try stage.call(.add, stage.bridge)).add()
      let configuration: JSONValue = [
        "cniVersion": "1.1.0", "name": "net", "type": "portmap", "prevResult": try result.json(version: .current),
        "runtimeConfig": [
          "portMappings": [
            ["hostPort": 8080, "containerPort": 80, "protocol": "tcp"],
            ["hostPort": 53, "containerPort": 5353, "protocol": "UDP", "hostIP": "127.0.0.1"], ["containerPort": 9],
          ]
        ],
      ]
      let ports: HostPorts = HostPorts(family: .v4)
      for _ in 0..<2 {
        #expect(try PortmapPlugin(try stage.call(.add, configuration)).add() == result)
        try PortmapPlugin(try stage.call(.check, configuration)).check()
      }
      var socket: NftablesSocket = try NftablesSocket()
      #expect(
        try socket.elements(of: HostPorts.anyAddress, in: ports.table) == [
          SetElement(
            key: [6, 0, 0, 0, 0x1F, 0x90, 0, 0], value: .bytes([10, 88, 0, 2, 0, 80, 0, 0]), comment: "net/c1/eth0")
        ])
      #expect(try socket.elements(of: HostPorts.oneAddress, in: ports.table).count == 1)
      for _ in 0..<2 { try PortmapPlugin(try stage.call(.delete, configuration)).delete() }
      for set: String in HostPorts.sets { #expect(try socket.elements(of: set, in: ports.table).isEmpty) }
    }
  }

  @Test func `what belongs to names of any length is found again`() throws {
    let long: String = String(repeating: "n", count: 100)
    let ids: [String] = ["c", String(repeating: "c", count: 64), long + "1", long + "2"]
    for network: String in ["net", long + "1"] {
      let ownership: Ownership = Ownership(network: network)
      let attachments: [CNIPlugins.Attachment] = ids.map { CNIPlugins.Attachment(containerID: $0, interfaceName: "eth0") }
      let comments: [String] = attachments.map(ownership.comment)
      #expect(Set(comments).count == ids.count && comments.allSatisfy { $0.utf8.count <= 127 })
      #expect(comments.filter(ownership.isStale(keeping: Set(attachments.dropFirst(2)))) == Array(comments.prefix(2)))
      #expect(comments.filter(Ownership(network: long + "2").isStale(keeping: [])).isEmpty)
    }
    #expect(Ownership(network: "net").comment(CNIPlugins.Attachment(containerID: "c", interfaceName: "eth0")) == "net/c/eth0")
    try Stage.run { stage in
      var configuration: JSONValue = stage.bridge
      configuration["name"] = .string(long)
      let id: String = String(repeating: "c", count: 64)
      _ = try stage.ours(.add, configuration, id: id)
      var nftables: NftablesSocket = try NftablesSocket()
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).count == 1)
      _ = try stage.ours(.delete, configuration, id: id)
      #expect(try nftables.elements(of: "sources", in: Masquerade.table(.v4)).isEmpty)
    }
  }

  @Test func `calls that break the protocol are refused with its codes`() throws {
    func code(_ command: PluginCall.Command, _ input: String, id: String = "c", path: String = "/x") -> Int64? {
      do throws(CNIError) {
        let call: PluginCall = try PluginCall(
          command: command, containerID: id, namespacePath: "/n", interfaceName: "eth0", argumentText: "", path: path,
          input: Array(input.utf8))
        try call.validate(supported: CNIVersion.all)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(.add, #"{"cniVersion": "1.0.0", "name": "n"}"#) == nil)
    #expect(code(.add, "{") == 6 && code(.add, "[]") == 6)
    #expect(code(.add, #"{"cniVersion": "3.0.0", "name": "n"}"#) == 1)
    #expect(code(.check, #"{"cniVersion": "0.3.1", "name": "n"}"#) == 1)
    #expect(code(.status, #"{"cniVersion": "1.0.0", "name": "n"}"#) == 1)
    #expect(code(.add, #"{"cniVersion": "1.0.0"}"#) == 7)
    #expect(code(.add, #"{"cniVersion": "1.0.0", "name": "n"}"#, id: "") == 4)
    #expect(code(.add, #"{"cniVersion": "1.0.0", "name": "n"}"#, id: "../x") == 4)
    #expect(code(.delete, #"{"cniVersion": "1.0.0", "name": "n"}"#, path: "") == 4)
  }
}
