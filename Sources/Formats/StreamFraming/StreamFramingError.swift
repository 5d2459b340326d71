// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A peer that does not follow WebSocket, SPDY or a subprotocol of Kubernetes.
public struct StreamFramingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// The bytes are against the protocol.
    case protocolError
    /// A message or frame is larger than is allowed here.
    case tooLarge
    /// zlib refused.
    case compression
  }

  /// The kind of failure.
  public var code: Code
  /// What was wrong.
  public var message: String

  /// Makes an error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
