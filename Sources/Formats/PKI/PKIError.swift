// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A key or certificate that cannot be read or made.
public struct PKIError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure.
  public enum Code: Hashable, Sendable {
    /// The text is no PEM document of the wanted kind.
    case malformed
    /// The key and the certificate do not belong together.
    case mismatch
    /// A certificate or signature could not be made.
    case signingFailed
  }

  /// What kind of failure.
  public var code: Code
  /// What failed, on what.
  public var message: String

  /// A failure of this kind.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
