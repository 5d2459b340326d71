// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A document or a name that does not follow the OCI specifications.
public struct OCISpecError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// Not an image reference.
    case invalidReference
    /// Not a digest.
    case invalidDigest
    /// A document without what it must have, or with a wrong type.
    case invalidDocument
    /// Well-formed, but nothing this project can do.
    case unsupported
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong and with what.
  public var message: String

  /// Makes an error.
  public init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
