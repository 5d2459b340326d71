// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import GRPCCore
import Images
import Logging

/// Turns what handlers throw into a gRPC status, and says it in the log: the one place where that happens.
struct ErrorTranslation: ServerInterceptor {
  let logger: Logger

  @concurrent func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next: @concurrent @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    let method: String = context.descriptor.method
    let start: ContinuousClock.Instant = .now
    do {
      let response: StreamingServerResponse<Output> = try await next(request, context)
      logger.debug("\(method)", metadata: ["took": "\(ContinuousClock.now - start)"])
      return response
    } catch {
      let translated: RPCError = Self.translate(error)
      if translated.code != .notFound {
        logger.warning("\(method) failed", metadata: ["error": "\(translated.message)", "code": "\(translated.code)"])
      }
      throw translated
    }
  }

  static func translate(_ error: any Error) -> RPCError {
    switch error {
    case let error as RPCError: error
    case let error as RuntimeError: RPCError(code: error.rpcCode, message: error.message)
    case let error as ImagesError: RPCError(code: code(error), message: "\(error)")
    case is CancellationError: RPCError(code: .cancelled, message: "the call was cancelled")
    default: RPCError(code: .unknown, message: "\(error)")
    }
  }

  private static func code(_ error: ImagesError) -> RPCError.Code {
    switch error.code {
    case .notFound: .notFound
    case .unauthorized: .permissionDenied
    case .unsupported: .unimplemented
    default: .unknown
    }
  }
}
