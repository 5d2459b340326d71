// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Why a cluster could not be brought up, looked at or taken down.
public struct ClusterError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure.
  public enum Code: Hashable, Sendable {
    /// The machine lacks something: a right, a program, an address.
    case unsupported
    /// A file or process could not be made or read.
    case system
    /// Something did not come up in time.
    case timeout
  }

  /// What kind of failure.
  public var code: Code
  /// What failed, on what, and what to do.
  public var message: String

  /// A failure of this kind.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
