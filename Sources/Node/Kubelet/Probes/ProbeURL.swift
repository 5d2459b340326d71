// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

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

  /// What a reference (RFC 3986, section 4.2) means when it is found here; nil for what is no place of HTTP.
  func resolve(_ reference: String) -> ProbeURL? {
    guard let url: URL = URL(string: reference, relativeTo: URL(string: description))?.absoluteURL,
      let scheme: String = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host: String = url.host(), !host.isEmpty
    else { return nil }
    let isEncrypted: Bool = scheme == "https"
    let port: Int = url.port ?? (isEncrypted ? 443 : 80)
    guard (1...65535).contains(port) else { return nil }
    let path: String = url.path().isEmpty ? "/" : url.path()
    return ProbeURL(isEncrypted: isEncrypted, host: host, port: port, path: path + (url.query().map { "?\($0)" } ?? ""))
  }
}
