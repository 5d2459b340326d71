// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Netlink

/// Why a batch was not applied, or a list not read. A batch that fails changes nothing.
public struct NftablesError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the kernel said; `requestIndex` is the place of the refused message in the batch.
  public var cause: NetlinkError

  /// An error with this cause.
  public init(_ cause: NetlinkError) { self.cause = cause }

  /// The system's error number, where there is one.
  public var errorNumber: Int32? { cause.errorNumber }
  /// Whether the table, chain, set or element does not exist.
  public var isMissing: Bool { errorNumber == 2 }
  /// Whether the object exists already.
  public var isExisting: Bool { errorNumber == 17 }

  public var description: String {
    let place: String = cause.requestIndex.map { " (message \($0) of the batch)" } ?? ""
    return "nftables: \(cause)\(place)"
  }
}
