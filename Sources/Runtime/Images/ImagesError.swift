// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What can go wrong with images.
public struct ImagesError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure; the CRI server turns it into a gRPC status.
  public enum Code: Hashable, Sendable {
    /// No such image, in the store or in the registry.
    case notFound
    /// The registry wants other credentials.
    case unauthorized
    /// The registry did not answer, or not in time.
    case unavailable
    /// The registry answered against the specification, or what it sent is damaged.
    case invalidData
    /// The name is no image reference.
    case invalidReference
    /// The image is for another platform, or of a kind that is not supported.
    case unsupported
    /// A system call failed.
    case system
  }

  /// The kind of failure.
  public var code: Code
  /// What failed, and on what.
  public var message: String
  /// What made it fail.
  public var cause: (any Error)?

  /// Makes an error.
  public init(code: Code, message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The error of the system call that has just failed.
  static func system(_ call: String, _ path: String, number: CInt = errno) -> ImagesError {
    let why: String = String(cString: strerror(number))
    return ImagesError(code: .system, message: "\(call) \(path): \(why.prefix(1).lowercased())\(why.dropFirst())")
  }

  public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
