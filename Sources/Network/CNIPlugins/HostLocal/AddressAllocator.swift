// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import CNISpec

/// Chooses addresses from one range set: the one asked for, or the next free one after the last that was given.
struct AddressAllocator {
  let ranges: [AddressRange]
  /// The place of the range set in the configuration.
  let index: Int

  /// The ways to walk: from after `last` to the end, and then around to it.
  func candidates(after last: IPAddress?) -> [ClosedRange<IPAddress>] {
    guard let last, let place: Int = ranges.firstIndex(where: { $0.contains(last) }) else {
      return ranges.map { $0.first...$0.last }
    }
    var walks: [ClosedRange<IPAddress>] = []
    if let next: IPAddress = last.advanced(by: 1), next <= ranges[place].last { walks.append(next...ranges[place].last) }
    for step: Int in 1..<max(ranges.count, 1) {
      let range: AddressRange = ranges[(place + step) % ranges.count]
      walks.append(range.first...range.last)
    }
    walks.append(ranges[place].first...last)
    return walks
  }

  private func configuration(_ address: IPAddress) -> CNIResult.IPConfiguration? {
    guard let range: AddressRange = ranges.first(where: { $0.contains(address) }),
      let prefix: IPPrefix = IPPrefix(address: address, length: range.subnet.length)
    else { return nil }
    return CNIResult.IPConfiguration(address: prefix, gateway: range.gateway)
  }

  /// Reserves the next free address.
  func allocate(for attachment: Attachment, in store: borrowing LeaseStore) throws(CNIError) -> CNIResult.IPConfiguration {
    for walk: ClosedRange<IPAddress> in candidates(after: try store.lastReserved(rangeSet: index)) {
      var address: IPAddress = walk.lowerBound
      while true {
        if !ranges.contains(where: { $0.gateway == address }), let configuration = configuration(address),
          try store.reserve(address, for: attachment)
        {
          try store.setLastReserved(address, rangeSet: index)
          return configuration
        }
        guard let next: IPAddress = address.advanced(by: 1), next <= walk.upperBound else { break }
        address = next
      }
    }
    throw CNIError(CNIError.Code.plugin, "no IP addresses available in range set: \(text)")
  }

  /// Reserves the address that was asked for.
  func allocate(
    _ address: IPAddress, for attachment: Attachment, in store: borrowing LeaseStore
  ) throws(CNIError) -> CNIResult.IPConfiguration {
    if ranges.contains(where: { $0.gateway == address }) {
      throw CNIError(CNIError.Code.plugin, "requested ip \(address) is subnet's gateway")
    }
    guard let configuration = configuration(address), try store.reserve(address, for: attachment) else {
      throw CNIError(
        CNIError.Code.plugin, "requested IP address \(address) is not available in range set \(text)")
    }
    return configuration
  }

  private var text: String { ranges.map(\.description).joined(separator: ",") }
}
