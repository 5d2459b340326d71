// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Patterns

/// kubernetes.Semver.
struct SemanticVersion: CELObject {
  let typeName: String = "kubernetes.Semver"
  private let numbers: [Int64]
  private let prerelease: [String]

  init?(_ text: String, normalizes: Bool) {
    var text: Substring = text[...]
    if normalizes, text.hasPrefix("v") || text.hasPrefix("V") { text = text.dropFirst() }
    let bare: Substring = text.prefix { $0 != "+" }
    if bare.endIndex != text.endIndex {
      let build: Substring = text[text.index(after: bare.endIndex)...]
      guard build.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isWord) else { return nil }
    }
    let core: Substring = bare.prefix { $0 != "-" }
    var tags: [String] = []
    if core.endIndex != bare.endIndex {
      let rest: Substring = bare[bare.index(after: core.endIndex)...]
      tags = rest.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard tags.allSatisfy({ Self.isWord($0[...]) && !(Self.isNumber($0) && $0.count > 1 && $0.hasPrefix("0")) }) else { return nil }
    }
    var parts: [Substring] = core.split(separator: ".", omittingEmptySubsequences: false)
    if normalizes { while parts.count < 3 { parts.append("0") } }
    guard parts.count == 3 else { return nil }
    var numbers: [Int64] = []
    for part: Substring in parts {
      guard let number: Int64 = Int64(part), number >= 0, Self.isNumber(String(part)),
        normalizes || part.count == 1 || !part.hasPrefix("0")
      else { return nil }
      numbers.append(number)
    }
    self.numbers = numbers
    prerelease = tags
  }

  private static func isWord(_ text: Substring) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy { $0 == "-" || ($0 != "_" && Lexer.isLetter($0)) || Lexer.isDigit($0) }
  }

  private static func isNumber(_ text: String) -> Bool { !text.isEmpty && text.unicodeScalars.allSatisfy(Lexer.isDigit) }

  func isEqual(to other: any CELObject) -> Bool { (other as? SemanticVersion).map { order($0) == 0 } ?? false }

  private func order(_ other: SemanticVersion) -> Int64 {
    for (left, right) in zip(numbers, other.numbers) where left != right { return left < right ? -1 : 1 }
    if prerelease.isEmpty || other.prerelease.isEmpty {
      return prerelease.isEmpty == other.prerelease.isEmpty ? 0 : prerelease.isEmpty ? 1 : -1
    }
    for (left, right) in zip(prerelease, other.prerelease) where left != right {
      switch (Self.isNumber(left), Self.isNumber(right)) {
      case (true, true): return (Int64(left) ?? .max) < (Int64(right) ?? .max) ? -1 : 1
      case (true, false): return -1
      case (false, true): return 1
      default: return left < right ? -1 : 1
      }
    }
    return prerelease.count == other.prerelease.count ? 0 : prerelease.count < other.prerelease.count ? -1 : 1
  }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    switch function {
    case "major": return .int(numbers[0])
    case "minor": return .int(numbers[1])
    case "patch": return .int(numbers[2])
    default: break
    }
    guard case .object(let object)? = arguments.first, let other: SemanticVersion = object as? SemanticVersion else { return nil }
    switch function {
    case "isLessThan": return .bool(order(other) < 0)
    case "isGreaterThan": return .bool(order(other) > 0)
    case "compareTo": return .int(order(other))
    default: return nil
    }
  }
}

/// kubernetes.URL.
struct URLValue: CELObject {
  let typeName: String = "kubernetes.URL"
  private let text: String
  private let scheme: String
  private let host: String
  private let path: String
  private let query: String

  /// An absolute URL or an absolute path.
  init?(_ text: String) {
    guard !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F }) else { return nil }
    self.text = text
    var rest: Substring = text.prefix { $0 != "#" }
    var scheme: String = ""
    var host: String = ""
    if !rest.hasPrefix("/") {
      guard let colon: Substring.Index = rest.firstIndex(of: ":") else { return nil }
      scheme = rest[..<colon].lowercased()
      guard let first: Unicode.Scalar = scheme.unicodeScalars.first, Lexer.isLetter(first), first != "_" else { return nil }
      rest = rest[rest.index(after: colon)...]
    }
    if rest.hasPrefix("//") {
      let authority: Substring = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
      rest = rest.dropFirst(2 + authority.count)
      host = String(authority.split(separator: "@", omittingEmptySubsequences: false).last ?? "")
    } else if !rest.hasPrefix("/") {
      // Opaque, such as mailto:.
      if rest.isEmpty { return nil }
    }
    self.scheme = scheme
    self.host = host
    let path: Substring = rest.prefix { $0 != "?" }
    self.path = String(path)
    query = String(rest.dropFirst(path.count).dropFirst())
    guard Self.unescape(self.path) != nil, Self.isHost(host) else { return nil }
  }

  private static func isHost(_ host: String) -> Bool {
    if host.hasPrefix("[") { return host.contains("]") }
    let parts: [Substring] = host.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count <= 2 && (parts.count < 2 || parts[1].unicodeScalars.allSatisfy(Lexer.isDigit))
  }

  private static func unescape(_ text: String, plus: Bool = false) -> String? {
    var bytes: [UInt8] = []
    var rest: Substring.UTF8View = text[...].utf8
    while let byte: UInt8 = rest.popFirst() {
      if byte == UInt8(ascii: "+"), plus {
        bytes.append(0x20)
      } else if byte == UInt8(ascii: "%") {
        let digits: [UInt8] = Array(rest.prefix(2))
        guard digits.count == 2, let value: UInt8 = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func isEqual(to other: any CELObject) -> Bool { (other as? URLValue)?.text == text }

  private var port: (host: String, port: String) {
    if host.hasPrefix("["), let close: String.Index = host.firstIndex(of: "]") {
      let rest: Substring = host[host.index(after: close)...]
      return (String(host[host.index(after: host.startIndex)..<close]), String(rest.dropFirst()))
    }
    let name: Substring = host.prefix { $0 != ":" }
    return (String(name), String(host.dropFirst(name.count).dropFirst()))
  }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    switch function {
    case "getScheme": return .string(scheme)
    case "getHost": return .string(host)
    case "getHostname": return .string(port.host)
    case "getPort": return .string(port.port)
    case "getEscapedPath": return .string(path)
    case "getQuery":
      var map: CELMap = CELMap()
      for pair: Substring in query.split(separator: "&") {
        let name: Substring = pair.prefix { $0 != "=" }
        guard let key: String = Self.unescape(String(name), plus: true),
          let value: String = Self.unescape(String(pair.dropFirst(name.count).dropFirst()), plus: true)
        else { continue }
        map[.string(key)] = .list((map[.string(key)]?.list ?? []) + [.string(value)])
      }
      return .map(map)
    default: return nil
    }
  }
}

/// kubernetes.NamedFormat: what names and such must look like.
struct NamedFormat: CELObject {
  static let known: Set<String> = [
    "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "dns1123LabelPrefix", "dns1123SubdomainPrefix",
    "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte", "date", "datetime",
  ]

  let typeName: String = "kubernetes.NamedFormat"
  let name: String

  func isEqual(to other: any CELObject) -> Bool { (other as? NamedFormat)?.name == name }

  func call(_ function: String, _ arguments: [CELValue]) throws(CELError) -> CELValue? {
    guard function == "validate", let text: String = arguments.first?.string else { return nil }
    let messages: [String] = self.messages(text)
    return .optional(messages.isEmpty ? nil : .list(messages.map { .string($0) }))
  }

  private func messages(_ text: String) -> [String] {
    var text: String = text
    var name: String = name
    if name.hasSuffix("Prefix") {
      name = String(name.dropLast(6))
      if text.hasSuffix("-") { text = text.dropLast() + "a" }
    }
    let label: String = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    let qualified: String = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
    let (pattern, limit): (String, Int) =
      switch name {
      case "dns1123Label": (label, 63)
      case "dns1123Subdomain": ("\(label)(\\.\(label))*", 253)
      case "dns1035Label": ("[a-z]([-a-z0-9]*[a-z0-9])?", 63)
      case "labelValue": ("(\(qualified))?", 63)
      case "qualifiedName": ("(\(label)(\\.\(label))*/)?\(qualified)", 317)
      case "uuid": ("(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", 64)
      case "date": ("[0-9]{4}-[0-9]{2}-[0-9]{2}", 10)
      default: (".*", .max)
      }
    var messages: [String] = []
    if text.utf8.count > limit { messages.append("must be no more than \(limit) characters") }
    let isWrong: Bool =
      switch name {
      case "uri": URLValue(text) == nil
      case "byte": Base64Text.decode(text) == nil
      case "datetime": CELTimestamp(text) == nil
      default: (try? Pattern("^(?:\(pattern))$"))?.occurs(in: text) != true
      }
    if isWrong { messages.append("must match the format \(self.name)") }
    return messages
  }
}
