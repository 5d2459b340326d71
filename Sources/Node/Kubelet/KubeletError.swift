// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What went wrong in the kubelet, with the reason that users see.
public struct KubeletError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Hashable {
    /// A container's configuration cannot be made: `CreateContainerConfigError`.
    case configuration
    /// A volume cannot be made available yet: `FailedMount`.
    case mount
    /// An object that a pod refers to does not exist.
    case notFound
    /// The container runtime did not do what was asked.
    case runtime
    /// The container runtime did not do it within the time it has.
    case timedOut
    /// A file or directory of the node could not be used.
    case host
    /// What was asked for is not valid.
    case invalid
  }

  /// The kind.
  public var code: Code
  /// What failed, on what; Kubernetes' wording where it fixed one.
  public var message: String
  /// What the runtime said, without the status code of its answer; the message where there was none.
  public var detail: String

  /// An error.
  public init(_ code: Code, _ message: String, detail: String? = nil) {
    self.code = code
    self.message = message
    self.detail = detail ?? message
  }

  public var description: String { message }
}
