// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import JSON
import Testing

@testable import CNISpec

@Suite struct CNISpecTests {
  private let newest: JSONValue = [
    "cniVersion": "1.1.0",
    "interfaces": [
      ["name": "br0", "mac": "02:00:00:00:00:01", "mtu": 1500],
      ["name": "eth0", "mac": "02:00:00:00:00:02", "mtu": 1500, "sandbox": "/run/netns/a"],
    ],
    "ips": [
      ["interface": 1, "address": "10.1.0.5/16", "gateway": "10.1.0.1"],
      ["interface": 1, "address": "fd00::5/64", "gateway": "fd00::1"],
    ],
    "routes": [["dst": "0.0.0.0/0"], ["dst": "10.9.0.0/16", "gw": "10.1.0.9", "mtu": 1400, "table": 7]],
    "dns": ["nameservers": ["10.96.0.10"], "search": ["a.b"]],
  ]

  @Test func `a result of the newest version comes back as it was`() throws {
    #expect(try CNIResult(json: newest).json(version: .current) == newest)
  }

  @Test func `older versions leave out what they do not know`() throws {
    let result: CNIResult = try CNIResult(json: newest)
    let old: JSONValue = try result.json(version: CNIVersion(0, 4, 0))
    #expect(old["ips"][0] == ["version": "4", "interface": 1, "address": "10.1.0.5/16", "gateway": "10.1.0.1"])
    #expect(old["ips"][1]["version"] == "6" && old["interfaces"][0]["mtu"].isNull && old["routes"][1]["table"].isNull)
    let oldest: JSONValue = try result.json(version: CNIVersion(0, 2, 0))
    #expect(
      oldest == [
        "cniVersion": "0.2.0",
        "ip4": [
          "ip": "10.1.0.5/16", "gateway": "10.1.0.1",
          "routes": [["dst": "0.0.0.0/0"], ["dst": "10.9.0.0/16", "gw": "10.1.0.9"]],
        ],
        "ip6": ["ip": "fd00::5/64", "gateway": "fd00::1"],
        "dns": ["nameservers": ["10.96.0.10"], "search": ["a.b"]],
      ])
    #expect(try CNIResult(json: oldest).ips.map(\.address.description) == ["10.1.0.5/16", "fd00::5/64"])
    #expect(throws: CNIError.self) { try CNIResult().json(version: CNIVersion(0, 1, 0)) }
  }

  @Test func `a result of an unknown version is refused with code 1`() {
    let error: CNIError? = #expect(throws: CNIError.self) { try CNIResult(json: ["cniVersion": "9.0.0"]) }
    #expect(error?.code == CNIError.Code.incompatibleVersion)
  }

  @Test func `a list hands each plugin its own configuration`() throws {
    let list: CNIConfigurationList = try CNIConfigurationList(
      parsing: Array(
        """
        {"cniVersion": "0.4.0", "cniVersions": ["0.4.0", "1.1.0", "7.0.0"], "name": "net", "disableCheck": "true",
         "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}},
                     {"type": "portmap", "capabilities": {"portMappings": true, "off": false}}]}
        """.utf8))
    #expect(list.version == CNIVersion(1, 1, 0) && list.isCheckDisabled && !list.isGarbageCollectionDisabled)
    let request: JSONValue = list.request(
      for: list.plugins[1], capabilityArguments: JSONObject.of(["portMappings": [], "off": 1, "dns": [:]]), previous: newest)
    #expect(request["name"] == "net" && request["cniVersion"] == "1.1.0" && request["prevResult"] == newest)
    #expect(request["runtimeConfig"] == ["portMappings": []])
    #expect(list.request(for: list.plugins[0], capabilityArguments: JSONObject(), previous: nil)["runtimeConfig"].isNull)
  }

  @Test(arguments: [
    "", "[]", "{}", #"{"name": "x"}"#, #"{"name": "x", "plugins": []}"#, #"{"name": "x", "plugins": [{}]}"#,
    #"{"name": "../x", "type": "bridge"}"#, #"{"name": "x", "type": "bridge", "cniVersion": "2.0.0"}"#,
    #"{"name": "x", "type": "a/b"}"#, #"{"name": "x", "type": "bridge", "disableGC": 3}"#,
  ])
  func `a list that is none is refused`(text: String) {
    #expect(throws: CNIError.self) { try CNIConfigurationList(parsing: Array(text.utf8)) }
  }

  @Test func `names from outside are checked`() {
    for text: String in ["", ".", "..", "a/b", "a:b", "a b", "0123456789abcdef"] {
      #expect(throws: CNIError.self) { try CNIValidation.interfaceName(text) }
    }
    for text: String in ["", "-a", "a/b", "ä"] { #expect(throws: CNIError.self) { try CNIValidation.containerID(text) } }
    #expect(throws: Never.self) { try CNIValidation.containerID("a-b_c.1") }
  }
}

extension JSONObject {
  static func of(_ value: JSONValue) -> JSONObject { value.object ?? JSONObject() }
}
