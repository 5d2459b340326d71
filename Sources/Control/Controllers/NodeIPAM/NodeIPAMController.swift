// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeMeta

/// Gives every node a range of the cluster's pod addresses.
final class NodeIPAMController: Controller {
  static let name: String = "node-ipam-controller"
  static let account: String = "node-controller"

  private let context: ControllerContext
  private let nodes: Informer<Node>
  private let ranges: [AddressRange]
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    nodes = context.informers.informer(Node.self)
    ranges = context.configuration.clusterCIDR.split(separator: ",").compactMap { text in
      AddressRange(text, nodeBits: context.configuration.nodeCIDRMaskSize)
    }
    nodes.addHandler { [queue] event in
      if case .added(let node) = event, node.spec.podCidrs.isEmpty, node.spec.podCidr.isEmpty {
        queue.add(node.metadata.name)
      }
    }
  }

  func run() async throws {
    guard context.configuration.allocatesNodeCIDRs, !ranges.isEmpty else {
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
    // One worker: two nodes must not get the same range.
    try await context.run(queue, name: Self.name, workers: 1) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let node: Node = nodes.get(name: name), node.spec.podCidrs.isEmpty else { return }
    let taken: Set<String> = Set(nodes.list().flatMap { $0.spec.podCidrs + [$0.spec.podCidr] })
    var chosen: [String] = []
    for range: AddressRange in ranges {
      guard let free: String = range.subnets().first(where: { !taken.contains($0) }) else {
        throw KubeClientError(.invalidConfiguration, "no range is left in \(range) for node \(name)")
      }
      chosen.append(free)
    }
    let change: JSONValue = ["spec": ["podCIDR": .string(chosen[0]), "podCIDRs": JSONValue(chosen)]]
    do throws(KubeClientError) {
      nodes.remember(try await context.client.patch(Node.self, name: name, .strategic(change)))
    } catch {
      guard error.isNotFound else { throw error }
    }
  }
}

/// A range of addresses that is cut into equal parts.
struct AddressRange: Sendable, CustomStringConvertible {
  private let bytes: [UInt8]
  private let prefix: Int
  private let nodePrefix: Int
  let description: String

  init?(_ text: Substring, nodeBits: Int?) {
    let parts: [Substring] = text.split(separator: "/")
    guard parts.count == 2, let prefix: Int = Int(parts[1]), let bytes: [UInt8] = Self.parse(parts[0]) else {
      return nil
    }
    self.bytes = bytes
    self.prefix = prefix
    nodePrefix = max(prefix, nodeBits ?? (bytes.count == 4 ? 24 : 64))
    guard prefix >= 0, nodePrefix <= bytes.count * 8 else { return nil }
    description = String(text)
  }

  private static func parse(_ text: Substring) -> [UInt8]? {
    if !text.contains(":") {
      let bytes: [UInt8] = text.split(separator: ".").compactMap { UInt8($0) }
      return bytes.count == 4 ? bytes : nil
    }
    let halves: [Substring] = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    func groups(_ text: Substring) -> [UInt8] {
      text.split(separator: ":").flatMap { group -> [UInt8] in
        let value: UInt16 = UInt16(group, radix: 16) ?? 0
        return [UInt8(value >> 8), UInt8(value & 255)]
      }
    }
    let front: [UInt8] = groups(halves[0])
    let back: [UInt8] = halves.count > 1 ? groups(halves[1]) : []
    guard front.count + back.count <= 16 else { return nil }
    return front + Array(repeating: 0, count: 16 - front.count - back.count) + back
  }

  /// The parts, in order; at most 65,536 of them.
  func subnets() -> some Sequence<String> {
    let count: Int = 1 << min(nodePrefix - prefix, 16)
    return (0..<count).lazy.map { index in
      var address: [UInt8] = bytes
      for bit: Int in prefix..<bytes.count * 8 { address[bit / 8] &= ~(UInt8(0x80) >> UInt8(bit % 8)) }
      for bit: Int in 0..<min(nodePrefix - prefix, 16) where index & (1 << bit) != 0 {
        let place: Int = nodePrefix - 1 - bit
        address[place / 8] |= UInt8(0x80) >> UInt8(place % 8)
      }
      return Self.text(address) + "/\(nodePrefix)"
    }
  }

  private static func text(_ bytes: [UInt8]) -> String {
    if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
    let groups: [UInt16] = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    // The prefix of a node ends in zeros: the run at the end is the one to shorten.
    var last: Int = 8
    while last > 0, groups[last - 1] == 0 { last -= 1 }
    let front: String = groups[..<last].map { String($0, radix: 16) }.joined(separator: ":")
    return last < 7 ? front + "::" : groups.map { String($0, radix: 16) }.joined(separator: ":")
  }
}
