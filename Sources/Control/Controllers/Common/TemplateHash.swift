// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// Short names for contents, in the alphabet that Kubernetes uses for generated names.
enum TemplateHash {
  private static let alphabet: [Character] = Array("bcdfghjklmnpqrstvwxz2456789")

  /// FNV-1a of 32 bits.
  static func fnv32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    for byte: UInt8 in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return hash
  }

  /// A number in the alphabet, digit by digit, as upstream's `SafeEncodeString` of its decimal text.
  static func encoded(_ hash: UInt32) -> String {
    String(String(hash).utf8.map { alphabet[Int($0) % alphabet.count] })
  }

  /// The hash of a message, and of the number of collisions that were met with it.
  static func hash(_ message: some Message, collisions: Int32 = 0) throws -> String {
    var options: BinaryEncodingOptions = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    var bytes: [UInt8] = try message.serializedBytes(options: options)
    if collisions > 0 { bytes += Array("\(collisions)".utf8) }
    return encoded(fnv32(bytes))
  }

  /// The hash of a text, of five characters.
  static func short(_ text: String) -> String {
    var hash: UInt32 = fnv32(text.utf8)
    var result: String = ""
    for _ in 0..<5 {
      result.append(alphabet[Int(hash) % alphabet.count])
      hash /= UInt32(alphabet.count)
    }
    return result
  }
}
