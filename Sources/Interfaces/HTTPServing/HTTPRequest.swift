// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import NIOHTTP1

/// A request as the handler sees it.
public struct HTTPRequest: Sendable {
  /// GET, POST, ...
  public var method: String
  /// The target as sent: path and query.
  public var target: String
  /// The header fields.
  public var headers: HTTPHeaders
  /// The body; a body that is not read is discarded.
  public var body: HTTPBody
  /// 1 or 2.
  public var majorVersion: Int
  /// The caller's address without a port; empty on a Unix socket.
  public var remoteAddress: String
  /// The caller's port; 0 on a Unix socket.
  public var remotePort: Int
  /// The caller's verified certificate (DER), when it showed one.
  public var peerCertificatesDER: [[UInt8]]
  /// Whether the request came over TLS.
  public var isTLS: Bool

  /// Makes a request; the server does, and tests.
  public init(
    method: String, target: String, headers: HTTPHeaders = HTTPHeaders(), body: HTTPBody = HTTPBody(),
    majorVersion: Int = 1, remoteAddress: String = "", remotePort: Int = 0, peerCertificatesDER: [[UInt8]] = [],
    isTLS: Bool = false
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.majorVersion = majorVersion
    self.remoteAddress = remoteAddress
    self.remotePort = remotePort
    self.peerCertificatesDER = peerCertificatesDER
    self.isTLS = isTLS
  }

  /// The path as sent, still percent-encoded.
  public var rawPath: Substring { target.prefix { $0 != "?" } }

  /// The path, percent-decoded.
  public var path: String { PercentCoding.decode(rawPath, plusIsSpace: false) }

  /// The query as sent, without the question mark; empty where there is none.
  public var rawQuery: Substring {
    target.firstIndex(of: "?").map { target[target.index(after: $0)...] } ?? ""
  }

  /// The query's items, decoded, in order.
  public var queryItems: [(name: String, value: String)] {
    rawQuery.split(separator: "&", omittingEmptySubsequences: true).map { item in
      guard let equals: Substring.Index = item.firstIndex(of: "=") else {
        return (PercentCoding.decode(item, plusIsSpace: true), "")
      }
      return (
        PercentCoding.decode(item[..<equals], plusIsSpace: true),
        PercentCoding.decode(item[item.index(after: equals)...], plusIsSpace: true)
      )
    }
  }

  /// The first query item of a name.
  public func query(_ name: String) -> String? { queryItems.first { $0.name == name }?.value }

  /// Whether the caller asks to turn the connection into something else (WebSocket, SPDY/3.1).
  public var isUpgrade: Bool {
    majorVersion == 1 && headers.contains(name: "upgrade")
      && headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
  }
}

/// Percent-encoding of URLs (RFC 3986).
public enum PercentCoding {
  /// Decodes `%XX`; what is not valid stays as it is.
  public static func decode(_ text: Substring, plusIsSpace: Bool) -> String {
    let bytes: Substring.UTF8View = text.utf8
    guard bytes.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else {
      return String(text)
    }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var index: Substring.Index = bytes.startIndex
    while index < bytes.endIndex {
      let byte: UInt8 = bytes[index]
      index = bytes.index(after: index)
      if byte == UInt8(ascii: "+"), plusIsSpace {
        output.append(UInt8(ascii: " "))
      } else if byte == UInt8(ascii: "%"), let second = bytes.index(index, offsetBy: 2, limitedBy: bytes.endIndex),
        let value: UInt8 = UInt8(text[index..<second], radix: 16)
      {
        output.append(value)
        index = second
      } else {
        output.append(byte)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// Encodes everything but letters, digits and `-._~`, and what `also` names.
  public static func encode(_ text: String, keeping also: String = "") -> String {
    var output: [UInt8] = []
    let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
    for byte: UInt8 in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        output.append(byte)
      case _ where also.utf8.contains(byte): output.append(byte)
      default:
        output.append(UInt8(ascii: "%"))
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
