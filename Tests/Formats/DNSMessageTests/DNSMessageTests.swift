// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Addresses
import Testing

@testable import DNSMessage

@Suite struct DNSMessageTests {
  private var answer: DNSMessage {
    var query: DNSMessage = DNSMessage()
    query.id = 0x1234
    query.recursionDesired = true
    query.questions = [DNSQuestion(DNSName("web.example.")!, .a)]
    var message: DNSMessage = DNSMessage(answering: query)
    message.isAuthoritative = true
    message.answers = [DNSRecord(DNSName("web.example")!, ttl: 5, .a(IPv4Address(10, 0, 0, 1)))]
    return message
  }

  @Test func `an answer is written with compressed names`() {
    #expect(
      answer.encoded() == [
        // number, flags QR AA RD RA, one question, one answer
        0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0,
        3, 0x77, 0x65, 0x62, 7, 0x65, 0x78, 0x61, 0x6D, 0x70, 0x6C, 0x65, 0, 0, 1, 0, 1,
        // pointer to offset 12, A, IN, 5 seconds, 4 bytes
        0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 1,
      ])
  }

  @Test func `every kind of record survives being written and read`() throws {
    let name: DNSName = DNSName("a.b.example")!
    var message: DNSMessage = answer
    message.answers += [
      DNSRecord(name, ttl: 1, .aaaa(IPv6Address("fd00::1")!)), DNSRecord(name, ttl: 2, .cname(DNSName("c.b.example")!)),
      DNSRecord(name, ttl: 3, .ptr(name)), DNSRecord(name, ttl: 4, .ns(name)),
      DNSRecord(name, ttl: 5, .srv(priority: 1, weight: 2, port: 3, target: DNSName("d.example")!)),
      DNSRecord(name, ttl: 6, .txt(["x", ""])), DNSRecord(name, ttl: 7, .other(DNSType(rawValue: 257), [1, 2, 3])),
    ]
    message.authorities = [
      DNSRecord(
        name, ttl: 8,
        .soa(primary: name, mailbox: name, serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5))
    ]
    message.extensions = DNSMessage.Extension(payloadBytes: 1232, wantsDNSSEC: true)
    let bytes: [UInt8] = message.encoded()
    #expect(try DNSMessage(parsing: bytes) == message)
    let lifetimes = try DNSMessage.lifetimes(of: bytes)
    #expect(lifetimes.offsets.count == 9 && lifetimes.shortest == 1)
  }

  @Test func `what does not fit is left out and said`() throws {
    var message: DNSMessage = answer
    message.answers = (0..<100).map { DNSRecord(DNSName("web.example")!, ttl: 5, .a(IPv4Address(10, 0, 0, $0))) }
    let bytes: [UInt8] = message.encoded(limit: 512)
    let read: DNSMessage = try DNSMessage(parsing: bytes)
    #expect(bytes.count <= 512 && read.isTruncated && read.answers.count == 30)
    #expect(!(try DNSMessage(parsing: message.encoded()).isTruncated))
  }

  @Test func `names are equal regardless of case, and bounded`() {
    #expect(DNSName("A.Example") == DNSName("a.eXAMPLE."))
    #expect(DNSName("a..b") == nil && DNSName(String(repeating: "a", count: 64)) == nil)
    #expect(DNSName(Array(repeating: "abcdefg", count: 32).joined(separator: ".")) == nil)
    #expect(DNSName("x.y.Cluster.Local")?.labels(below: DNSName("cluster.local")!) == ["x", "y"])
    #expect(DNSName("cluster.locale")?.labels(below: DNSName("cluster.local")!) == nil)
  }

  @Test(arguments: [
    // a pointer to itself; a pointer forward; a label past the end; 255 answers and none there
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1],
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 20, 0, 1, 0, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 1],
    [0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0], [], [1],
  ] as [[UInt8]])
  func `hostile messages are refused`(bytes: [UInt8]) {
    #expect(throws: DNSMessageError.self) { try DNSMessage(parsing: bytes) }
  }

  @Test func `random changes to a message never trap`() {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    var message: DNSMessage = answer
    message.authorities = [DNSRecord(DNSName("x.web.example")!, ttl: 8, .txt(["abc"]))]
    let start: [UInt8] = message.encoded()
    for _ in 0..<20_000 {
      var bytes: [UInt8] = start
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
      if let read = try? DNSMessage(parsing: bytes) { _ = read.encoded(limit: 512) }
      _ = try? DNSMessage.lifetimes(of: bytes)
    }
  }
}
