// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import GRPCCore
internal import Glibc
internal import Kernel

/// Copies volumes' data: owners, modes, times, links, holes and extended attributes included.
enum TreeCopy {
  /// Copies a directory's contents into an empty directory. Symbolic links are copied, never followed.
  static func copyTree(_ source: String, _ target: String) throws {
    guard let reader: OpaquePointer = archive_read_disk_new(), let writer: OpaquePointer = archive_write_disk_new(),
      let links: OpaquePointer = archive_entry_linkresolver_new()
    else { throw CSIHostPathError(.resourceExhausted, "out of memory") }
    defer {
      archive_read_free(reader)
      // The times of directories are set when the writer closes.
      archive_write_free(writer)
      archive_entry_linkresolver_free(links)
    }
    archive_entry_linkresolver_set_strategy(links, CInt(ARCHIVE_FORMAT_TAR_USTAR))
    archive_read_disk_set_symlink_physical(reader)
    let attributes: CInt = CInt(ARCHIVE_EXTRACT_XATTR) | CInt(ARCHIVE_EXTRACT_ACL) | CInt(ARCHIVE_EXTRACT_SPARSE)
    archive_write_disk_set_options(
      writer, CInt(ARCHIVE_EXTRACT_OWNER) | CInt(ARCHIVE_EXTRACT_PERM) | CInt(ARCHIVE_EXTRACT_TIME) | attributes)
    guard archive_read_disk_open(reader, source) == ARCHIVE_OK else { throw failure(reader, source) }
    while true {
      var entry: OpaquePointer? = archive_entry_new()
      defer { archive_entry_free(entry) }
      let status: CInt = archive_read_next_header2(reader, entry)
      if status == ARCHIVE_EOF { break }
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let path = archive_entry_pathname(entry) else {
        throw failure(reader, source)
      }
      archive_read_disk_descend(reader)
      archive_entry_set_pathname(entry, target + String(cString: path).dropFirst(source.count))
      var spare: OpaquePointer?
      archive_entry_linkify(links, &entry, &spare)
      try write(entry, reader, writer, target)
    }
    guard archive_write_close(writer) == ARCHIVE_OK else { throw failure(writer, target) }
  }

  private static func write(
    _ entry: OpaquePointer?, _ reader: OpaquePointer, _ writer: OpaquePointer, _ target: String
  ) throws {
    let status: CInt = archive_write_header(writer, entry)
    guard status == ARCHIVE_OK || status == ARCHIVE_WARN else { throw failure(writer, target) }
    if archive_entry_size(entry) > 0, archive_entry_hardlink(entry) == nil {
      var buffer: UnsafeRawPointer?
      var size: Int = 0
      var offset: Int64 = 0
      while true {
        let status: CInt = archive_read_data_block(reader, &buffer, &size, &offset)
        if status == ARCHIVE_EOF { break }
        guard status == ARCHIVE_OK || status == ARCHIVE_WARN else { throw failure(reader, target) }
        guard archive_write_data_block(writer, buffer, size, offset) >= ARCHIVE_WARN else {
          throw failure(writer, target)
        }
      }
    }
    guard archive_write_finish_entry(writer) >= ARCHIVE_WARN else { throw failure(writer, target) }
  }

  private static func failure(_ archive: OpaquePointer, _ path: String) -> CSIHostPathError {
    let why: String = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
    return CSIHostPathError(.internalError, "copying \(path): \(why)")
  }

  /// Copies a disk image, leaving holes where it is zero.
  static func copyFile(_ source: String, _ target: String) throws {
    let input: CInt = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw SystemError(.current, "open", source) }
    defer { close(input) }
    let output: CInt = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw SystemError(.current, "open", target) }
    defer { close(output) }
    var chunk: [UInt8] = Array(repeating: 0, count: 1 << 20)
    var offset: off_t = 0
    let end: off_t = lseek(input, 0, SEEK_END)
    while true {
      // Skips holes of the source at once; ENXIO says that nothing but a hole is left.
      let data: off_t = lseek(input, offset, 3 /* SEEK_DATA */)
      if data < 0 { break }
      offset = data
      let count: Int = pread(input, &chunk, chunk.count, offset)
      guard count >= 0 else { throw SystemError(.current, "read", source) }
      if count == 0 { break }
      if chunk[..<count].contains(where: { $0 != 0 }) {
        guard pwrite(output, chunk, count, offset) == count else { throw SystemError(.current, "write", target) }
      }
      offset += count
    }
    guard ftruncate(output, end) == 0 else { throw SystemError(.current, "truncate", target) }
  }
}
