// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// A netlink socket. It stays in the network namespace in which it was opened.
///
/// Requests are synchronous: the kernel has acted when a method returns. One owner at a time.
public struct NetlinkSocket: ~Copyable, Sendable {
  /// How long an answer may take; the kernel answers before `sendmsg` returns, so this only guards against a lost answer.
  private static let answerTimeoutSeconds: Int = 10
  /// The kernel makes dumps in pieces of up to 32 KiB.
  private static let receiveCapacity: Int = 1 << 16
  /// Room for the acknowledgements of a large batch.
  private static let receiveBufferBytes: Int32 = 4 << 20
  /// How often an inconsistent dump is repeated.
  private static let dumpAttemptsMax: Int = 10

  /// The descriptor.
  public let fileDescriptor: Int32
  private var sequence: UInt32 = 1
  private var sendBufferBytes: Int = 0

  /// Opens a socket in the calling thread's network namespace.
  public init(_ netlinkProtocol: NetlinkProtocol) throws(NetlinkError) {
    fileDescriptor = try SystemCalls.netlinkSocket(protocolNumber: netlinkProtocol.rawValue)
    SystemCalls.setReceiveTimeout(fileDescriptor, seconds: Self.answerTimeoutSeconds)
    let netlinkLevel: Int32 = 270
    // Explanations of errors, and errors that do not repeat the request. Old kernels do without.
    _ = SystemCalls.setOption(fileDescriptor, level: netlinkLevel, option: 11, value: 1)
    _ = SystemCalls.setOption(fileDescriptor, level: netlinkLevel, option: 10, value: 1)
    let received: Bool = SystemCalls.setOption(
      fileDescriptor, level: SOL_SOCKET, option: SO_RCVBUFFORCE, value: Self.receiveBufferBytes)
    if !received {
      _ = SystemCalls.setOption(
        fileDescriptor, level: SOL_SOCKET, option: SO_RCVBUF, value: Self.receiveBufferBytes)
    }
  }

  deinit { close(fileDescriptor) }

  /// Takes the next `count` sequence numbers and returns the first.
  public mutating func takeSequence(_ count: Int) -> UInt32 {
    let first: UInt32 = sequence
    sequence &+= UInt32(count)
    if sequence < first {
      sequence = UInt32(count) + 1
      return 1
    }
    return first
  }

  /// Joins the multicast groups of a bit mask, for `receive`.
  public func subscribe(groups: UInt32) throws(NetlinkError) { try SystemCalls.bind(fileDescriptor, groups: groups) }

  /// Sends bytes to the kernel in one call.
  public mutating func send(_ bytes: [UInt8], operation: String) throws(NetlinkError) {
    // A message must fit the send buffer with some room for the kernel's own bookkeeping.
    if bytes.count > 100_000, bytes.count > sendBufferBytes {
      sendBufferBytes = bytes.count + bytes.count / 2
      let value: Int32 = Int32(clamping: sendBufferBytes)
      if !SystemCalls.setOption(fileDescriptor, level: SOL_SOCKET, option: SO_SNDBUFFORCE, value: value) {
        _ = SystemCalls.setOption(fileDescriptor, level: SOL_SOCKET, option: SO_SNDBUF, value: value)
      }
    }
    let fd: Int32 = fileDescriptor
    _ = try SystemCalls.check(operation) { bytes.withUnsafeBytes { Glibc.send(fd, $0.baseAddress, $0.count, 0) } }
  }

  /// Receives the messages of one datagram; blocks up to the timeout unless told otherwise.
  ///
  /// Returns nil where nothing is there and `isBlocking` is false.
  public func receive(isBlocking: Bool = true, operation: String) throws(NetlinkError) -> [NetlinkMessage]? {
    let fd: Int32 = fileDescriptor
    var failure: NetlinkError?
    let bytes: [UInt8] = [UInt8](unsafeUninitializedCapacity: Self.receiveCapacity) { buffer, count in
      do throws(NetlinkError) {
        count = try SystemCalls.check(operation) {
          recv(fd, buffer.baseAddress, Self.receiveCapacity, isBlocking ? 0 : Int32(MSG_DONTWAIT))
        }
      } catch {
        failure = error
      }
    }
    if let failure {
      if !isBlocking, failure.errorNumber == EAGAIN { return nil }
      throw failure
    }
    guard let messages: [NetlinkMessage] = NetlinkMessage.split(bytes) else {
      throw NetlinkError(.malformedAnswer, operation)
    }
    return messages
  }

  /// Sends requests in one system call and waits for the acknowledgement of each.
  ///
  /// The kernel works them off in order and goes on after one that fails.
  /// - Returns: for each request its error, or nil.
  public mutating func performEach(_ requests: [NetlinkRequest]) throws(NetlinkError) -> [NetlinkError?] {
    guard !requests.isEmpty else { return [] }
    let first: UInt32 = takeSequence(requests.count)
    var bytes: [UInt8] = []
    for (place, request) in requests.enumerated() {
      var request: NetlinkRequest = request
      request.flags.insert(.acknowledge)
      request.encode(to: &bytes, sequence: first &+ UInt32(place))
    }
    try send(bytes, operation: requests[0].operation)
    var errors: [NetlinkError?] = Array(repeating: nil, count: requests.count)
    var open: Int = requests.count
    while open > 0 {
      for message: NetlinkMessage in try receive(operation: requests[0].operation) ?? [] {
        let place: Int = Int(message.sequence &- first)
        guard message.type == ControlMessage.error, requests.indices.contains(place) else { continue }
        errors[place] = message.error(requests[place].operation, index: place)
        open -= 1
      }
    }
    return errors
  }

  /// Sends requests in one system call; throws the first error.
  public mutating func perform(_ requests: [NetlinkRequest]) throws(NetlinkError) {
    for case let error? in try performEach(requests) { throw error }
  }

  /// Sends one request and waits for its acknowledgement.
  public mutating func perform(_ request: NetlinkRequest) throws(NetlinkError) { try perform([request]) }

  /// Sends a get request; the messages of the answer. With the `dump` flag all objects.
  public mutating func query(_ request: NetlinkRequest) throws(NetlinkError) -> [NetlinkMessage] {
    for _ in 0..<Self.dumpAttemptsMax {
      if let answer: [NetlinkMessage] = try queryOnce(request) { return answer }
    }
    throw NetlinkError(.interrupted, request.operation)
  }

  private mutating func queryOnce(_ request: NetlinkRequest) throws(NetlinkError) -> [NetlinkMessage]? {
    let number: UInt32 = takeSequence(1)
    var bytes: [UInt8] = []
    request.encode(to: &bytes, sequence: number)
    try send(bytes, operation: request.operation)
    let isDump: Bool = request.flags.isSuperset(of: .dump)
    var answer: [NetlinkMessage] = []
    var isConsistent: Bool = true
    while true {
      for message: NetlinkMessage in try receive(operation: request.operation) ?? [] where message.sequence == number {
        if message.flags.contains(.dumpInterrupted) { isConsistent = false }
        switch message.type {
        case ControlMessage.done:
          let status: Int32 = message.payload.number(at: 0)
          if status < 0 { throw NetlinkError(.system(-status), request.operation) }
          return isConsistent ? answer : nil
        case ControlMessage.error:
          if let error: NetlinkError = message.error(request.operation, index: 0) { throw error }
          return answer
        default:
          answer.append(message)
          if !isDump, !request.flags.contains(.acknowledge) { return answer }
        }
      }
    }
  }
}

extension NetlinkMessage {
  /// The error in an acknowledgement, or nil where it says success.
  public func error(_ operation: String, index: Int?) -> NetlinkError? {
    let number: Int32 = payload.number(at: 0)
    guard number != 0 else { return nil }
    var error: NetlinkError = NetlinkError(.system(-number), operation, requestIndex: index)
    // After the error number comes the header of the request; its attributes only where they were not capped.
    let isCapped: Bool = flags.rawValue & 0x100 != 0
    if flags.rawValue & 0x200 != 0, payload.count > 20 {
      let requestLength: Int = isCapped ? 16 : Int(payload.number(at: 4, as: UInt32.self))
      let attributes: NetlinkAttributes = NetlinkAttributes(payload.dropFirst(4 + (requestLength + 3) & ~3))
      error.explanation = attributes.text(1) ?? ""
      error.attributeOffset = attributes.number(2, as: UInt32.self).map { Int($0) }
    }
    return error
  }
}
