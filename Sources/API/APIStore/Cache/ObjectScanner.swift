// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// What the cache needs to know of an encoded object, found in one pass without building values.
struct ObjectScan {
  /// Where the members of `metadata` begin: the offset after its opening brace; nil where there is none.
  var metadataStart: Int?
  /// Whether `metadata` has members.
  var metadataHasMembers: Bool = false
  /// Where the text of `metadata.resourceVersion` is, without its quotes.
  var resourceVersion: Range<Int>?
  var name: String = ""
  var namespace: String = ""
  var labels: [String: String] = [:]
  /// One value for each path that was asked for: the text of a string, number or truth value.
  var fields: [String]
}

/// Walks over the bytes of a JSON text that our own encoder wrote.
///
/// It trusts the text to be well formed: on anything else it stops and reports what it has.
struct ObjectScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var offset: Int = 0
  private var scan: ObjectScan
  private let paths: [[String]]

  /// Scans an object.
  static func scan(_ bytes: [UInt8], fields paths: [[String]]) -> ObjectScan {
    bytes.withUnsafeBufferPointer { buffer in
      var scanner: ObjectScanner = ObjectScanner(buffer, paths)
      scanner.object(depth: 0, active: Array(paths.indices), inMetadata: false)
      return scanner.scan
    }
  }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ paths: [[String]]) {
    self.bytes = bytes
    self.paths = paths
    self.scan = ObjectScan(fields: Array(repeating: "", count: paths.count))
  }

  private mutating func skipSpace() {
    while offset < bytes.count, bytes[offset] == 0x20 || (bytes[offset] >= 0x09 && bytes[offset] <= 0x0D) {
      offset += 1
    }
  }

  /// Calls the body with each key of the object at the offset, which stands at the value then.
  private mutating func members(_ body: (inout ObjectScanner, String) -> Void) {
    skipSpace()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "{") else { return skipValue() }
    offset += 1
    while true {
      skipSpace()
      guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { break }
      let key: String = string()
      skipSpace()
      guard offset < bytes.count, bytes[offset] == UInt8(ascii: ":") else { return }
      offset += 1
      skipSpace()
      let before: Int = offset
      body(&self, key)
      guard offset > before else { return }
      skipSpace()
      if offset < bytes.count, bytes[offset] == UInt8(ascii: ",") { offset += 1 }
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "}") { offset += 1 }
  }

  private mutating func object(depth: Int, active: [Int], inMetadata: Bool) {
    members { scanner, key in
      if depth == 0, key == "metadata" {
        scanner.metadata(active: active.filter { scanner.paths[$0].first == "metadata" })
        return
      }
      let matching: [Int] = active.filter { scanner.paths[$0].count > depth && scanner.paths[$0][depth] == key }
      scanner.value(depth: depth, matching: matching)
    }
  }

  private mutating func value(depth: Int, matching: [Int]) {
    guard !matching.isEmpty else { return skipValue() }
    let ending: [Int] = matching.filter { paths[$0].count == depth + 1 }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "{") {
      object(depth: depth + 1, active: matching.filter { paths[$0].count > depth + 1 }, inMetadata: false)
    } else {
      let text: String = scalar()
      for place: Int in ending { scan.fields[place] = text }
    }
  }

  private mutating func metadata(active: [Int]) {
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "{") else { return skipValue() }
    scan.metadataStart = offset + 1
    members { scanner, key in
      scanner.scan.metadataHasMembers = true
      let matching: [Int] = active.filter { scanner.paths[$0].count > 1 && scanner.paths[$0][1] == key }
      switch key {
      case "name": scanner.scan.name = scanner.scalar()
      case "namespace": scanner.scan.namespace = scanner.scalar()
      case "resourceVersion":
        let start: Int = scanner.offset + 1
        scanner.skipValue()
        scanner.scan.resourceVersion = start..<(scanner.offset - 1)
      case "labels":
        scanner.members { inner, label in inner.scan.labels[label] = inner.scalar() }
      default: scanner.value(depth: 1, matching: matching)
      }
    }
  }

  /// The text of a string, number or truth value; empty for anything else.
  private mutating func scalar() -> String {
    guard offset < bytes.count else { return "" }
    switch bytes[offset] {
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      skipValue()
      return ""
    default:
      let start: Int = offset
      skipValue()
      let text: String = String(decoding: bytes[start..<offset], as: UTF8.self)
      return text == "null" ? "" : text
    }
  }

  /// The string at the offset.
  private mutating func string() -> String {
    let start: Int = offset + 1
    let hasEscapes: Bool = skipString()
    guard offset > start else { return "" }
    let text: Slice<UnsafeBufferPointer<UInt8>> = bytes[start..<(offset - 1)]
    return hasEscapes ? Self.unescaped(text) : String(decoding: text, as: UTF8.self)
  }

  private mutating func skipString() -> Bool {
    offset += 1
    var hasEscapes: Bool = false
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        offset += 1
        return hasEscapes
      case UInt8(ascii: "\\"):
        hasEscapes = true
        offset += 2
      default: offset += 1
      }
    }
    return hasEscapes
  }

  private mutating func skipValue() {
    var depth: Int = 0
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        _ = skipString()
        if depth == 0 { return }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        offset += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        offset += 1
        if depth == 0 { return }
      case UInt8(ascii: ","):
        if depth == 0 { return }
        offset += 1
      default:
        offset += 1
        if depth == 0, offset < bytes.count, Self.endsScalar(bytes[offset]) { return }
      }
    }
  }

  private static func endsScalar(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || byte <= 0x20
  }

  private static func unescaped(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    var quoted: [UInt8] = [UInt8(ascii: "\"")]
    quoted.append(contentsOf: text)
    quoted.append(UInt8(ascii: "\""))
    // A malformed escape cannot come from our own encoder; the raw text is the best that can be said of it.
    return (try? JSONValue(parsing: quoted))?.string ?? String(decoding: text, as: UTF8.self)
  }
}
