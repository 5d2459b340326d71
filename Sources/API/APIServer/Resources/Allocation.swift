// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Something that an object holds for its life, such as a Service's addresses.
protocol Allocation: Sendable {
  /// The object was written.
  func commit(_ object: JSONValue) async
  /// The write failed: everything is free again.
  func release() async
}

/// Nothing was allocated.
struct NoAllocation: Allocation {
  func commit(_ object: JSONValue) async {}
  func release() async {}
}
