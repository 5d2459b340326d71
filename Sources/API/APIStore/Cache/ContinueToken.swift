// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
import JSON

/// Where a paginated list goes on, in kube-apiserver's format, so that tokens survive an exchange of servers.
struct ContinueToken: Hashable {
  /// The revision of the list; negative where the newest state is to be read.
  var revision: Revision
  /// The key after which to go on, below the list's prefix.
  var after: String

  /// The token as clients get it.
  var text: String {
    let value: JSONValue = ["v": "meta.k8s.io/v1", "rv": .int(revision), "start": .string(after + "\u{0}")]
    return Data(value.bytes).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  init(revision: Revision, after: String) {
    self.revision = revision
    self.after = after
  }

  /// Reads a token.
  ///
  /// - Throws: `invalidContinue` with upstream's message.
  init(_ text: String) throws(StoreError) {
    var padded: String = text.replacing("-", with: "+").replacing("_", with: "/")
    while padded.utf8.count % 4 != 0 { padded += "=" }
    guard let data: Data = Data(base64Encoded: padded) else {
      throw StoreError(.invalidContinue, "continue key is not valid: illegal base64 data at input byte 0")
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: Array(data))
    } catch {
      throw StoreError(.invalidContinue, "continue key is not valid: invalid character")
    }
    guard value["v"].string == "meta.k8s.io/v1" else {
      throw StoreError(
        .invalidContinue,
        "continue key is not valid: server does not recognize this encoded version \"\(value["v"].string ?? "")\"")
    }
    guard let revision: Int64 = value["rv"].int, revision != 0 else {
      throw StoreError(
        .invalidContinue, "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    }
    guard let start: String = value["start"].string, !start.isEmpty else {
      throw StoreError(
        .invalidContinue, "continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")
    }
    guard !start.split(separator: "/").contains("..") else {
      throw StoreError(.invalidContinue, "continue key is not valid: \(start)")
    }
    self.revision = revision
    self.after = start.hasSuffix("\u{0}") ? String(start.unicodeScalars.dropLast()) : start
  }
}
