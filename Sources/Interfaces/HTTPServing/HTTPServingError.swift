// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What can go wrong while serving or proxying HTTP.
public struct HTTPServingError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Hashable {
    /// The peer went away, or the connection was closed under us.
    case connectionClosed
    /// A body is larger than the caller allows.
    case bodyTooLarge
    /// The peer did not answer in time.
    case timeout
    /// An address, certificate or key cannot be used.
    case invalidConfiguration
    /// A response was started twice, or a connection cannot be upgraded (HTTP/2).
    case invalidState
    /// The peer could not be reached.
    case connectFailed
    /// The peer broke the protocol.
    case protocolViolation
  }

  /// The kind.
  public var code: Code
  /// What failed, on what.
  public var message: String

  /// Makes an error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
