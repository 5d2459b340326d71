// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What can go wrong with a gRPC socket.
public struct GRPCSocketsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// The path is relative, too long, or belongs to something that is no socket.
    case invalidPath
    /// A living process serves the path.
    case addressInUse
    /// A system call failed.
    case system
  }

  /// The kind of failure.
  public var code: Code
  /// What failed, on which path, and what to do.
  public var message: String

  /// Makes an error.
  public init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  /// The error of the system call that has just failed.
  init(call: String, path: String) {
    let number: CInt = errno
    self.init(code: .system, message: "\(call) \(path): \(String(cString: strerror(number)))")
  }

  public var description: String { message }
}
