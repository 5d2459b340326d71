// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses

extension DNSMessage {
  /// Reads a message. Never reads past its end, follows compression backwards only, and bounds what it makes.
  public init(parsing bytes: [UInt8]) throws(DNSMessageError) {
    self.init()
    var reader: MessageReader = MessageReader(bytes)
    id = try reader.number16()
    let flags: UInt16 = try reader.number16()
    isResponse = flags & 0x8000 != 0
    opcode = UInt8(flags >> 11 & 15)
    isAuthoritative = flags & 0x0400 != 0
    isTruncated = flags & 0x0200 != 0
    recursionDesired = flags & 0x0100 != 0
    recursionAvailable = flags & 0x0080 != 0
    code = DNSResponseCode(rawValue: UInt8(flags & 15)) ?? .serverFailure
    let counts: [UInt16] = [
      try reader.number16(), try reader.number16(), try reader.number16(), try reader.number16(),
    ]
    for _ in 0..<counts[0] {
      var question: DNSQuestion = DNSQuestion(try reader.name(), DNSType(rawValue: try reader.number16()))
      question.questionClass = try reader.number16()
      questions.append(question)
    }
    answers = try reader.records(counts[1])
    authorities = try reader.records(counts[2])
    additionals = try reader.records(counts[3])
    if let place: Int = additionals.firstIndex(where: { $0.data.type == .opt }) {
      let record: DNSRecord = additionals.remove(at: place)
      var read: Extension = Extension(payloadBytes: record.recordClass, wantsDNSSEC: record.ttl & 0x8000 != 0)
      read.version = UInt8(record.ttl >> 16 & 255)
      extensions = read
    }
  }

  /// The offsets of the records' lifetimes in a message, and the shortest lifetime; OPT has none.
  public static func lifetimes(of bytes: [UInt8]) throws(DNSMessageError) -> (offsets: [Int], shortest: UInt32?) {
    var reader: MessageReader = MessageReader(bytes)
    reader.offset = 4
    let counts: [UInt16] = [
      try reader.number16(), try reader.number16(), try reader.number16(), try reader.number16(),
    ]
    for _ in 0..<counts[0] {
      _ = try reader.name()
      reader.offset += 4
    }
    var offsets: [Int] = []
    var shortest: UInt32?
    for _ in 0..<(Int(counts[1]) + Int(counts[2]) + Int(counts[3])) {
      _ = try reader.name()
      let type: UInt16 = try reader.number16()
      reader.offset += 2
      let place: Int = reader.offset
      let ttl: UInt32 = try reader.number32()
      if type != DNSType.opt.rawValue {
        offsets.append(place)
        shortest = min(shortest ?? ttl, ttl)
      }
      reader.offset += Int(try reader.number16())
    }
    guard reader.offset <= bytes.count else { throw DNSMessageError("message ends in a record", bytes.count) }
    return (offsets, shortest)
  }
}

/// Reads the parts of a message one after another.
private struct MessageReader {
  let bytes: [UInt8]
  var offset: Int = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func number8() throws(DNSMessageError) -> UInt8 {
    guard offset < bytes.count else { throw DNSMessageError("message ends too early", offset) }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func number16() throws(DNSMessageError) -> UInt16 {
    let high: UInt8 = try number8()
    return UInt16(high) << 8 | UInt16(try number8())
  }

  mutating func number32() throws(DNSMessageError) -> UInt32 {
    let high: UInt16 = try number16()
    return UInt32(high) << 16 | UInt32(try number16())
  }

  /// A name, which may end in a pointer to an earlier place. Each pointer must lead further back than the one before,
  /// so that no message can lead in circles.
  mutating func name() throws(DNSMessageError) -> DNSName {
    var labels: [[UInt8]] = []
    var length: Int = 1
    var place: Int = offset
    var limit: Int = offset
    var end: Int?
    while true {
      guard place < bytes.count else { throw DNSMessageError("message ends in a name", place) }
      let count: Int = Int(bytes[place])
      switch count {
      case 0:
        offset = end ?? place + 1
        return DNSName(labels: labels)
      case 1...DNSName.labelBytesMax:
        guard place + 1 + count <= bytes.count else { throw DNSMessageError("message ends in a label", place) }
        length += count + 1
        guard length <= DNSName.nameBytesMax else { throw DNSMessageError("name is too long", place) }
        labels.append(Array(bytes[(place + 1)...(place + count)]))
        place += 1 + count
      case 0xC0...0xFF:
        guard place + 1 < bytes.count else { throw DNSMessageError("message ends in a pointer", place) }
        let target: Int = (count & 0x3F) << 8 | Int(bytes[place + 1])
        guard target < limit else { throw DNSMessageError("pointer does not lead back", place) }
        end = end ?? place + 2
        limit = target
        place = target
      default: throw DNSMessageError("unknown kind of label", place)
      }
    }
  }

  mutating func records(_ count: UInt16) throws(DNSMessageError) -> [DNSRecord] {
    var records: [DNSRecord] = []
    for _ in 0..<count { records.append(try record()) }
    return records
  }

  private mutating func record() throws(DNSMessageError) -> DNSRecord {
    let name: DNSName = try name()
    let type: DNSType = DNSType(rawValue: try number16())
    let recordClass: UInt16 = try number16()
    let ttl: UInt32 = try number32()
    let length: Int = Int(try number16())
    let end: Int = offset + length
    guard end <= bytes.count else { throw DNSMessageError("message ends in a record", offset) }
    var record: DNSRecord = DNSRecord(name, ttl: ttl, try data(type, end: end))
    record.recordClass = recordClass
    guard offset == end else { throw DNSMessageError("record's length is wrong", offset) }
    return record
  }

  private mutating func data(_ type: DNSType, end: Int) throws(DNSMessageError) -> DNSData {
    let raw: ArraySlice<UInt8> = bytes[offset..<end]
    switch type {
    case .a where raw.count == 4:
      offset = end
      return .a(IPv4Address(bits: raw.reduce(0) { $0 << 8 | UInt32($1) }))
    case .aaaa where raw.count == 16:
      offset = end
      return .aaaa(IPv6Address(bits: raw.reduce(0) { $0 << 8 | UInt128($1) }))
    case .cname: return .cname(try name())
    case .ptr: return .ptr(try name())
    case .ns: return .ns(try name())
    case .srv:
      return .srv(
        priority: try number16(), weight: try number16(), port: try number16(), target: try name())
    case .soa:
      return .soa(
        primary: try name(), mailbox: try name(), serial: try number32(), refresh: try number32(),
        retry: try number32(), expire: try number32(), minimum: try number32())
    case .txt:
      var texts: [String] = []
      while offset < end {
        let count: Int = Int(try number8())
        guard offset + count <= end else { throw DNSMessageError("text is longer than its record", offset) }
        texts.append(String(decoding: bytes[offset..<(offset + count)], as: UTF8.self))
        offset += count
      }
      return .txt(texts)
    default:
      offset = end
      return .other(type, Array(raw))
    }
  }
}
