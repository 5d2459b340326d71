// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DNSMessage
import Synchronization

/// Answers of other name servers, kept for as long as they say.
final class AnswerCache: Sendable {
  private struct Key: Hashable {
    var question: DNSQuestion
    var wantsDNSSEC: Bool
  }

  private struct Entry {
    var bytes: [UInt8]
    var lifetimes: [Int]
    var stored: ContinuousClock.Instant
    var expires: ContinuousClock.Instant
  }

  /// Some 10 MB at the most.
  private static let entriesMax: Int = 10_000
  /// Nothing is kept longer, whatever it says.
  private static let secondsMax: UInt32 = 3600
  /// How long "there is none" is kept where no record says.
  private static let emptySeconds: UInt32 = 5

  private let entries: Mutex<[Key: Entry]> = Mutex([:])

  /// The answer to a query, with the query's number and lifetimes reduced by the time since.
  func answer(to query: DNSMessage) -> [UInt8]? {
    guard let question: DNSQuestion = query.questions.first else { return nil }
    let key: Key = Key(question: question, wantsDNSSEC: query.extensions?.wantsDNSSEC ?? false)
    let now: ContinuousClock.Instant = .now
    let found: Entry? = entries.withLock { entries in
      guard let entry: Entry = entries[key] else { return nil }
      if entry.expires > now { return entry }
      entries[key] = nil
      return nil
    }
    guard let found else { return nil }
    var bytes: [UInt8] = found.bytes
    let age: UInt32 = UInt32(clamping: found.stored.duration(to: now).components.seconds)
    for place: Int in found.lifetimes {
      let ttl: UInt32 = bytes[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) }
      let left: UInt32 = ttl > age ? ttl - age : 0
      for step: Int in 0..<4 { bytes[place + step] = UInt8(truncatingIfNeeded: left >> UInt32(24 - 8 * step)) }
    }
    bytes[0] = UInt8(query.id >> 8)
    bytes[1] = UInt8(query.id & 255)
    return bytes
  }

  /// Keeps an answer, if it is one to keep.
  func store(_ bytes: [UInt8], for query: DNSMessage, code: DNSResponseCode) {
    guard let question: DNSQuestion = query.questions.first, code == .noError || code == .nameError,
      let (lifetimes, shortest) = try? DNSMessage.lifetimes(of: bytes)
    else { return }
    let seconds: UInt32 = min(shortest ?? Self.emptySeconds, Self.secondsMax)
    guard seconds > 0 else { return }
    let key: Key = Key(question: question, wantsDNSSEC: query.extensions?.wantsDNSSEC ?? false)
    let now: ContinuousClock.Instant = .now
    let entry: Entry = Entry(
      bytes: bytes, lifetimes: lifetimes, stored: now, expires: now + .seconds(Int(seconds)))
    entries.withLock { entries in
      if entries.count >= Self.entriesMax {
        entries = entries.filter { $0.value.expires > now }
        if entries.count >= Self.entriesMax { entries.removeAll() }
      }
      entries[key] = entry
    }
  }
}
