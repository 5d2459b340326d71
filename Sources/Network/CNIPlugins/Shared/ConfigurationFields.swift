// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec
import JSON

/// Reads fields of a plugin's configuration; what has another type or lies out of range is told by name.
extension JSONValue {
  /// Whether a field is set; false where it is missing.
  func flag(_ key: String) throws(CNIError) -> Bool { try optionalFlag(key) ?? false }

  /// What a field says, or nil where it is missing.
  func optionalFlag(_ key: String) throws(CNIError) -> Bool? {
    if self[key].isNull { return nil }
    guard let value: Bool = self[key].bool else {
      throw CNIError(CNIError.Code.decodingFailure, "failed to load netconf: \(key) must be true or false")
    }
    return value
  }

  /// An integer, or nil where it is missing.
  func number(_ key: String, in range: ClosedRange<Int64>) throws(CNIError) -> Int? {
    if self[key].isNull { return nil }
    guard let value: Int64 = self[key].int, range.contains(value) else {
      throw CNIError(
        CNIError.Code.invalidConfiguration,
        "invalid \(key) \(self[key].text) (must be between \(range.lowerBound) and \(range.upperBound) inclusive)")
    }
    return Int(value)
  }

  /// A link's largest packet; nil where it is missing or 0, which leaves the kernel's default.
  func mtu() throws(CNIError) -> Int? {
    guard let value: Int = try number("mtu", in: 0...65_535), value > 0 else { return nil }
    return value
  }
}

extension MACAddress {
  /// Reads a hardware address of a configuration.
  init(configured text: String) throws(CNIError) {
    guard let address: MACAddress = MACAddress(text) else {
      throw CNIError(CNIError.Code.invalidConfiguration, "invalid MAC address \"\(text)\"")
    }
    self = address
  }
}
