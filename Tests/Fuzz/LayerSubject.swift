// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CZlib
import Foundation
import Glibc

@testable import Images

/// Layers of images: tar, plain or gzip, unpacked over a lower layer. Whatever they say, nothing outside of their
/// directory may come into being, change or go.
struct LayerSubject: Subject {
  static let name: String = "layer"

  private let base: String

  init() throws {
    base = NSTemporaryDirectory() + "/apus-fuzz-layer.\(getpid())"
    try Files.makeDirectory(base)
  }

  mutating func run(_ random: inout FuzzRandom) throws {
    let archive: [UInt8] = archive(&random)
    FuzzInput.note(archive)
    try prepare()
    let blob: String = "\(base)/blob"
    try Data(archive).write(to: URL(fileURLWithPath: blob))
    let before: [String] = inventory()
    do {
      let tree: LayerTree = try LayerTree(root: "\(base)/root", lower: ["\(base)/lower"])
      _ = try LayerUnpacker(tree: tree).unpack(blob)
    } catch let error as ImagesError {
      // Refused: fine, whatever has been made till then.
      _ = error
    }
    let after: [String] = inventory()
    try expect(before == after, "outside of the layer: \(Set(before).symmetricDifference(after).sorted())")
    _ = Files.usage("\(base)/root")
    try clear()
  }

  private func clear() throws { for name: String in Files.list(base) { try Files.removeTree("\(base)/\(name)") } }

  /// A new layer's directory, the layer below it, and a neighbour that must stay as it is.
  private func prepare() throws {
    try clear()
    for name: String in ["root", "lower", "outside", "lower/a", "lower/d"] { try Files.makeDirectory("\(base)/\(name)") }
    for name: String in ["outside/canary", "lower/a/b", "lower/file"] {
      try Data("alive".utf8).write(to: URL(fileURLWithPath: "\(base)/\(name)"))
    }
    guard symlink("\(base)/outside", "\(base)/lower/link2") == 0, symlink("../outside", "\(base)/lower/link") == 0 else {
      throw ImagesError.system("symlink", base)
    }
  }

  /// Everything but the layer itself, with what would tell a change.
  private func inventory() -> [String] {
    var found: [String] = []
    for name: String in ["", "outside", "outside/canary", "lower", "lower/a", "lower/a/b", "lower/d", "lower/file", "lower/link", "lower/link2"] {
      var status: stat = stat()
      let exists: Bool = lstat("\(base)/\(name)", &status) == 0
      let content: String = name.isEmpty ? "" : ((try? Files.read("\(base)/\(name)")).map { String(decoding: $0, as: UTF8.self) } ?? "")
      found.append("\(name) \(exists) \(status.st_mode) \(status.st_uid) \(status.st_mtim.tv_sec) \(status.st_nlink) \(content)")
    }
    for folder: String in [base, "\(base)/outside", "\(base)/lower", "\(base)/lower/a"] { found.append("\(folder): \(Files.list(folder).sorted())") }
    found.append("escaped: \(Files.exists("/tmp/apus-fuzz-escape"))")
    return found
  }

  private func archive(_ random: inout FuzzRandom) -> [UInt8] {
    var tar: TarMaker = TarMaker()
    if random.oneIn(40) {
      addDeep(&tar, &random)
    } else {
      for _ in 0..<random.below(10) { add(to: &tar, &random) }
    }
    if !random.oneIn(10) { tar.finish() }
    var bytes: [UInt8] = tar.bytes
    if random.oneIn(4) { bytes = Mutation.mutated(bytes, tokens: ["../", "ustar", "\u{0}", "777"], &random) }
    if random.oneIn(3) {
      bytes = Self.gzip(bytes)
      if random.oneIn(3) { bytes = Mutation.mutated(bytes, tokens: [], &random) }
    }
    return bytes
  }

  private func addDeep(_ tar: inout TarMaker, _ random: inout FuzzRandom) {
    let depth: Int = random.below(random.oneIn(20) ? 6000 : 600)
    tar.add(String(repeating: random.pick(["d/", "../", "./", "link/"]), count: depth) + "end", type: 0x30)
    // A link to itself by another way, and a chain that grows as it is followed.
    tar.add("l", type: 0x32, link: String(repeating: "l/", count: random.below(50)))
    tar.add("l/x", type: 0x30)
  }

  private func add(to tar: inout TarMaker, _ random: inout FuzzRandom) {
    let outside: String = "\(base)/outside"
    let names: [String] = TarMaker.names + ["\(outside)/new", "..\(outside)/canary", String(repeating: "n", count: 300)]
    let name: String = random.oneIn(8) ? random.word() : random.pick(names)
    let targets: [String] = [outside, "../outside", "..", "/", "a", ".", "link", "\(outside)/canary", "../../lower/file", "/lower/file", "d"]
    let link: String = random.pick(targets)
    let data: [UInt8] = random.oneIn(3) ? [] : Array(repeating: 0x61, count: random.below(2000))
    var pax: [(String, String)] = []
    if random.oneIn(6) {
      pax = [random.pick([
        ("path", "../outside/new"), ("size", "9223372036854775807"), ("size", "-1"), ("mtime", "1e99"), ("SCHILY.xattr.user.a", "b"),
        ("SCHILY.xattr.trusted.overlay.opaque", "y"), ("SCHILY.xattr.trusted.overlay.redirect", "/etc"), ("linkpath", "/etc/passwd"), ("uid", "-5"), ("GNU.sparse.map", "0,1,5"),
      ])]
    }
    // File, hard link, symbolic link, devices, directory, fifo, and types that nobody knows.
    let type: UInt8 = random.pick([0x30, 0x30, 0x31, 0x31, 0x32, 0x32, 0x32, 0x33, 0x34, 0x35, 0x35, 0x36, 0x37, 0x4c, 0x53, 0x5a])
    tar.add(name, type: type, link: link, data: type == 0x30 ? data : [], mode: random.pick([0o644, 0o755, 0o4755, 0, 0o7777]), pax: pax)
  }

  private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream: z_stream = z_stream()
    // 16 more window bits ask for gzip's frame.
    guard deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else { return bytes }
    defer { deflateEnd(&stream) }
    var input: [UInt8] = bytes
    var output: [UInt8] = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(bytes.count))) + 64)
    let count: Int = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = uInt(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = uInt(target.count)
        _ = deflate(&stream, Z_FINISH)
        return Int(stream.total_out)
      }
    }
    return Array(output.prefix(count))
  }
}
