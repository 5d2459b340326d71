// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import GRPCCore
import Images
import Kernel

/// Why the runtime could not do what CRI asked for.
public struct RuntimeError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure; each is one status code of gRPC.
  public enum Code: Hashable, Sendable {
    /// There is no such sandbox, container or image.
    case notFound
    /// There is one already.
    case alreadyExists
    /// The request makes no sense.
    case invalid
    /// The request does not fit the state of what it is about.
    case wrongState
    /// It took too long.
    case timedOut
    /// Something that the runtime needs is not there yet.
    case unavailable
    /// The runtime cannot do this.
    case unsupported
    /// Anything else.
    case failed
  }

  /// The kind of failure.
  public var code: Code
  /// What failed, and on what.
  public var message: String

  /// Makes an error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }

  static func noContainer(_ id: String) -> RuntimeError { RuntimeError(.notFound, "container \"\(id)\": not found") }
  static func noSandbox(_ id: String) -> RuntimeError { RuntimeError(.notFound, "sandbox \"\(id)\": not found") }

  var rpcCode: RPCError.Code {
    switch code {
    case .notFound: .notFound
    case .alreadyExists: .alreadyExists
    case .invalid: .invalidArgument
    case .wrongState: .failedPrecondition
    case .timedOut: .deadlineExceeded
    case .unavailable: .unavailable
    case .unsupported: .unimplemented
    case .failed: .unknown
    }
  }
}
