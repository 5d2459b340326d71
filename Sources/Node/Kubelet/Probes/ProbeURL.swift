// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Where an HTTP probe asks.
struct ProbeURL: Sendable, Hashable, CustomStringConvertible {
  var isEncrypted: Bool
  /// An address or a name, without brackets.
  var host: String
  var port: Int
  /// The path with the query.
  var path: String

  private var scheme: String { isEncrypted ? "https" : "http" }

  /// The host and the port, as the header `Host` names them.
  var authority: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  var description: String { "\(scheme)://\(authority)\(path)" }

  /// What a reference (RFC 3986, section 4.2) means when it is found here; nil for what is no HTTP.
  func resolve(_ reference: String) -> ProbeURL? {
    let text: Substring = reference.prefix { $0 != "#" }
    if text.hasPrefix("//") { return Self(isEncrypted: isEncrypted, rest: text.dropFirst(2)) }
    if let colon: Range<Substring.Index> = text.firstRange(of: "://"), !text[..<colon.lowerBound].contains("/") {
      switch text[..<colon.lowerBound].lowercased() {
      case "http": return Self(isEncrypted: false, rest: text[colon.upperBound...])
      case "https": return Self(isEncrypted: true, rest: text[colon.upperBound...])
      default: return nil
      }
    }
    var result: ProbeURL = self
    let here: Substring = path.prefix { $0 != "?" }
    switch text.first {
    case "/": result.path = String(text)
    case "?": result.path = "\(here)\(text)"
    case nil: break
    default: result.path = "\(here[...(here.lastIndex(of: "/") ?? here.startIndex)])\(text)"
    }
    return result
  }

  init(isEncrypted: Bool, host: String, port: Int, path: String) {
    self.isEncrypted = isEncrypted
    self.host = host
    self.port = port
    self.path = path
  }

  /// What stands behind the scheme: the authority and the path.
  private init?(isEncrypted: Bool, rest: Substring) {
    let authority: Substring = rest.prefix { $0 != "/" && $0 != "?" }
    let path: Substring = rest.dropFirst(authority.count)
    var host: Substring = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    var port: Int = isEncrypted ? 443 : 80
    // The last colon, unless it is one of an address in brackets.
    if let colon: Substring.Index = host.lastIndex(of: ":"), !host[colon...].contains("]") {
      let digits: Substring = host[host.index(after: colon)...]
      if !digits.isEmpty {
        guard let number: Int = Int(digits), (1...65535).contains(number) else { return nil }
        port = number
      }
      host = host[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { return nil }
    self.init(isEncrypted: isEncrypted, host: String(host), port: port, path: path.hasPrefix("/") ? String(path) : "/\(path)")
  }
}
