// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Base64 (RFC 4648, standard alphabet, padded), as Go's encoding/base64 reads and writes it.
enum Base64 {
  private static let alphabet: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let values: [UInt8] = {
    var values: [UInt8] = Array(repeating: 0xFF, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// The text's bytes, or the offset of the byte that is wrong. Line feeds are skipped.
  static func decode(_ text: UnsafeBufferPointer<UInt8>) -> Result<[UInt8], Offset> {
    var output: [UInt8] = []
    output.reserveCapacity(text.count / 4 * 3)
    var group: UInt32 = 0
    var count: Int = 0
    var place: Int = 0
    return values.withUnsafeBufferPointer { values in
      while place < text.count {
        let byte: UInt8 = text[place]
        let value: UInt8 = values[Int(byte)]
        if value < 64 {
          group = group << 6 | UInt32(value)
          count += 1
          if count == 4 {
            output.append(UInt8(truncatingIfNeeded: group >> 16))
            output.append(UInt8(truncatingIfNeeded: group >> 8))
            output.append(UInt8(truncatingIfNeeded: group))
            group = 0
            count = 0
          }
        } else if byte == UInt8(ascii: "=") {
          return finish(text, place, group, count, &output)
        } else if byte != 0x0A, byte != 0x0D {
          return .failure(Offset(place: place))
        }
        place += 1
      }
      return count == 0 ? .success(output) : .failure(Offset(place: text.count - count))
    }
  }

  /// Where the text stops being base64.
  struct Offset: Error {
    var place: Int
  }

  private static func finish(
    _ text: UnsafeBufferPointer<UInt8>, _ padding: Int, _ group: UInt32, _ count: Int, _ output: inout [UInt8]
  ) -> Result<[UInt8], Offset> {
    guard count >= 2 else { return .failure(Offset(place: padding)) }
    var place: Int = padding + 1
    if count == 2 {
      while place < text.count, text[place] == 0x0A || text[place] == 0x0D { place += 1 }
      guard place < text.count else { return .failure(Offset(place: text.count)) }
      guard text[place] == UInt8(ascii: "=") else { return .failure(Offset(place: place - 1)) }
      place += 1
    }
    while place < text.count, text[place] == 0x0A || text[place] == 0x0D { place += 1 }
    guard place == text.count else { return .failure(Offset(place: place)) }
    if count == 2 {
      output.append(UInt8(truncatingIfNeeded: group >> 4))
    } else {
      output.append(UInt8(truncatingIfNeeded: group >> 10))
      output.append(UInt8(truncatingIfNeeded: group >> 2))
    }
    return .success(output)
  }

  /// The bytes as text.
  static func encode(_ data: some Collection<UInt8>) -> String {
    var output: [UInt8] = []
    output.reserveCapacity((data.count + 2) / 3 * 4)
    var group: UInt32 = 0
    var count: Int = 0
    for byte: UInt8 in data {
      group = group << 8 | UInt32(byte)
      count += 1
      if count == 3 {
        for shift: UInt32 in [18, 12, 6, 0] { output.append(alphabet[Int(group >> shift & 63)]) }
        group = 0
        count = 0
      }
    }
    if count == 1 {
      output += [alphabet[Int(group >> 2)], alphabet[Int(group << 4 & 63)], UInt8(ascii: "="), UInt8(ascii: "=")]
    } else if count == 2 {
      output += [
        alphabet[Int(group >> 10)], alphabet[Int(group >> 4 & 63)], alphabet[Int(group << 2 & 63)], UInt8(ascii: "="),
      ]
    }
    return String(decoding: output, as: UTF8.self)
  }
}
