// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A content digest such as `sha256:e3b0…` (image-spec, descriptor.md, Digests).
public struct Digest: Hashable, Sendable, CustomStringConvertible {
  /// The hash function: `sha256` or `sha512`.
  public let algorithm: String
  /// The hash in lower-case hexadecimal digits.
  public let hex: String

  /// Parses `algorithm:hex`; the algorithm must be one that the image-spec registers and this project computes.
  public init(_ text: String) throws(OCISpecError) {
    let parts: [Substring] = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw OCISpecError(code: .invalidDigest, message: "invalid digest \(quoted(text)): want algorithm:hex")
    }
    let length: Int
    switch parts[0] {
    case "sha256": length = 64
    case "sha512": length = 128
    default:
      throw OCISpecError(code: .invalidDigest, message: "invalid digest \(quoted(text)): unsupported algorithm")
    }
    guard parts[1].utf8.count == length, parts[1].utf8.allSatisfy(isLowerHex) else {
      throw OCISpecError(
        code: .invalidDigest, message: "invalid digest \(quoted(text)): want \(length) hexadecimal digits")
    }
    self.algorithm = String(parts[0])
    self.hex = String(parts[1])
  }

  /// The digest of 32 bytes of SHA-256.
  public init(sha256 bytes: some Sequence<UInt8>) {
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte: UInt8 in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    self.algorithm = "sha256"
    self.hex = String(decoding: text, as: UTF8.self)
  }

  public var description: String { "\(algorithm):\(hex)" }
}

func isLowerHex(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}

func quoted(_ text: String) -> String { "\"\(text.prefix(200))\"" }
