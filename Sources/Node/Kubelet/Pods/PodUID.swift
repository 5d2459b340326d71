// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A pod's identity; it survives changes of the object and is never used again.
public struct PodUID: Hashable, Sendable, CustomStringConvertible {
  /// The text of `metadata.uid`.
  public let text: String

  /// An identity.
  public init(_ text: String) { self.text = text }

  public var description: String { text }
}
