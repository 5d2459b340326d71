// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The rules for names, labels and keys (apimachinery's `validation`), with upstream's wording.
public enum KubeName {
  /// What is wrong with a name that is no DNS label.
  public static let dns1123LabelMessage: String =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    + "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  /// What is wrong with a name that is no DNS subdomain.
  public static let dns1123SubdomainMessage: String =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    + "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  /// What is wrong with a name that is no DNS-1035 label.
  public static let dns1035LabelMessage: String =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    + "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    + "'[a-z]([-a-z0-9]*[a-z0-9])?')"
  /// What is wrong with a key that is no qualified name.
  public static let qualifiedNameMessage: String =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    + "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    + "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  /// What is wrong with a value that is no label value.
  public static let labelValueMessage: String =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    + "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    + "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

  private static func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte | 0x20) }

  private static func isLabel(_ bytes: Substring.UTF8View) -> Bool {
    guard let first: UInt8 = bytes.first, let last: UInt8 = bytes.last else { return false }
    return (isLower(first) || isDigit(first)) && (isLower(last) || isDigit(last))
      && bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == 0x2D }
  }

  /// Whether a name is an RFC 1123 label of at most 63 characters.
  public static func isDNS1123Label(_ name: String) -> Bool {
    name.utf8.count <= 63 && isLabel(Substring(name).utf8)
  }

  /// Whether a name is an RFC 1123 subdomain of at most 253 characters.
  public static func isDNS1123Subdomain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 253
      && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0.utf8) }
  }

  /// Whether a name is a DNS-1035 label: as RFC 1123's, but it begins with a letter.
  public static func isDNS1035Label(_ name: String) -> Bool {
    isDNS1123Label(name) && name.utf8.first.map(isLower) ?? false
  }

  private static func isNamePart(_ name: Substring) -> Bool {
    guard let first: UInt8 = name.utf8.first, let last: UInt8 = name.utf8.last, name.utf8.count <= 63 else {
      return false
    }
    return (isLetter(first) || isDigit(first)) && (isLetter(last) || isDigit(last))
      && name.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
  }

  /// Whether a key is a qualified name: `[dns-subdomain/]name`.
  public static func isQualifiedName(_ key: String) -> Bool {
    let parts: [Substring] = key.split(separator: "/", omittingEmptySubsequences: false)
    switch parts.count {
    case 1: return isNamePart(parts[0])
    case 2: return isDNS1123Subdomain(String(parts[0])) && isNamePart(parts[1])
    default: return false
    }
  }

  /// Whether a value may be a label's.
  public static func isLabelValue(_ value: String) -> Bool { value.isEmpty || isNamePart(Substring(value)) }

  private static let qualifiedForm: String =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    + "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    + "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

  /// What is wrong with a key that should be a qualified name; empty where nothing is.
  public static func qualifiedNameErrors(_ key: String) -> [String] {
    let parts: [String] = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    var messages: [String] = []
    let name: String
    switch parts.count {
    case 1: name = parts[0]
    case 2:
      name = parts[1]
      if parts[0].isEmpty {
        messages.append("prefix part must be non-empty")
      } else {
        if parts[0].utf8.count > 253 { messages.append("prefix part must be no more than 253 characters") }
        let labels: [Substring] = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        if !labels.allSatisfy({ isLabel($0.utf8) }) { messages.append("prefix part " + dns1123SubdomainMessage) }
      }
    default:
      let prefix: String = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
      return ["a valid label key \(qualifiedForm) \(prefix)"]
    }
    if name.isEmpty {
      messages.append("name part must be non-empty")
    } else if name.utf8.count > 63 {
      messages.append("name part must be no more than 63 bytes")
    }
    if !isQualifiedPart(name) { messages.append("name part \(qualifiedForm)") }
    return messages
  }

  private static func isQualifiedPart(_ name: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
    }
    guard let first: UInt8 = name.utf8.first, let last: UInt8 = name.utf8.last else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
  }

  /// What is wrong with a value that should be a label's; empty where nothing is.
  public static func labelValueErrors(_ value: String) -> [String] {
    var messages: [String] = []
    if value.utf8.count > 63 { messages.append("must be no more than 63 bytes") }
    if !value.isEmpty, !isQualifiedPart(value) { messages.append(labelValueMessage) }
    return messages
  }
}
