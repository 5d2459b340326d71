// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import DNSMessage

/// DNS messages from anybody.
struct DNSSubject: Subject {
  static let name: String = "dns"

  mutating func run(_ random: inout FuzzRandom) throws {
    var message: DNSMessage = DNSMessage()
    message.id = UInt16(truncatingIfNeeded: random.next())
    message.isResponse = random.oneIn(2)
    message.recursionDesired = random.oneIn(2)
    for _ in 0..<random.below(3) { message.questions.append(DNSQuestion(Self.name(&random), random.pick([.a, .aaaa, .srv, .ptr, .any]))) }
    for _ in 0..<random.below(5) { message.answers.append(Self.record(&random)) }
    for _ in 0..<random.below(3) { message.additionals.append(Self.record(&random)) }
    if random.oneIn(2) { message.extensions = DNSMessage.Extension(payloadBytes: 4096, wantsDNSSEC: random.oneIn(2)) }
    let bytes: [UInt8] = message.encoded()
    FuzzInput.note(bytes)
    try expect(try DNSMessage(parsing: bytes) == message, "a message is read as another one")
    let limit: Int = 512 + random.below(600)
    let short: [UInt8] = message.encoded(limit: limit)
    try expect(short.count <= limit || message.questions.count > 1, "\(short.count) bytes in \(limit)")
    _ = try DNSMessage(parsing: short)
    let input: [UInt8] = random.oneIn(10) ? Self.loops(&random) : Mutation.mutated(bytes, tokens: ["\u{0}", "\u{3}www\u{0}"], &random)
    FuzzInput.note(input)
    _ = try? DNSMessage.lifetimes(of: input)
    guard let read: DNSMessage = try? DNSMessage(parsing: input) else { return }
    let again: [UInt8] = read.encoded()
    let back: DNSMessage = try DNSMessage(parsing: again)
    try expect(back.questions == read.questions, "questions change as they are written")
    _ = DNSMessage(answering: read).encoded(limit: 512)
  }

  private static func name(_ random: inout FuzzRandom) -> DNSName {
    DNSName(random.pick(["a.b.c.", "web.default.svc.cluster.local.", ".", "_http._tcp.web.default.svc.cluster.local.", "4.3.2.1.in-addr.arpa.", "x.y"])) ?? .root
  }

  private static func record(_ random: inout FuzzRandom) -> DNSRecord {
    let data: DNSData
    switch random.below(7) {
    case 0: data = .a(IPv4Address(random.pick(["1.2.3.4", "0.0.0.0", "255.255.255.255"])) ?? IPv4Address(0, 0, 0, 0))
    case 1: data = .cname(name(&random))
    case 2: data = .ptr(name(&random))
    case 3: data = .srv(priority: 1, weight: 2, port: UInt16(truncatingIfNeeded: random.next()), target: name(&random))
    case 4: data = .txt([random.pick(["", "a", String(repeating: "t", count: 255)])])
    case 5: data = .soa(primary: name(&random), mailbox: name(&random), serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5)
    default: data = .other(DNSType(rawValue: 99), random.bytes(upTo: 30))
    }
    return DNSRecord(name(&random), ttl: UInt32(random.below(1 << 31)), data)
  }

  /// Names made of pointers to one another.
  private static func loops(_ random: inout FuzzRandom) -> [UInt8] {
    var bytes: [UInt8] = [0, 1, 0, 0, 0, UInt8(1 + random.below(200)), 0, 0, 0, 0, 0, 0]
    for _ in 0..<random.below(200) { bytes += random.oneIn(3) ? [1, 0x61] : [0xc0, random.byte()] }
    return bytes
  }
}
