// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What went wrong in a store or in the cache above it.
public struct StoreError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is, with what a caller may act upon.
  public enum Code: Sendable, Hashable {
    /// The key to create is there already.
    case keyExists
    /// There is no such key.
    case keyNotFound
    /// The key was written since; the present value is at this revision.
    case conflict(current: Revision)
    /// The revision is older than the history that is kept; the oldest that can be read is given.
    case compacted(oldest: Revision)
    /// The revision has not come yet; the newest is given.
    case futureRevision(current: Revision)
    /// A continue token that does not parse or does not belong to the list.
    case invalidContinue
    /// The value exceeds the store's limit.
    case tooLarge
    /// The disk is full.
    case noSpace
    /// The store could not be reached, or is closed.
    case unavailable
    /// A value that cannot be read.
    case corrupt
  }

  /// What kind of failure it is.
  public var code: Code
  /// What failed, on which key.
  public var message: String
  /// The key whose state made a write impossible.
  public var key: String?

  /// An error.
  public init(_ code: Code, _ message: String, key: String? = nil) {
    self.code = code
    self.message = message
    self.key = key
  }

  public var description: String { message }
}
