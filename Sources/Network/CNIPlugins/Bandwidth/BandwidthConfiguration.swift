// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON
import Netlink

/// The configuration of the bandwidth plugin, with the reference's field names and defaults.
struct BandwidthConfiguration {
  /// What the container may receive; nil is no limit.
  var ingress: TokenBucket?
  /// What the container may send; nil is no limit.
  var egress: TokenBucket?

  /// How long a packet may wait for tokens, as the reference has it.
  private static let latencyMilliseconds: UInt64 = 25
  private static let keys: [String] = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"]

  init(_ call: PluginCall) throws(CNIError) {
    var json: JSONValue = call.configuration
    // What the file says goes before what the runtime says.
    if Self.keys.allSatisfy({ json[$0].isNull }) { json = json.at("runtimeConfig", "bandwidth") }
    for key: String in ["shapedSubnets", "unshapedSubnets"] where !json[key].items.isEmpty {
      throw CNIError(
        CNIError.Code.unsupportedField, "unsupported field \(key): all of a container's traffic is limited alike",
        details: json[key].text)
    }
    ingress = try Self.bucket(json, "ingress")
    egress = try Self.bucket(json, "egress")
  }

  private static func bucket(_ json: JSONValue, _ direction: String) throws(CNIError) -> TokenBucket? {
    let (rateKey, burstKey) = ("\(direction)Rate", "\(direction)Burst")
    let bits: Int = try json.number(rateKey, in: 0...Int64.max) ?? 0
    let burstBits: Int = try json.number(burstKey, in: 0...Int64.max) ?? 0
    if bits == 0, burstBits == 0 { return nil }
    guard bits >= 8 else { throw invalid("if \(burstKey) is set, \(rateKey) must also be set, to 8 bits a second or more") }
    guard burstBits >= 8 else { throw invalid("if \(rateKey) is set, \(burstKey) must also be set, to 8 bits or more") }
    guard let burst: UInt32 = UInt32(exactly: burstBits / 8), burst < UInt32.max else {
      throw invalid("\(burstKey) cannot be more than 4GB")
    }
    return TokenBucket(
      bytesPerSecond: UInt64(bits / 8), burstBytes: burst, latencyMilliseconds: latencyMilliseconds)
  }

  private static func invalid(_ message: String) -> CNIError {
    CNIError(CNIError.Code.invalidConfiguration, message)
  }
}
