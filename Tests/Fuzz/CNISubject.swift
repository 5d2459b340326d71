// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON

@testable import CNIPlugins

/// What a CNI plugin gets: standard input, and the environment.
struct CNISubject: Subject {
  static let name: String = "cni"

  private static let seeds: [JSONValue] = [
    [
      "cniVersion": "1.1.0", "name": "net", "plugins": [
        ["type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "mtu": 1450, "ipam": [
          "type": "host-local", "ranges": [[["subnet": "10.1.0.0/16", "rangeStart": "10.1.0.5", "rangeEnd": "10.1.0.9", "gateway": "10.1.0.1"]]],
          "routes": [["dst": "0.0.0.0/0"]]]],
        ["type": "portmap", "capabilities": ["portMappings": true], "snat": true]],
    ],
    [
      "cniVersion": "0.4.0", "name": "net", "type": "bridge", "bridge": "cni0", "ipam": ["type": "host-local", "subnet": "10.1.0.0/24"],
      "runtimeConfig": ["portMappings": [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]],
      "prevResult": ["cniVersion": "0.4.0", "interfaces": [["name": "eth0", "mac": "00:11:22:33:44:55", "sandbox": "/x"]],
        "ips": [["version": "4", "address": "10.1.0.2/24", "gateway": "10.1.0.1", "interface": 0]], "routes": [["dst": "0.0.0.0/0"]], "dns": [:]],
    ],
    [
      "cniVersion": "1.0.0", "name": "net", "type": "tuning", "mac": "00:11:22:33:44:55", "mtu": 1400, "promisc": true, "allmulti": false,
      "txQLen": 100, "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1", "net/core/somaxconn": "500"], "runtimeConfig": ["mac": "02:11:22:33:44:55"],
      "ingressRate": 8000, "ingressBurst": 8000, "egressRate": 8000, "egressBurst": 8000, "shapedSubnets": [],
      "backend": "iptables", "iptablesAdminChainName": "MINE", "ingressPolicy": "open",
      "ipam": ["type": "static", "addresses": [["address": "10.1.0.5/24", "gateway": "10.1.0.1"]], "routes": [["dst": "::/0"]]],
    ],
    [
      "cniVersion": "0.2.0", "name": "net", "type": "portmap",
      "prevResult": ["cniVersion": "0.2.0", "ip4": ["ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [["dst": "0.0.0.0/0", "gw": "10.0.0.1"]]], "dns": [:]],
    ],
  ]
  private static let values: [JSONValue] = [
    "10.0.0.0/8", "10.0.0.0/33", "fd00::/64", "::/0", "0.0.0.0/0", "1.2.3.4", "256.1.1.1", "00:11:22:33:44:55", 0, -1, 65536, 4294967296, "1.1.0", "9.9.9", "", "tcp", true, [], [:],
  ]

  mutating func run(_ random: inout FuzzRandom) throws {
    var tree: JSONValue = random.pick(Self.seeds)
    for _ in 0..<random.below(4) { tree = Mutation.mutated(tree, &random) }
    if random.oneIn(2) { tree = Self.replaced(tree, random.pick(Self.values), &random) }
    let input: [UInt8] = random.oneIn(3) ? Mutation.mutated(tree.bytes, tokens: JSONSubject.tokens, &random) : tree.bytes
    FuzzInput.note(input)
    if let list: CNIConfigurationList = try? CNIConfigurationList(parsing: input) {
      for plugin: CNIConfigurationList.Plugin in list.plugins {
        let request: JSONValue = list.request(for: plugin, capabilityArguments: ["portMappings": []], previous: nil)
        try expect(try JSONValue(parsing: request.bytes).bytes == request.bytes, "a request is no JSON")
      }
    }
    try results(tree["prevResult"])
    try call(input, &random)
  }

  private static func replaced(_ tree: JSONValue, _ value: JSONValue, _ random: inout FuzzRandom) -> JSONValue {
    switch tree {
    case .object(var members) where members.count > 0:
      let key: String = random.pick(Array(members.keys))
      members[key] = replaced(members[key] ?? .null, value, &random)
      return .object(members)
    case .array(var items) where !items.isEmpty:
      let place: Int = random.below(items.count)
      items[place] = replaced(items[place], value, &random)
      return .array(items)
    default: return value
    }
  }

  /// A result that was read is written and read again in every version that can tell it.
  private func results(_ json: JSONValue) throws {
    guard let result: CNIResult = try? CNIResult(json: json) else { return }
    for version: CNIVersion in CNIVersion.all {
      guard let written: JSONValue = try? result.json(version: version) else { continue }
      let back: CNIResult = try CNIResult(json: written)
      try expect(back.ips.map(\.address) == result.ips.map(\.address) || !version.hasChaining, "version \(version) loses addresses: \(written.text)")
    }
  }

  private func call(_ input: [UInt8], _ random: inout FuzzRandom) throws {
    let arguments: String = random.pick(["", "IgnoreUnknown=1;K8S_POD_NAME=a", ";;", "=", "a=b=c", random.word()])
    guard let call: PluginCall = try? PluginCall(
      command: random.pick([.add, .delete, .check, .status, .collectGarbage, .version]), containerID: random.pick(["abc", "", "../x", random.word()]),
      namespacePath: "/proc/self/ns/net", interfaceName: random.pick(["eth0", "", "a/b", "toolonginterfacename", random.word()]),
      argumentText: arguments, path: random.pick(["/opt/cni/bin", "", ":"]), input: input)
    else { return }
    _ = try? call.validate(supported: CNIVersion.all)
    _ = try? call.previousResult()
    _ = call.validAttachments
    // Reading the configuration touches nothing of the machine.
    _ = try? BandwidthPlugin(call)
    _ = try? BridgePlugin(call)
    _ = try? FirewallPlugin(call)
    _ = try? HostLocalPlugin(call)
    _ = try? PointToPointPlugin(call)
    _ = try? PortmapPlugin(call)
    _ = try? StaticPlugin(call)
    _ = try? TuningPlugin(call)
  }
}
