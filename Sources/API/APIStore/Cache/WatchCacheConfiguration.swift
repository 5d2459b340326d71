// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A field of an object that selectors may name, as the cache reads it.
public struct CachedField: Sendable, Hashable {
  /// The name in a field selector, such as `spec.nodeName`.
  public var name: String
  /// Where the value is: the first of these that is not empty.
  public var paths: [[String]]
  /// What stands for a missing value.
  public var absent: String

  /// A field; the path is its name unless told otherwise.
  public init(_ name: String, paths: [[String]]? = nil, absent: String = "") {
    self.name = name
    self.paths = paths ?? [name.split(separator: ".").map(String.init)]
    self.absent = absent
  }
}

/// What a watch cache is told about its resource.
public struct WatchCacheConfiguration: Sendable {
  /// The prefix of the resource's keys, ending in a slash.
  public var prefix: String
  /// The fields whose values are kept beside each object, in `CachedObject.fields`.
  public var fields: [CachedField]
  /// Turns a stored value into JSON; nil where JSON is stored. An error marks the value as unreadable.
  public var decode: (@Sendable ([UInt8]) throws -> [UInt8])?
  /// Turns JSON into what is stored; nil where JSON is stored.
  public var encode: (@Sendable ([UInt8]) throws -> [UInt8])?
  /// How many events are kept for watches that start in the past. Watches that fall further behind end.
  public var eventCapacity: Int
  /// How long a reader waits for a revision that has not come yet.
  public var freshnessTimeout: Duration

  /// A configuration.
  public init(
    prefix: String, fields: [CachedField] = [], decode: (@Sendable ([UInt8]) throws -> [UInt8])? = nil,
    encode: (@Sendable ([UInt8]) throws -> [UInt8])? = nil, eventCapacity: Int = 4096,
    freshnessTimeout: Duration = .seconds(3)
  ) {
    self.prefix = prefix
    self.fields = fields
    self.decode = decode
    self.encode = encode
    self.eventCapacity = eventCapacity
    self.freshnessTimeout = freshnessTimeout
  }
}
