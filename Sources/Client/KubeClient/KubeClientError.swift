// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeMeta

/// Why a request to the API server, or the client's configuration, failed.
public struct KubeClientError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Hashable, Sendable {
    /// The server answered with an error; `status` says which.
    case status
    /// The server could not be reached, or the connection broke.
    case connection
    /// The answer did not come in time.
    case timeout
    /// A kubeconfig file or a flag is wrong.
    case invalidConfiguration
    /// The server's answer cannot be understood.
    case invalidResponse
  }

  /// The kind of failure.
  public var code: Code
  /// What failed, on what.
  public var message: String
  /// The server's answer, where it gave one.
  public var status: MetaStatus?
  /// After how many seconds the server wants the request again.
  public var retryAfterSeconds: Int?
  /// What caused it.
  public var cause: (any Error)?

  /// Describes one failure.
  public init(
    _ code: Code, _ message: String, status: MetaStatus? = nil, retryAfterSeconds: Int? = nil, cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.status = status
    self.retryAfterSeconds = retryAfterSeconds
    self.cause = cause
  }

  public var description: String { cause.map { "\(message): \($0)" } ?? message }

  /// The HTTP status code of the server's answer; 0 where there was none.
  public var httpStatus: Int { Int(status?.code ?? 0) }
  /// The reason of the server's answer, as in `NotFound`.
  public var reason: String { status?.reason ?? "" }

  /// There is no such object.
  public var isNotFound: Bool { httpStatus == 404 }
  /// An object of this name exists already.
  public var isAlreadyExists: Bool { reason == "AlreadyExists" }
  /// The object was changed by someone else meanwhile.
  public var isConflict: Bool { httpStatus == 409 && reason != "AlreadyExists" }
  /// The resource version is too old to watch or to continue from.
  public var isExpired: Bool { httpStatus == 410 || reason == "Expired" || reason == "Gone" }
  /// The object was refused as invalid.
  public var isInvalid: Bool { httpStatus == 422 }
  /// The user may not do this.
  public var isForbidden: Bool { httpStatus == 403 }
  /// The server or a budget asks to try later.
  public var isTooManyRequests: Bool { httpStatus == 429 }
  /// The namespace is being deleted, so that nothing can be created in it.
  public var isNamespaceTerminating: Bool {
    isForbidden && (status?.details.causes.contains { $0.reason == "NamespaceTerminating" } ?? false)
  }
}

extension Error {
  /// The error as one of the client, where it is one.
  public var asKubeClientError: KubeClientError? { self as? KubeClientError }
  /// Whether this is the server's answer that there is no such object.
  public var isNotFound: Bool { asKubeClientError?.isNotFound ?? false }
  /// Whether this is the server's answer that the object was changed meanwhile.
  public var isConflict: Bool { asKubeClientError?.isConflict ?? false }
  /// Whether this is the server's answer that the object exists already.
  public var isAlreadyExists: Bool { asKubeClientError?.isAlreadyExists ?? false }
}
