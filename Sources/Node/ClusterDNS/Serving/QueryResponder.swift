// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DNSMessage

/// Answers queries: those about the cluster from memory, the others by asking on.
struct QueryResponder: Sendable {
  /// What EDNS lets us say that we take, and the most that we send in one datagram: fits every path without fragments.
  static let payloadBytes: UInt16 = 1232
  /// What every client takes.
  private static let plainPayloadBytes: Int = 512

  /// What to do with a query.
  enum Step: Sendable {
    /// Send this.
    case reply([UInt8])
    /// Ask on.
    case forward(DNSMessage)
    /// Ask on for the target of an alias, and answer with both.
    case follow(DNSMessage, DNSRecord, target: DNSName)
    /// Nothing to say to this.
    case ignore
  }

  let zone: ClusterZone
  let forwarder: Forwarder

  /// What can be said at once.
  func step(_ bytes: [UInt8], overTCP: Bool) -> Step {
    let query: DNSMessage
    do throws(DNSMessageError) { query = try DNSMessage(parsing: bytes) } catch {
      return Self.refusal(of: bytes)
    }
    guard !query.isResponse else { return .ignore }
    let limit: Int = Self.limit(query, overTCP: overTCP)
    guard query.opcode == 0 else { return .reply(reply(query, .notImplemented).encoded(limit: limit)) }
    guard query.questions.count == 1, let question: DNSQuestion = query.questions.first else {
      return .reply(reply(query, .formatError).encoded(limit: limit))
    }
    guard question.questionClass == 1 || question.questionClass == 255 else {
      return .reply(reply(query, .refused).encoded(limit: limit))
    }
    var message: DNSMessage = reply(query, .noError)
    message.isAuthoritative = true
    switch zone.answer(question) {
    case .foreign: return .forward(query)
    case .notReady:
      message.code = .serverFailure
      message.isAuthoritative = false
    case .alias(let record, let target): return .follow(query, record, target: target)
    case .nameError:
      message.code = .nameError
      message.authorities = [zone.authority]
    case .records(let records, let additional):
      message.answers = records
      message.additionals = additional
      if records.isEmpty { message.authorities = [zone.authority] }
    }
    return .reply(message.encoded(limit: limit))
  }

  /// What others say to a query that `step` wants asked on.
  func forwarded(_ step: Step, _ bytes: [UInt8], overTCP: Bool) async -> [UInt8]? {
    switch step {
    case .reply(let answer): return answer
    case .ignore: return nil
    case .forward(let query):
      let limit: Int = Self.limit(query, overTCP: overTCP)
      guard let answer: [UInt8] = await forwarder.answer(to: query, bytes, overTCP: overTCP) else {
        return reply(query, .serverFailure).encoded(limit: limit)
      }
      return fitted(answer, query, limit)
    case .follow(let query, let alias, let target):
      return await follow(query, alias, target, overTCP: overTCP)
    }
  }

  private func follow(_ query: DNSMessage, _ alias: DNSRecord, _ target: DNSName, overTCP: Bool) async -> [UInt8] {
    var message: DNSMessage = reply(query, .noError)
    message.isAuthoritative = true
    message.answers = [alias]
    var onward: DNSMessage = DNSMessage()
    onward.id = query.id
    onward.recursionDesired = true
    onward.questions = [DNSQuestion(target, query.questions[0].type)]
    if let answer: [UInt8] = await forwarder.answer(to: onward, onward.encoded(), overTCP: overTCP),
      let parsed: DNSMessage = try? DNSMessage(parsing: answer)
    {
      message.answers += parsed.answers
    }
    return message.encoded(limit: Self.limit(query, overTCP: overTCP))
  }

  /// An answer that another server made, cut to what the client takes.
  private func fitted(_ answer: [UInt8], _ query: DNSMessage, _ limit: Int) -> [UInt8] {
    guard answer.count > limit else { return answer }
    var empty: DNSMessage = reply(query, .noError)
    empty.isTruncated = true
    return empty.encoded(limit: limit)
  }

  private func reply(_ query: DNSMessage, _ code: DNSResponseCode) -> DNSMessage {
    var message: DNSMessage = DNSMessage(answering: query)
    message.code = code
    if query.extensions != nil { message.extensions = DNSMessage.Extension(payloadBytes: Self.payloadBytes) }
    return message
  }

  private static func limit(_ query: DNSMessage, overTCP: Bool) -> Int {
    if overTCP { return 65_535 }
    guard let extensions = query.extensions else { return plainPayloadBytes }
    return min(max(Int(extensions.payloadBytes), plainPayloadBytes), Int(payloadBytes))
  }

  /// What cannot be read is told so, if it has a number to answer to and is no answer itself.
  private static func refusal(of bytes: [UInt8]) -> Step {
    guard bytes.count >= 12, bytes[2] & 0x80 == 0 else { return .ignore }
    var message: DNSMessage = DNSMessage()
    message.id = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    message.isResponse = true
    message.opcode = bytes[2] >> 3 & 15
    message.code = .formatError
    return .reply(message.encoded())
  }
}
