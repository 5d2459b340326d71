// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import GRPCCore
internal import Kernel

/// What the driver refuses, with the code that the CSI specification gives to it.
public struct CSIHostPathError: Error, Sendable, CustomStringConvertible, RPCErrorConvertible {
  /// The gRPC code.
  public var code: RPCError.Code
  /// What failed, on which volume, and what to do.
  public var message: String

  /// Makes an error.
  public init(_ code: RPCError.Code, _ message: String) {
    self.code = code
    self.message = message
  }

  static func invalid(_ message: String) -> CSIHostPathError { CSIHostPathError(.invalidArgument, message) }
  static func noVolume(_ id: String) -> CSIHostPathError { CSIHostPathError(.notFound, "volume \(id) does not exist") }

  public var description: String { message }
  /// The code, for gRPC.
  public var rpcErrorCode: RPCError.Code { code }
  /// The message, for gRPC.
  public var rpcErrorMessage: String { message }
}

/// Turns what the system refused into a gRPC error that says so.
struct ErrorTranslator: ServerInterceptor {
  @concurrent func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @concurrent @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<
        Output
      >
  ) async throws -> StreamingServerResponse<Output> {
    do {
      return try await next(request, context)
    } catch let error as SystemError {
      throw RPCError(code: error.errno == .noSpace ? .resourceExhausted : .internalError, message: "\(error)")
    }
  }
}
