// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// What is wrong with a schema or with the embedded descriptor set.
public struct APISchemaError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: Sendable {
    /// The embedded or given descriptor set cannot be read.
    case malformedDescriptor
    /// A protobuf body cannot be read.
    case malformedProtobuf
    /// A schema document cannot be understood.
    case malformedSchema
    /// A JSON value has not the type that its schema asks for.
    case typeMismatch
  }

  /// What kind of failure it is.
  public var code: Code
  /// What failed, on what.
  public var message: String

  /// A failure.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
