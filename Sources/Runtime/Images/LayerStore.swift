// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import struct Crypto.SHA256
internal import Glibc
internal import JSON
internal import Kernel
internal import OCISpec

/// Unpacked layers, one directory per chain ID (image-spec, config.md, Layer ChainID).
///
/// The directory's name is short because overlayfs' mount data must fit one page with all layers in it.
struct LayerStore: Sendable {
  /// The directory that holds `layers/`.
  let root: String

  private static let nameLength: Int = 24

  func prepare() throws(ImagesError) {
    try Files.makeDirectory("\(root)/layers", mode: 0o755)
    // What a killed process was unpacking.
    for name: String in Files.list("\(root)/layers") where name.hasPrefix(".") {
      try Files.removeTree("\(root)/layers/\(name)")
    }
    let empty: String = path(Self.emptyName)
    if !Files.exists(empty) { try Files.makeDirectory(empty, mode: 0o755) }
  }

  /// The layer of an image without layers: overlayfs wants one.
  static let emptyName: String = "empty"

  /// The chain IDs of a list of layers, lowest first.
  static func chainIDs(_ diffIDs: [Digest]) -> [Digest] {
    var chain: [Digest] = []
    for diffID: Digest in diffIDs {
      guard let parent: Digest = chain.last else {
        chain.append(diffID)
        continue
      }
      chain.append(Digest(sha256: SHA256.hash(data: Array("\(parent) \(diffID)".utf8))))
    }
    return chain
  }

  static func name(_ chainID: Digest) -> String { String(chainID.hex.prefix(nameLength)) }

  func path(_ name: String) -> String { "\(root)/layers/\(name)" }
  func has(_ chainID: Digest) -> Bool { Files.exists(path(Self.name(chainID))) }

  /// Unpacks a layer's blob over its lower layers, unless it is there.
  ///
  /// - Parameters:
  ///   - lower: the names of the layers below, topmost first.
  ///   - diffID: the digest that the uncompressed layer must have.
  func unpack(blob: String, chainID: Digest, lower: [String], diffID: Digest) throws {
    let name: String = Self.name(chainID)
    guard !Files.exists(path(name)) else { return }
    let temporary: String = path(".\(name).\(getpid())")
    try Files.removeTree(temporary)
    guard mkdir(temporary, 0o755) == 0, chmod(temporary, 0o755) == 0 else {
      throw ImagesError.system("mkdir", temporary)
    }
    do {
      let found: Digest
      do {
        let tree: LayerTree = try LayerTree(root: temporary, lower: lower.map(path))
        let unpacker: LayerUnpacker = LayerUnpacker(tree: tree)
        found = try unpacker.unpack(blob)
      }
      guard found == diffID else {
        throw ImagesError(
          code: .invalidData, message: "wrong diff id calculated on extraction: got \(found), want \(diffID)")
      }
      let usage: (bytes: UInt64, inodes: UInt64) = Files.usage(temporary)
      let facts: JSONValue = [
        "chainID": .string(chainID.description), "bytes": JSONValue(usage.bytes), "inodes": JSONValue(usage.inodes),
      ]
      Failpoints.reach("Unpack.extracted")
      // Its name says that a layer is whole: what it holds must be on the disk before.
      try Kernel.Files.syncFileSystem(of: temporary)
      try Files.replace("\(path(name)).json", with: facts.bytes)
      guard rename(temporary, path(name)) == 0 else { throw ImagesError.system("rename", path(name)) }
      Failpoints.reach("Unpack.renamed")
    } catch {
      // The first error is what matters; the next start removes what is left here.
      try? Files.removeTree(temporary)
      throw error
    }
  }

  /// The names of all layers.
  func names() -> [String] {
    Files.list("\(root)/layers").filter { !$0.hasSuffix(".json") && !$0.hasPrefix(".") && $0 != Self.emptyName }
  }

  /// Removes a layer; its name is gone at once, its files in a while.
  func remove(_ name: String) throws(ImagesError) {
    let doomed: String = path(".\(name).removed")
    try Files.removeTree(doomed)
    guard rename(path(name), doomed) == 0 || errno == ENOENT else { throw .system("rename", path(name)) }
    _ = unlink("\(path(name)).json")
    try Files.removeTree(doomed)
  }

  /// What a layer occupies, as measured when it was unpacked.
  func usage(_ name: String) -> (bytes: UInt64, inodes: UInt64) {
    // Missing or damaged facts are measured again.
    if let bytes: [UInt8] = try? Files.read("\(path(name)).json"),
      let facts: JSONValue = try? JSONValue(parsing: bytes),
      let size: Int64 = facts["bytes"].int, let inodes: Int64 = facts["inodes"].int
    {
      return (UInt64(clamping: size), UInt64(clamping: inodes))
    }
    return Files.usage(path(name))
  }
}
