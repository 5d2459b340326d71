// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// The words that both sides of SPDY/3 give to zlib before the first header block (2.6.10.1).
enum SPDYDictionary {
  private static let words: String = """
    options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow \
    authorization cache-control connection content-base content-encoding content-language content-length \
    content-location content-md5 content-range content-type date etag expect expires from host if-match \
    if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
    proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
    user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie \
    keep-alive origin
    """

  private static let phrases: String = """
    100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 \
    Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 \
    Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept \
    Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
    application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch\
    charset=utf-8charset=iso-8859-1,utf-,*,enq=0.
    """

  /// Each word with its length in four bytes, then the phrases.
  static let bytes: [UInt8] =
    words.split(separator: " ").flatMap { word in
      [0, 0, 0, UInt8(word.utf8.count)] + Array(word.replacingUnderscore.utf8)
    } + Array(phrases.utf8)
}

extension Substring {
  /// A word of the dictionary has a space in it.
  fileprivate var replacingUnderscore: String { String(map { $0 == "_" ? " " : $0 }) }
}

/// Decompresses the header blocks of one direction of a connection.
///
/// `@unchecked Sendable`: its owner is a `~Copyable` reader, so that one task at a time can reach it.
final class SPDYInflater: @unchecked Sendable {
  private let stream: UnsafeMutablePointer<z_stream>

  init() throws(StreamFramingError) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard inflateInit_(stream, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw StreamFramingError(.compression, "zlib cannot begin")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func inflate(_ compressed: ArraySlice<UInt8>, upTo limit: Int) throws(StreamFramingError) -> [UInt8] {
    var input: [UInt8] = Array(compressed)
    var output: [UInt8] = Array(repeating: 0, count: limit)
    let status: CInt = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.pointee.next_in = source.baseAddress
        stream.pointee.avail_in = UInt32(source.count)
        stream.pointee.next_out = target.baseAddress
        stream.pointee.avail_out = UInt32(target.count)
        var status: CInt = CZlib.inflate(stream, Z_SYNC_FLUSH)
        if status == Z_NEED_DICT {
          let words: [UInt8] = SPDYDictionary.bytes
          guard inflateSetDictionary(stream, words, UInt32(words.count)) == Z_OK else { return Z_DATA_ERROR }
          status = CZlib.inflate(stream, Z_SYNC_FLUSH)
        }
        return status
      }
    }
    guard status == Z_OK || status == Z_BUF_ERROR, stream.pointee.avail_in == 0 else {
      throw StreamFramingError(.compression, "spdy: header block cannot be decompressed (\(status))")
    }
    return Array(output.prefix(limit - Int(stream.pointee.avail_out)))
  }
}

/// Compresses the header blocks of one direction of a connection.
///
/// `@unchecked Sendable`: its owner is a `~Copyable` writer, so that one task at a time can reach it.
final class SPDYDeflater: @unchecked Sendable {
  private let stream: UnsafeMutablePointer<z_stream>

  init() throws(StreamFramingError) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let words: [UInt8] = SPDYDictionary.bytes
    guard deflateInit_(stream, Z_BEST_COMPRESSION, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK,
      deflateSetDictionary(stream, words, UInt32(words.count)) == Z_OK
    else { throw StreamFramingError(.compression, "zlib cannot begin") }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  func deflate(_ bytes: [UInt8]) throws(StreamFramingError) -> [UInt8] {
    var input: [UInt8] = bytes
    var output: [UInt8] = Array(repeating: 0, count: bytes.count + 1024)
    let status: CInt = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.pointee.next_in = source.baseAddress
        stream.pointee.avail_in = UInt32(source.count)
        stream.pointee.next_out = target.baseAddress
        stream.pointee.avail_out = UInt32(target.count)
        return CZlib.deflate(stream, Z_SYNC_FLUSH)
      }
    }
    guard status == Z_OK, stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 else {
      throw StreamFramingError(.compression, "spdy: header block cannot be compressed (\(status))")
    }
    return Array(output.prefix(output.count - Int(stream.pointee.avail_out)))
  }
}
