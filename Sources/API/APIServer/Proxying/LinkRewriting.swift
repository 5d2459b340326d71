// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOHTTP1

/// Makes the links of an answer that came through a proxy path lead through it again: paths from the root get the
/// proxy's path before them.
struct LinkRewriting: Sendable {
  /// Larger pages are an error: they are kept whole while their links are changed.
  static let pageBytesMax: Int = 32 << 20
  /// What one server allows to others is not for this one to promise.
  static let crossOriginHeaders: [String] = [
    "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods",
    "access-control-allow-headers", "access-control-expose-headers", "access-control-max-age",
  ]
  /// The attributes of HTML that have links, by element.
  private static let attributes: [String: Set<String>] = [
    "a": ["href"], "applet": ["codebase"], "area": ["href"], "audio": ["src"], "base": ["href"], "blockquote": ["cite"],
    "body": ["background"], "button": ["formaction"], "command": ["icon"], "del": ["cite"], "embed": ["src"],
    "form": ["action"], "frame": ["longdesc", "src"], "head": ["profile"], "html": ["manifest"],
    "iframe": ["longdesc", "src"], "img": ["longdesc", "src", "usemap"], "input": ["src", "usemap", "formaction"],
    "ins": ["cite"], "link": ["href"], "object": ["classid", "codebase", "data", "usemap"], "q": ["cite"],
    "script": ["src"], "source": ["src"], "video": ["poster", "src"],
  ]

  /// Host and port of the server behind.
  let host: String
  /// The path at this server that stands for the root of the server behind.
  let prefix: String

  /// The path at this server that a path of the server behind has.
  func forwardedPath(_ path: String) -> String { prefix + path.prefix { $0 != "?" } }

  /// Whether an answer has links inside that can be read.
  func concerns(_ headers: HTTPHeaders) -> Bool {
    let type: Substring = (headers.first(name: "content-type") ?? "").prefix { $0 != ";" }
    return type.trimmingSpaces() == "text/html" && !headers.contains(name: "content-encoding")
  }

  /// A link as it must be here.
  func rewritten(_ link: String) -> String {
    var path: Substring = link[...]
    for scheme: String in ["http://", "https://", "//"] where path.hasPrefix(scheme) {
      let rest: Substring = path.dropFirst(scheme.count)
      let named: Substring = rest.prefix { !["/", "?", "#"].contains($0) }
      guard named == host else { return link }
      path = rest.dropFirst(named.count)
      break
    }
    // Relative links work as they are, and so do those that lead through the proxy already.
    guard path.hasPrefix("/"), !path.hasPrefix(prefix) else { return String(path) }
    return prefix + path
  }

  /// A page with its links as they must be here.
  func rewrite(page: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(page.count + 1024)
    var place: Int = 0
    while let opening: Int = page[place...].firstIndex(of: UInt8(ascii: "<")) {
      output += page[place..<opening]
      // What follows need not be a tag: scripts compare, and comments quote.
      guard opening + 1 < page.count, Self.isLetter(page[opening + 1]) else {
        output.append(page[opening])
        place = opening + 1
        continue
      }
      guard let end: Int = Self.end(ofTag: opening, in: page) else {
        place = opening
        break
      }
      output += rewrite(tag: page[opening..<end])
      place = end
    }
    return output + page[place...]
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  /// Where a tag ends: at the first `>` outside of quotes.
  private static func end(ofTag opening: Int, in page: [UInt8]) -> Int? {
    var quote: UInt8?
    for place: Int in (opening + 1)..<page.count {
      let byte: UInt8 = page[place]
      if let open: UInt8 = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: ">") {
        return place + 1
      }
    }
    return nil
  }

  private func rewrite(tag bytes: ArraySlice<UInt8>) -> [UInt8] {
    let text: Substring = String(decoding: bytes, as: UTF8.self)[...]
    let element: Substring = text.dropFirst().prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }
    guard let wanted: Set<String> = Self.attributes[element.lowercased()] else { return Array(bytes) }
    var output: String = "<" + element
    var rest: Substring = text.dropFirst(1 + element.count)
    while let equals: Substring.Index = rest.firstIndex(of: "=") {
      let before: Substring = rest[..<equals]
      let name: Substring = before.trimmingSpaces().split(whereSeparator: \.isWhitespace).last ?? ""
      let after: Substring = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
      let (value, quote, tail): (Substring, String, Substring) = Self.value(after)
      let isLink: Bool = wanted.contains(name.lowercased())
      output += before + "=" + quote + (isLink ? rewritten(String(value)) : String(value)) + quote
      rest = tail
    }
    return Array((output + rest).utf8)
  }

  /// The value that an attribute begins with, the quote around it, and what follows.
  private static func value(_ text: Substring) -> (value: Substring, quote: String, tail: Substring) {
    guard let first: Character = text.first, first == "\"" || first == "'" else {
      let value: Substring = text.prefix { !$0.isWhitespace && $0 != ">" }
      return (value, "", text.dropFirst(value.count))
    }
    let value: Substring = text.dropFirst().prefix { $0 != first }
    return (value, String(first), text.dropFirst(value.count + 2))
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> Substring {
    var text: Substring = drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return text
  }
}
