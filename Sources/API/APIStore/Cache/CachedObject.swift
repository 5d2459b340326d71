// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One revision of one object, as it is served: immutable, shared by everyone who reads or watches it.
public final class CachedObject: Sendable {
  /// The key in the store.
  public let key: String
  /// The JSON text that clients get, with its metadata.resourceVersion.
  public let json: [UInt8]
  /// The revision of this state; a deleted object has the revision of its deletion.
  public let revision: Revision
  /// The revision at which the object was made.
  public let createRevision: Revision
  /// The object's name.
  public let name: String
  /// The object's namespace; empty where it has none.
  public let namespace: String
  /// The object's labels.
  public let labels: [String: String]
  /// The values of the fields that the cache's configuration names; those that are absent are empty.
  public let fields: [String]

  private let derived: Mutex<[String: [UInt8]]> = Mutex([:])

  init(
    key: String, json: [UInt8], revision: Revision, createRevision: Revision, name: String, namespace: String,
    labels: [String: String], fields: [String]
  ) {
    self.key = key
    self.json = json
    self.revision = revision
    self.createRevision = createRevision
    self.name = name
    self.namespace = namespace
    self.labels = labels
    self.fields = fields
  }

  /// Another form of the object, made on first demand and kept beside it.
  ///
  /// - Parameters:
  ///   - form: what names the form, such as a media type with a version.
  ///   - make: turns the JSON text into the form; may run twice when two ask at once.
  public func form(_ form: String, _ make: ([UInt8]) throws -> [UInt8]) rethrows -> [UInt8] {
    if let known: [UInt8] = derived.withLock({ $0[form] }) { return known }
    let bytes: [UInt8] = try make(json)
    derived.withLock { $0[form] = bytes }
    return bytes
  }

  /// Forgets the forms whose names begin with a text, since what they were made by is no longer.
  public func forgetForms(of family: String) {
    derived.withLock { forms in forms = forms.filter { !$0.key.hasPrefix(family) } }
  }
}
