// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The rules for names that come from outside (CNI specification, "Parameters" and "Configuration format").
public enum CNIValidation {
  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }

  private static func isIdentifier(_ text: String) -> Bool {
    guard let first: UInt8 = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D }
  }

  /// Begins with a letter or digit; then also `_`, `.` and `-`.
  public static func containerID(_ text: String) throws(CNIError) {
    guard !text.isEmpty else { throw CNIError(CNIError.Code.unknownContainer, "missing containerID") }
    guard isIdentifier(text) else {
      throw CNIError(CNIError.Code.invalidEnvironment, "invalid characters in containerID", details: text)
    }
  }

  /// Begins with a letter or digit; then also `_`, `.` and `-`.
  public static func networkName(_ text: String) throws(CNIError) {
    guard !text.isEmpty else { throw CNIError(CNIError.Code.invalidConfiguration, "missing network name:", details: "") }
    guard isIdentifier(text) else {
      throw CNIError(CNIError.Code.invalidConfiguration, "invalid characters found in network name", details: text)
    }
  }

  /// What Linux takes as the name of a link: 1 to 15 bytes, not "." or "..", no "/", ":" or white space.
  public static func interfaceName(_ text: String) throws(CNIError) {
    let code: Int64 = CNIError.Code.invalidEnvironment
    guard !text.isEmpty else { throw CNIError(code, "interface name is empty") }
    guard text.utf8.count <= 15 else {
      throw CNIError(code, "interface name is too long", details: "interface name should be less than 16 characters")
    }
    guard text != ".", text != ".." else { throw CNIError(code, "interface name is . or ..") }
    guard !text.utf8.contains(where: { $0 == 0x2F || $0 == 0x3A || $0 == 0x20 || (9...13).contains($0) }) else {
      throw CNIError(code, "interface name contains / or : or whitespace characters")
    }
  }
}
