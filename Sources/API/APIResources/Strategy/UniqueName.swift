// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Names for objects that may come without one.
enum UniqueName {
  /// A random identifier (RFC 9562, version 4).
  static func make() -> String {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    var bytes: [UInt8] = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    var text: String = ""
    for (place, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(place) { text += "-" }
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
  }
}
