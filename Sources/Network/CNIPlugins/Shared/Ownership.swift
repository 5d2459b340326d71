// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Says to which attachment of a network a rule, an element or a device belongs: "network/container/link". As a comment
/// it lets DEL and GC find what ADD made, without the result.
struct Ownership {
  let network: String

  /// The kernel's tools keep so much of a comment; names may be longer, and would then never be found again.
  private static let bytesMax: Int = 127
  /// What of it a network's name may take.
  private static let networkBytesMax: Int = 40
  /// Sixteen digits and the mark before them.
  private static let hashBytes: Int = 17

  /// What the comments of a network begin with.
  private var prefix: String { Self.shortened(network, to: Self.networkBytesMax) + "/" }

  /// The comment of an attachment.
  func comment(_ attachment: Attachment) -> String {
    let prefix: String = prefix
    return prefix + Self.shortened(attachment.text, to: Self.bytesMax - prefix.utf8.count)
  }

  /// Whether a comment is of an attachment of the network that is not valid any more.
  func isStale(keeping valid: Set<Attachment>) -> (String) -> Bool {
    let prefix: String = prefix
    let kept: Set<String> = Set(valid.map(comment))
    return { $0.hasPrefix(prefix) && !kept.contains($0) }
  }

  /// A text that is too long keeps its start and has a hash of the whole for its end, after a mark that no name has.
  private static func shortened(_ text: String, to count: Int) -> String {
    guard text.utf8.count > count else { return text }
    let start: String = String(decoding: text.utf8.prefix(count - hashBytes), as: UTF8.self)
    return "\(start)~\(hash(text))"
  }

  /// Sixteen digits (FNV-1a: what it must do is to spread).
  static func hash(_ text: String) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte: UInt8 in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits: String = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}

extension PluginCall {
  /// What belongs to the network of this call.
  var ownership: Ownership { Ownership(network: networkName) }
}
