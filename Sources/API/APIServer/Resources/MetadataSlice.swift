// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// An object's metadata as bytes, cut out of the object's JSON text: nothing is parsed and written anew for those who
/// list or watch metadata alone, as the garbage collector does with everything there is.
enum MetadataSlice {
  private static let opening: String = "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"

  /// Appends the object as a PartialObjectMetadata; false where its text is not one that our encoder wrote.
  static func write(_ json: [UInt8], into buffer: inout ByteBuffer) -> Bool {
    guard let place: Range<Int> = member("metadata", of: json) else { return false }
    buffer.writeString(opening)
    buffer.writeBytes(json[place])
    buffer.writeInteger(UInt8(ascii: "}"))
    return true
  }

  /// Where the value of a member of the outermost object lies.
  static func member(_ name: String, of json: [UInt8]) -> Range<Int>? {
    var name: String = name
    return name.withUTF8 { name in
      json.withUnsafeBufferPointer { bytes in
        var walk: Walk = Walk(bytes: bytes)
        return walk.member(name)
      }
    }
  }

  /// A walk over a JSON text that is trusted to be well formed: on anything else it ends without a result.
  private struct Walk {
    let bytes: UnsafeBufferPointer<UInt8>
    var place: Int = 0

    mutating func member(_ name: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
      guard take(UInt8(ascii: "{")) else { return nil }
      while let key: Range<Int> = string(), take(UInt8(ascii: ":")), let value: Range<Int> = value() {
        if key.count == name.count + 2, zip(bytes[(key.lowerBound + 1)...], name).allSatisfy(==) { return value }
        guard take(UInt8(ascii: ",")) else { return nil }
      }
      return nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard place < bytes.count, bytes[place] == byte else { return false }
      place += 1
      return true
    }

    /// A string with its quotes.
    private mutating func string() -> Range<Int>? {
      let start: Int = place
      guard take(UInt8(ascii: "\"")) else { return nil }
      while place < bytes.count {
        let byte: UInt8 = bytes[place]
        place += byte == UInt8(ascii: "\\") ? 2 : 1
        if byte == UInt8(ascii: "\"") { return start..<place }
      }
      return nil
    }

    private mutating func value() -> Range<Int>? {
      let start: Int = place
      var depth: Int = 0
      while place < bytes.count {
        switch bytes[place] {
        case UInt8(ascii: "\""):
          guard string() != nil else { return nil }
          if depth == 0 { return start..<place }
          continue
        case UInt8(ascii: "{"), UInt8(ascii: "["):
          depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          // The end of the outermost object ends a bare value.
          if depth == 0 { return start..<place }
          depth -= 1
          if depth == 0 {
            place += 1
            return start..<place
          }
        case UInt8(ascii: ","):
          if depth == 0 { return start..<place }
        default: break
        }
        place += 1
      }
      return nil
    }
  }
}
