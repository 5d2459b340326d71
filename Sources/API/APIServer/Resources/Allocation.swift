// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// What an object is to hold for its life, such as a Service's addresses, chosen for one write of it.
protocol Allocation: Sendable {
  /// The claims that are written, or given back, together with the object.
  func writes(for object: JSONValue) async throws(StatusError) -> [StoreWrite]
  /// The write is done or has failed.
  func end()
}

/// Nothing was allocated.
struct NoAllocation: Allocation {
  func writes(for object: JSONValue) async throws(StatusError) -> [StoreWrite] { [] }
  func end() {}
}

extension StatusError {
  /// 409: a claim of the write was taken by somebody else meanwhile; with another choice it may succeed.
  static let claimLost: StatusError = StatusError(
    code: 409, reason: "ClaimLost",
    message: "an address or port that was chosen has been taken meanwhile; please try again")

  var isClaimLost: Bool { reason == Self.claimLost.reason }
}
