// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// How a query went (RFC 1035 section 4.1.1, RFC 6895).
public enum DNSResponseCode: UInt8, Hashable, Sendable {
  case noError = 0
  case formatError = 1
  case serverFailure = 2
  case nameError = 3
  case notImplemented = 4
  case refused = 5
}

/// A DNS message (RFC 1035 section 4) with EDNS0 (RFC 6891).
public struct DNSMessage: Hashable, Sendable {
  /// What EDNS0 adds.
  public struct Extension: Hashable, Sendable {
    /// The largest UDP payload that the sender takes.
    public var payloadBytes: UInt16
    /// Whether the sender wants DNSSEC's records.
    public var wantsDNSSEC: Bool
    /// The version; we speak 0.
    public var version: UInt8 = 0

    /// An extension.
    public init(payloadBytes: UInt16, wantsDNSSEC: Bool = false) {
      self.payloadBytes = payloadBytes
      self.wantsDNSSEC = wantsDNSSEC
    }
  }

  /// The number that goes with question and answer.
  public var id: UInt16 = 0
  /// Whether this is an answer.
  public var isResponse: Bool = false
  /// The kind of query; 0 is a plain one.
  public var opcode: UInt8 = 0
  /// Whether the answer is of one who knows.
  public var isAuthoritative: Bool = false
  /// Whether something did not fit.
  public var isTruncated: Bool = false
  /// Whether recursion is asked for.
  public var recursionDesired: Bool = false
  /// Whether the server can recurse.
  public var recursionAvailable: Bool = false
  /// How it went.
  public var code: DNSResponseCode = .noError
  /// The question; a message has one.
  public var questions: [DNSQuestion] = []
  public var answers: [DNSRecord] = []
  public var authorities: [DNSRecord] = []
  /// Without the OPT record, which is `extensions`.
  public var additionals: [DNSRecord] = []
  /// EDNS0, where it is spoken.
  public var extensions: Extension?

  /// An empty query.
  public init() {}

  /// An empty answer to a query.
  public init(answering query: DNSMessage) {
    id = query.id
    isResponse = true
    opcode = query.opcode
    recursionDesired = query.recursionDesired
    recursionAvailable = true
    questions = query.questions
  }
}
