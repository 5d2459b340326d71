// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// One of several writes that happen together or not at all.
public enum StoreWrite: Sendable, Hashable {
  /// Makes a key that is not there.
  case create(key: String, value: [UInt8])
  /// Gives a key at a revision a new value.
  case update(key: String, value: [UInt8], expecting: Revision)
  /// Removes a key at a revision.
  case delete(key: String, expecting: Revision)
  /// Writes nothing, but the key must be at this revision.
  case require(key: String, at: Revision)

  /// The key that is written or looked at.
  public var key: String {
    switch self {
    case .create(let key, _), .update(let key, _, _), .delete(let key, _), .require(let key, _): key
    }
  }

  /// The value that the key gets, where it gets one.
  var value: [UInt8]? {
    switch self {
    case .create(_, let value), .update(_, let value, _): value
    case .delete, .require: nil
    }
  }

  /// The revision that the key must be at; nil where it must not be there.
  var expected: Revision? {
    switch self {
    case .create: nil
    case .update(_, _, let revision), .delete(_, let revision), .require(_, let revision): revision
    }
  }

  /// Whether the key has another state afterwards.
  var isChange: Bool { if case .require = self { false } else { true } }

  /// Why the write cannot be done.
  ///
  /// - Parameter present: the revision of the key; nil where there is none.
  func refusal(present: Revision?) -> StoreError? {
    guard let expected else { return present == nil ? nil : StoreError(.keyExists, "\(key) exists", key: key) }
    guard let present else { return StoreError(.keyNotFound, "\(key) does not exist", key: key) }
    guard present != expected else { return nil }
    return StoreError(.conflict(current: present), "\(key) is at \(present), not at \(expected)", key: key)
  }
}
