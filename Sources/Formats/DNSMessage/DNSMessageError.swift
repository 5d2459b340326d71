// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Bytes that are no DNS message, or a name that is no name.
public struct DNSMessageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public var message: String
  /// The offset at which it was noticed.
  public var offset: Int

  init(_ message: String, _ offset: Int) {
    self.message = message
    self.offset = offset
  }

  public var description: String { "invalid DNS message at byte \(offset): \(message)" }
}
