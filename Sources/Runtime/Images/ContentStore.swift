// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import struct Crypto.SHA256
internal import struct Crypto.SHA512
internal import Glibc
internal import JSON
internal import OCISpec

/// The blobs of an OCI image layout directory (image-spec, image-layout.md).
///
/// A blob has its name only when it is whole and its digest was verified; what is on the way is in `ingest/`.
struct ContentStore: Sendable {
  /// The directory of the layout.
  let root: String

  /// Manifests and configurations are small; larger ones are an attack (distribution-spec asks for 4 MiB).
  static let documentBytesMax: Int = 8 << 20

  func prepare() throws(ImagesError) {
    for directory: String in ["blobs/sha256", "blobs/sha512", "ingest"] {
      try Files.makeDirectory("\(root)/\(directory)")
    }
    if !Files.exists("\(root)/oci-layout") {
      try Files.replace("\(root)/oci-layout", with: Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
    }
  }

  func path(_ digest: Digest) -> String { "\(root)/blobs/\(digest.algorithm)/\(digest.hex)" }
  func partialPath(_ digest: Digest) -> String { "\(root)/ingest/\(digest.hex).partial" }
  func has(_ digest: Digest) -> Bool { Files.exists(path(digest)) }

  /// A document; the digest is checked again, as a damaged one could name anything.
  func document(_ digest: Digest) throws -> JSONValue {
    let bytes: [UInt8] = try Files.read(path(digest), upTo: Self.documentBytesMax)
    guard Self.digest(of: bytes, like: digest) == digest else {
      throw ImagesError(code: .invalidData, message: "blob \(digest) on disk is damaged: remove \(path(digest))")
    }
    return try JSONValue(parsing: bytes)
  }

  /// Stores a small blob.
  func add(_ bytes: [UInt8], as digest: Digest) throws(ImagesError) {
    guard Self.digest(of: bytes, like: digest) == digest else {
      throw ImagesError(code: .invalidData, message: "content does not have the digest \(digest)")
    }
    try Files.replace(path(digest), with: bytes)
  }

  /// Stores a small blob under its SHA-256.
  func add(_ bytes: [UInt8]) throws(ImagesError) -> Digest {
    let digest: Digest = Digest(sha256: SHA256.hash(data: bytes))
    if !has(digest) { try add(bytes, as: digest) }
    return digest
  }

  /// Takes in a file, verified; the file may be anywhere on this machine and stays.
  func addFile(_ source: String, as expected: Digest?) throws -> ImageDescriptorParts {
    let temporary: String = "\(root)/ingest/\(expected?.hex ?? "file")-\(getpid()).copy"
    let input: CInt = try Files.open(source, O_RDONLY)
    defer { close(input) }
    let output: CInt = try Files.open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
    defer { close(output) }
    var hash: BlobHash = BlobHash(expected?.algorithm ?? "sha256")
    var size: Int64 = 0
    var chunk: [UInt8] = Array(repeating: 0, count: 256 << 10)
    while true {
      let count: Int = Glibc.read(input, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw ImagesError.system("read", source) }
      if count == 0 { break }
      try chunk.withUnsafeBytes { buffer in
        let part: UnsafeRawBufferPointer = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        hash.update(part)
        try Files.write(output, part, path: temporary)
      }
      size += Int64(count)
    }
    let digest: Digest = try hash.finish()
    guard expected == nil || expected == digest else {
      _ = unlink(temporary)
      throw ImagesError(
        code: .invalidData, message: "\(source) has the digest \(digest), not \(expected?.description ?? "")")
    }
    try commit(output, temporary: temporary, as: digest)
    return ImageDescriptorParts(digest: digest, sizeBytes: size)
  }

  /// Gives a whole and verified file its name, durably.
  func commit(_ fd: CInt, temporary: String, as digest: Digest) throws(ImagesError) {
    guard fsync(fd) == 0 else { throw .system("fsync", temporary) }
    guard rename(temporary, path(digest)) == 0 else { throw .system("rename", path(digest)) }
    Files.syncDirectory(of: path(digest))
  }

  func remove(_ digest: Digest) {
    _ = unlink(path(digest))
  }

  /// Every blob on disk.
  func all() -> [Digest] {
    // A name that is no digest was not put there by a store, and is left alone.
    ["sha256", "sha512"].flatMap { algorithm in
      Files.list("\(root)/blobs/\(algorithm)").compactMap { try? Digest("\(algorithm):\($0)") }
    }
  }

  /// The digest of bytes by the same function as another's.
  static func digest(of bytes: [UInt8], like other: Digest) -> Digest? {
    var hash: BlobHash = BlobHash(other.algorithm)
    bytes.withUnsafeBytes { hash.update($0) }
    // A hash of a registered algorithm always makes a digest.
    return try? hash.finish()
  }
}

/// What a stored file is.
struct ImageDescriptorParts: Sendable {
  let digest: Digest
  let sizeBytes: Int64
}

/// A running hash by the algorithm that a digest names.
struct BlobHash: Sendable {
  private enum Function: Sendable {
    case sha256(SHA256)
    case sha512(SHA512)
  }
  private var function: Function

  init(_ algorithm: String) {
    function = algorithm == "sha512" ? .sha512(SHA512()) : .sha256(SHA256())
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch function {
    case .sha256(var hash):
      hash.update(bufferPointer: bytes)
      function = .sha256(hash)
    case .sha512(var hash):
      hash.update(bufferPointer: bytes)
      function = .sha512(hash)
    }
  }

  func finish() throws(OCISpecError) -> Digest {
    switch function {
    case .sha256(let hash): return Digest(sha256: hash.finalize())
    case .sha512(let hash):
      let digits: [Character] = Array("0123456789abcdef")
      let hex: String = String(hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
      return try Digest("sha512:\(hex)")
    }
  }
}
