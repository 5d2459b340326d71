// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import KubeValues

/// Quantities, times and addresses.
struct ValueSubject: Subject {
  static let name: String = "value"

  private static let quantities: [String] = ["1", "100m", "1.5Gi", "-3k", "2e3", "1E-3", "9223372036854775807", "0.000000001", "+5Ti", ".5", "5.", "12E", "1e400", "1e-400"]
  private static let times: [String] = [
    "2024-02-29T23:59:59Z", "2024-06-01T12:00:00.123456789+02:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00-23:59",
  ]
  private static let addresses: [String] = ["10.0.0.1", "fd00::1", "::", "::ffff:1.2.3.4", "10.0.0.0/8", "fd00::/64", "00:11:22:33:44:55", "1.2.3", "255.255.255.255/32", "::/0"]
  private static let tokens: [String] = ["e", "E", "m", "Ki", ".", "-", "+", "0", "9999999999", "T", "Z", ":", "::", "/", "n", "24", "60"]

  mutating func run(_ random: inout FuzzRandom) throws {
    let seed: String = random.pick(random.pick([Self.quantities, Self.times, Self.addresses]))
    let input: [UInt8] = Mutation.mutated(Array(seed.utf8), tokens: Self.tokens, &random)
    FuzzInput.note(input)
    let text: String = String(decoding: input, as: UTF8.self)
    if let quantity: ResourceQuantity = ResourceQuantity(text) { try look(at: quantity, text) }
    if let time: Timestamp = try? Timestamp(parsing: text) {
      let back: Timestamp = try Timestamp(parsing: time.rfc3339Nano)
      try expect(back == time, "\(text) is written as \(time.rfc3339Nano)")
      _ = (time.rfc3339, time.rfc3339Micro, time.timeInterval)
    }
    if let address: IPAddress = IPAddress(text) {
      try expect(IPAddress(address.description) == address, "\(text) is written as \(address)")
    }
    if let prefix: IPPrefix = IPPrefix(text) {
      try expect(IPPrefix(prefix.description) == prefix, "\(text) is written as \(prefix)")
      if let address: IPAddress = IPAddress("10.1.2.3") { _ = prefix.contains(address) }
    }
    _ = MACAddress(text)
  }

  private func look(at quantity: ResourceQuantity, _ text: String) throws {
    guard let back: ResourceQuantity = ResourceQuantity(quantity.description) else {
      throw FuzzFailure("\(text) is written as \(quantity), which is no quantity")
    }
    try expect(back == quantity, "\(text) is written as \(quantity)")
    try expect(back.description == quantity.description, "\(quantity) is not stable: \(back)")
    // A sum of many, as of a namespace's pods.
    var sum: ResourceQuantity = .zero
    for _ in 0..<10 { sum += quantity }
    _ = (sum.description, sum.value, sum.milliValue, quantity < sum, (quantity - sum).value)
  }
}
