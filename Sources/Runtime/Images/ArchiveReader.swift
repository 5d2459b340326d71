// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Glibc
internal import OCISpec

/// Reads a tar archive that may be compressed with gzip, zstd, bzip2 or xz, and hashes the uncompressed bytes.
final class ArchiveReader {
  private static let blockBytes: Int = 256 << 10

  /// Decompresses.
  private let source: OpaquePointer
  /// Reads the tar that the source makes.
  private let tar: OpaquePointer
  private let path: String
  private let fd: CInt
  private let block: UnsafeMutableRawBufferPointer
  private var hash: BlobHash

  init(path: String, hashing algorithm: String = "sha256") throws(ImagesError) {
    guard let source: OpaquePointer = archive_read_new(), let tar: OpaquePointer = archive_read_new() else {
      throw ImagesError(code: .system, message: "out of memory")
    }
    self.source = source
    self.tar = tar
    self.path = path
    self.fd = try Files.open(path, O_RDONLY)
    self.block = .allocate(byteCount: Self.blockBytes, alignment: 16)
    self.hash = BlobHash(algorithm)
    archive_read_support_filter_gzip(source)
    archive_read_support_filter_zstd(source)
    archive_read_support_filter_bzip2(source)
    archive_read_support_filter_xz(source)
    archive_read_support_format_raw(source)
    archive_read_support_format_empty(source)
    archive_read_support_format_tar(tar)
    archive_read_support_format_empty(tar)
  }

  deinit {
    archive_read_free(tar)
    archive_read_free(source)
    block.deallocate()
    close(fd)
  }

  /// Calls `body` for each entry, then answers the digest of the uncompressed archive.
  func forEachEntry(_ body: (ArchiveEntry) throws -> Void) throws -> Digest {
    // libarchive converts pax names to the thread's character set, which must be able to hold them.
    let utf8: locale_t? = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
    let previous: locale_t? = uselocale(utf8)
    defer {
      uselocale(previous)
      if let utf8 { freelocale(utf8) }
    }
    guard archive_read_open_fd(source, fd, Self.blockBytes) == ARCHIVE_OK else { throw failure(source) }
    var header: OpaquePointer?
    let first: CInt = archive_read_next_header(source, &header)
    guard first == ARCHIVE_OK || first == ARCHIVE_EOF else { throw failure(source) }
    // The reader outlives both archives, so it may be reached without counting.
    let me: UnsafeMutableRawPointer = Unmanaged.passUnretained(self).toOpaque()
    let opened: CInt = archive_read_open(
      tar, me, nil,
      { _, client, buffer in
        guard let client, let buffer else { return -1 }
        return Unmanaged<ArchiveReader>.fromOpaque(client).takeUnretainedValue().nextBlock(buffer)
      }, nil)
    guard opened == ARCHIVE_OK else { throw failure(tar) }
    while true {
      var entry: OpaquePointer?
      let status: CInt = archive_read_next_header(tar, &entry)
      if status == ARCHIVE_EOF { break }
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw failure(tar) }
      try body(ArchiveEntry(entry: entry, reader: self))
    }
    // The digest covers also what stands behind the end-of-archive mark.
    var ignored: UnsafeRawPointer?
    while true {
      let count: Int = nextBlock(&ignored)
      if count == 0 { break }
      if count < 0 { throw failure(source) }
    }
    return try hash.finish()
  }

  private func nextBlock(_ buffer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
    let count: Int = archive_read_data(source, block.baseAddress, block.count)
    guard count > 0 else {
      if count < 0 { archive_copy_error(tar, source) }
      return count < 0 ? -1 : 0
    }
    let part: UnsafeRawBufferPointer = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<count])
    hash.update(part)
    buffer.pointee = part.baseAddress
    return count
  }

  private func failure(_ archive: OpaquePointer) -> ImagesError {
    let why: String = archive_error_string(archive).map { String(cString: $0) } ?? "not an archive"
    return ImagesError(code: .invalidData, message: "archive \(path): \(why)")
  }

  /// Copies the current entry's data to a file, leaving holes where the archive has them.
  fileprivate func copyData(to fd: CInt, path: String) throws {
    var buffer: UnsafeRawPointer?
    var size: Int = 0
    var offset: Int64 = 0
    while true {
      let status: CInt = archive_read_data_block(tar, &buffer, &size, &offset)
      if status == ARCHIVE_EOF { return }
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN else { throw failure(tar) }
      guard size > 0 else { continue }
      guard lseek(fd, off_t(offset), SEEK_SET) >= 0 else { throw ImagesError.system("lseek", path) }
      try Files.write(fd, UnsafeRawBufferPointer(start: buffer, count: size), path: path)
    }
  }
}

/// One entry of an archive, good until the next is read.
struct ArchiveEntry {
  fileprivate let entry: OpaquePointer
  fileprivate let reader: ArchiveReader

  /// The name, as written.
  var path: String {
    // A name that is not UTF-8 has no multi-byte form; the raw bytes are what the file system gets.
    archive_entry_pathname(entry).map { String(cString: $0) } ?? ""
  }
  var hardLink: String? { archive_entry_hardlink(entry).map { String(cString: $0) } }
  var symbolicLink: String? { archive_entry_symlink(entry).map { String(cString: $0) } }
  /// The kind of file, as in st_mode; 0 for a hard link in some archives.
  var fileType: mode_t { mode_t(archive_entry_filetype(entry)) }
  var permissions: mode_t { mode_t(archive_entry_perm(entry)) & 0o7777 }
  var uid: uid_t { uid_t(truncatingIfNeeded: archive_entry_uid(entry)) }
  var gid: gid_t { gid_t(truncatingIfNeeded: archive_entry_gid(entry)) }
  var size: Int64 { archive_entry_size(entry) }
  var device: dev_t { archive_entry_rdev(entry) }
  var modificationTime: timespec {
    timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
  }

  /// The extended attributes.
  var extendedAttributes: [(name: String, value: [UInt8])] {
    var attributes: [(String, [UInt8])] = []
    archive_entry_xattr_reset(entry)
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size: Int = 0
    while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
      guard let name else { continue }
      attributes.append((String(cString: name), Array(UnsafeRawBufferPointer(start: value, count: size))))
    }
    return attributes
  }

  /// Copies the contents to an open file.
  func copyData(to fd: CInt, path: String) throws { try reader.copyData(to: fd, path: path) }
}
