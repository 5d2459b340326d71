// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A text that is not the value that it should be.
public struct KubeValuesError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the text should have been.
  public enum Code: Hashable, Sendable {
    case invalidQuantity
    case invalidTimestamp
    case invalidSelector
    case invalidName
  }

  /// What the text should have been.
  public var code: Code
  /// What is wrong with it, in upstream's words where they are fixed.
  public var message: String

  /// Describes one fault.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
