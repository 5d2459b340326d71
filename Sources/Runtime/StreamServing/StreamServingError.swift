// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What can go wrong with streaming sessions.
public struct StreamServingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// More URLs are waiting to be used than are allowed.
    case tooManyRequests
    /// The client did not do what its protocol asks, or not in time.
    case badClient
    /// The client has gone.
    case clientGone
    /// The server does not listen.
    case notListening
  }

  /// The kind of failure.
  public var code: Code
  /// What failed.
  public var message: String

  /// Makes an error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
