// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Foundation
import JSON
import Testing

@testable import CNIPlugins

@Suite(.enabled(if: geteuid() == 0, "namespaces need root")) struct StaticTests {
  private static func configuration(version: String, addresses: JSONValue) -> JSONValue {
    [
      "cniVersion": .string(version), "name": "net", "type": "static",
      "ipam": [
        "type": "static", "addresses": addresses, "routes": [["dst": "0.0.0.0/0"], ["dst": "10.5.0.0/16", "gw": "10.1.0.9"]],
        "dns": ["nameservers": ["10.1.0.53"], "domain": "a.test", "search": ["a.test"], "options": ["ndots:2"]],
      ],
    ]
  }

  private static let one: JSONValue = [["address": "10.1.0.5/24", "gateway": "10.1.0.1"]]
  private static let both: JSONValue = [
    ["address": "10.1.0.5/24", "gateway": "10.1.0.1"], ["address": "3ffe:ffff:0:1ff::2/64", "gateway": "3ffe:ffff:0:1ff::1"],
  ]

  @Test(
    .enabled(if: Reference.isInstalled, "the reference plugins are not installed"),
    arguments: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"])
  func `results are those of the reference plugin`(_ version: String) throws {
    try Stage.run { stage in
      for (addresses, arguments) in [
        (Self.one, ""), (Self.both, ""), ([], "IP=10.7.0.3/16;GATEWAY=10.7.0.1"), (Self.one, "IgnoreUnknown=1;IP=fd00::3/64"),
      ] as [(JSONValue, String)] {
        let configuration: JSONValue = Self.configuration(version: version, addresses: addresses)
        let ours: JSONValue = try stage.ours(.add, configuration, arguments: arguments)
        #expect(try stage.reference(.add, configuration, arguments: arguments) == ours, "\(arguments)")
        #expect(try stage.ours(.delete, configuration) == [:])
      }
      for wish: JSONValue in [["args": ["cni": ["ips": ["10.8.0.3/16"]]]], ["runtimeConfig": ["ips": ["10.9.0.3/16", "fd00::4/64"]]]] {
        var configuration: JSONValue = Self.configuration(version: version, addresses: Self.one)
        for (key, value) in try #require(wish.object) { configuration[key] = value }
        #expect(try stage.reference(.add, configuration) == stage.ours(.add, configuration), "\(wish.text)")
      }
    }
  }

  @Test func `CHECK finds what ADD told, and only that`() throws {
    try Stage.run { stage in
      var configuration: JSONValue = Self.configuration(version: "1.1.0", addresses: Self.both)
      configuration["prevResult"] = try stage.ours(.add, configuration)
      _ = try stage.ours(.check, configuration)
      configuration["prevResult"]["ips"] = [["address": "10.1.0.6/24", "gateway": "10.1.0.1"]]
      #expect(throws: CNIError.self) { try stage.ours(.check, configuration) }
    }
  }

  @Test func `what is no address is refused`() throws {
    try Stage.run { stage in
      for addresses: JSONValue in [[["address": "10.1.0.5"]], [["address": 7]], [[:]], [["address": "10.1.0.5/24", "gateway": "x"]]] {
        let error: CNIError? = #expect(throws: CNIError.self) {
          try stage.ours(.add, Self.configuration(version: "1.1.0", addresses: addresses))
        }
        #expect(error?.code == 7)
      }
      let two: JSONValue = [["address": "10.1.0.5/24"], ["address": "10.1.0.6/24"]]
      #expect(throws: CNIError.self) { try stage.ours(.add, Self.configuration(version: "0.2.0", addresses: two)) }
      let result: JSONValue = try stage.ours(.add, Self.configuration(version: "0.3.1", addresses: two))
      #expect(result["ips"].items.count == 2)
    }
  }
}
