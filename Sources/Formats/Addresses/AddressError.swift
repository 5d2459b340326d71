// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A text that is not the address that it should be.
public struct AddressError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of address was expected.
  public enum Code: String, Hashable, Sendable {
    case invalidAddress = "invalid IP address"
    case invalidPrefix = "invalid CIDR address"
    case invalidMAC = "invalid MAC address"
  }

  /// What kind of address was expected.
  public var code: Code
  /// The text as it was given.
  public var text: String

  /// An error about one text.
  public init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }

  public var description: String { "\(code.rawValue): \(text)" }
}
