// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What went wrong with a netlink socket or with one request on it.
public struct NetlinkError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Hashable, Sendable {
    /// The kernel refused a request or a system call failed, with this error number.
    case system(Int32)
    /// An answer of the kernel could not be read.
    case malformedAnswer
    /// Nothing of that name or index exists.
    case notFound
    /// A dump was interrupted by changes more often than we try.
    case interrupted
  }

  /// What kind of failure.
  public var code: Code
  /// What was being done, on which object.
  public var operation: String
  /// The kernel's own explanation (extended acknowledgement), if it gave one.
  public var explanation: String
  /// The index of the request among those sent together.
  public var requestIndex: Int?
  /// The offset of the attribute that the kernel complains of, from the start of the request's header.
  public var attributeOffset: Int?

  /// An error.
  public init(
    _ code: Code, _ operation: String, explanation: String = "", requestIndex: Int? = nil, attributeOffset: Int? = nil
  ) {
    self.code = code
    self.operation = operation
    self.explanation = explanation
    self.requestIndex = requestIndex
    self.attributeOffset = attributeOffset
  }

  /// The system's error number, where there is one.
  public var errorNumber: Int32? { if case .system(let number) = code { number } else { nil } }

  public var description: String {
    let reason: String =
      switch code {
      case .system(let number): SystemCalls.message(number)
      case .malformedAnswer: "malformed answer of the kernel"
      case .notFound: "not found"
      case .interrupted: "interrupted by changes"
      }
    return explanation.isEmpty ? "\(operation): \(reason)" : "\(operation): \(reason) (\(explanation))"
  }
}
