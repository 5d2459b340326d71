// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Says why a registry could not be asked, in the words that users know from other runtimes.
enum ConnectionFailure {
  /// - Parameter server: the host and port that were asked.
  static func text(_ error: any Error, server: String) -> String {
    if let error = error as? NIOConnectionError {
      if let failure: SingleConnectionFailure = error.connectionErrors.first {
        return "dial tcp \(failure.target.text): \(reason(failure.error))"
      }
      return "dial tcp: lookup \(error.host): no such host"
    }
    return error is IOError ? "dial tcp \(server): \(reason(error))" : reason(error)
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError: "connect: \(lowercasedFirst(String(cString: strerror(error.errnoCode))))"
    case let error as HTTPClientError where error == .connectTimeout: "i/o timeout"
    case let error as HTTPClientError where error == .readTimeout: "timeout awaiting response headers"
    case let error as HTTPClientError where error == .remoteConnectionClosed: "EOF"
    case let error as ChannelError:
      if case .connectTimeout = error { "i/o timeout" } else { "\(error)" }
    default: "\(error)"
    }
  }

  private static func lowercasedFirst(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }
}

extension SocketAddress {
  /// `address:port`.
  fileprivate var text: String { ipAddress.map { "\($0):\(port ?? 0)" } ?? "\(self)" }
}
