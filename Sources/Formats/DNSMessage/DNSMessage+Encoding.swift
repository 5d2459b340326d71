// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses

extension DNSMessage {
  /// The bytes, with names compressed.
  ///
  /// - Parameter limit: the most bytes; what does not fit is left out, record by record from the end. Where an answer is
  ///   left out the message says that it is truncated; additional records are left out silently (RFC 2181 section 9).
  public func encoded(limit: Int = 65_535) -> [UInt8] {
    var writer: MessageWriter = MessageWriter()
    let extensionBytes: Int = extensions == nil ? 0 : 11
    writer.append(id)
    writer.append(UInt16(0))
    for _ in 0..<4 { writer.append(UInt16(0)) }
    for question: DNSQuestion in questions {
      writer.append(question.name)
      writer.append(question.type.rawValue)
      writer.append(question.questionClass)
    }
    var isCut: Bool = isTruncated
    var counts: [UInt16] = [UInt16(questions.count), 0, 0, 0]
    for (section, records) in [answers, authorities, additionals].enumerated() {
      for record: DNSRecord in records {
        let mark: Int = writer.bytes.count
        writer.append(record)
        guard writer.bytes.count + extensionBytes <= limit else {
          writer.cut(to: mark)
          if section < 2 { isCut = true }
          break
        }
        counts[section + 1] += 1
      }
      if isCut { break }
    }
    if let extensions {
      writer.append(extensions)
      counts[3] += 1
    }
    writer.set(2, flags(isCut: isCut))
    for (place, count) in counts.enumerated() { writer.set(4 + 2 * place, count) }
    return writer.bytes
  }

  private func flags(isCut: Bool) -> UInt16 {
    (isResponse ? 0x8000 : 0) | UInt16(opcode & 15) << 11 | (isAuthoritative ? 0x0400 : 0) | (isCut ? 0x0200 : 0)
      | (recursionDesired ? 0x0100 : 0) | (recursionAvailable ? 0x0080 : 0) | UInt16(code.rawValue)
  }
}

/// Builds a message and remembers where each name was written.
private struct MessageWriter {
  /// A pointer has 14 bits.
  private static let pointerMax: Int = 0x3FFF

  var bytes: [UInt8] = []
  private var places: [DNSName: Int] = [:]

  mutating func append(_ value: UInt16) {
    bytes.append(UInt8(value >> 8))
    bytes.append(UInt8(value & 255))
  }

  mutating func append(_ value: UInt32) {
    append(UInt16(value >> 16))
    append(UInt16(value & 0xFFFF))
  }

  mutating func set(_ place: Int, _ value: UInt16) {
    bytes[place] = UInt8(value >> 8)
    bytes[place + 1] = UInt8(value & 255)
  }

  /// Takes back what was written from a place on.
  mutating func cut(to count: Int) {
    bytes.removeSubrange(count...)
    places = places.filter { $0.value < count }
  }

  mutating func append(_ name: DNSName, isCompressed: Bool = true) {
    var rest: DNSName = name
    while let label: [UInt8] = rest.labels.first {
      if isCompressed, let place: Int = places[rest] {
        append(UInt16(0xC000 | place))
        return
      }
      if bytes.count <= Self.pointerMax { places[rest] = places[rest] ?? bytes.count }
      bytes.append(UInt8(label.count))
      bytes.append(contentsOf: label)
      rest = rest.dropFirst(1)
    }
    bytes.append(0)
  }

  mutating func append(_ record: DNSRecord) {
    append(record.name)
    append(record.data.type.rawValue)
    append(record.recordClass)
    append(record.ttl)
    let start: Int = bytes.count
    append(UInt16(0))
    append(record.data)
    set(start, UInt16(clamping: bytes.count - start - 2))
  }

  private mutating func append(_ data: DNSData) {
    switch data {
    case .a(let address): bytes.append(contentsOf: address.bytes)
    case .aaaa(let address): bytes.append(contentsOf: address.bytes)
    case .cname(let name), .ptr(let name), .ns(let name): append(name)
    case .soa(let primary, let mailbox, let serial, let refresh, let retry, let expire, let minimum):
      append(primary)
      append(mailbox)
      for number: UInt32 in [serial, refresh, retry, expire, minimum] { append(number) }
    case .srv(let priority, let weight, let port, let target):
      for number: UInt16 in [priority, weight, port] { append(number) }
      // Names in SRV are not compressed (RFC 2782).
      append(target, isCompressed: false)
    case .txt(let texts):
      for text: String in texts {
        let raw: [UInt8] = Array(text.utf8.prefix(255))
        bytes.append(UInt8(raw.count))
        bytes.append(contentsOf: raw)
      }
    case .other(_, let raw): bytes.append(contentsOf: raw)
    }
  }

  mutating func append(_ extensions: DNSMessage.Extension) {
    bytes.append(0)
    append(DNSType.opt.rawValue)
    append(extensions.payloadBytes)
    append(UInt32(extensions.version) << 16 | (extensions.wantsDNSSEC ? 0x8000 : 0))
    append(UInt16(0))
  }
}
