// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Makes tar archives, good ones and others.
struct TarMaker {
  private(set) var bytes: [UInt8] = []

  static let names: [String] = [
    "a", "b", "a/b", "a/b/c", "../outside/new", "/etc/passwd", "../../../../tmp/apus-fuzz-escape", "./x", "a/../b", "link/new", "link/../x", "link2/canary",
    "a/.wh.b", ".wh.a", ".wh..wh..opq", "a/.wh..wh..opq", ".wh..", ".wh.", ".", "", "/", "..", "a//b", "link", "link2", "é", "a b", "a/b/", "\u{7f}",
  ]

  /// One entry of the old format; names that are too long go into a pax header.
  mutating func add(
    _ name: String, type: UInt8, link: String = "", data: [UInt8] = [], size: Int? = nil, mode: Int = 0o644, pax: [(String, String)] = []
  ) {
    var records: [(String, String)] = pax
    if name.utf8.count > 99 { records.append(("path", name)) }
    if link.utf8.count > 99 { records.append(("linkpath", link)) }
    if !records.isEmpty {
      let text: [UInt8] = records.flatMap { Self.record($0.0, $0.1) }
      bytes += Self.header("pax", 0x78, "", text.count, 0o644) + Self.padded(text)
    }
    bytes += Self.header(name, type, link, size ?? data.count, mode) + Self.padded(data)
  }

  mutating func finish() { bytes += [UInt8](repeating: 0, count: 1024) }

  private static func record(_ key: String, _ value: String) -> [UInt8] {
    let body: Int = key.utf8.count + value.utf8.count + 3
    var length: Int = body + String(body).utf8.count
    length = body + String(length).utf8.count
    return Array("\(length) \(key)=\(value)\n".utf8)
  }

  private static func padded(_ data: [UInt8]) -> [UInt8] {
    data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  private static func header(_ name: String, _ type: UInt8, _ link: String, _ size: Int, _ mode: Int) -> [UInt8] {
    var block: [UInt8] = [UInt8](repeating: 0, count: 512)
    func put(_ offset: Int, _ text: [UInt8], _ count: Int) {
      for (place, byte) in text.prefix(count).enumerated() { block[offset + place] = byte }
    }
    func octal(_ value: Int, _ width: Int) -> [UInt8] {
      let digits: String = String(max(value, 0), radix: 8)
      return Array((String(repeating: "0", count: max(0, width - digits.count)) + digits).utf8)
    }
    put(0, Array(name.utf8), 99)
    put(100, octal(mode, 7), 7)
    put(108, octal(0, 7), 7)
    put(116, octal(0, 7), 7)
    put(124, octal(size, 11), 11)
    put(136, octal(1000, 11), 11)
    put(148, Array(repeating: 0x20, count: 8), 8)
    block[156] = type
    put(157, Array(link.utf8), 99)
    put(257, Array("ustar\u{0}00".utf8), 8)
    put(148, octal(block.reduce(0) { $0 + Int($1) }, 6) + [0, 0x20], 8)
    return block
  }
}
