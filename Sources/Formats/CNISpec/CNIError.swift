// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// An error as plugins and runtimes tell it to each other (CNI specification, section "Error").
public struct CNIError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The codes that the specification reserves, and the first free one.
  public enum Code {
    /// The version of the configuration is not supported.
    public static let incompatibleVersion: Int64 = 1
    /// A field of the configuration is not supported; the message names it.
    public static let unsupportedField: Int64 = 2
    /// The container is unknown or does not exist.
    public static let unknownContainer: Int64 = 3
    /// A needed environment variable is missing or invalid; the message names it.
    public static let invalidEnvironment: Int64 = 4
    /// Reading or writing failed.
    public static let ioFailure: Int64 = 5
    /// Content could not be decoded.
    public static let decodingFailure: Int64 = 6
    /// The network configuration is invalid.
    public static let invalidConfiguration: Int64 = 7
    /// A transient condition; the caller should try again.
    public static let tryAgainLater: Int64 = 11
    /// STATUS: the plugin cannot serve ADD requests.
    public static let pluginNotAvailable: Int64 = 50
    /// STATUS: as above, and existing containers may have limited connectivity.
    public static let limitedConnectivity: Int64 = 51
    /// The first code that is the plugin's own; what the reference plugins use for everything else.
    public static let plugin: Int64 = 100
    /// What the reference library uses where no code was given.
    public static let internalFailure: Int64 = 999
  }

  /// One of `Code`, or the plugin's own (100 and above).
  public var code: Int64
  /// What failed.
  public var message: String
  /// More about it; may be empty.
  public var details: String

  /// An error.
  public init(_ code: Int64, _ message: String, details: String = "") {
    self.code = code
    self.message = message
    self.details = details
  }

  /// Reads an error object; nil where the value is none.
  public init?(json: JSONValue) {
    guard json.object != nil, let code: Int64 = json["code"].int else { return nil }
    self.init(code, json["msg"].string ?? "", details: json["details"].string ?? "")
  }

  /// The error object for a caller of this version.
  public func json(version: CNIVersion) -> JSONValue {
    var value: JSONValue = ["cniVersion": .string(version.description), "code": .int(code), "msg": .string(message)]
    if !details.isEmpty { value["details"] = .string(details) }
    return value
  }

  public var description: String { details.isEmpty ? message : "\(message); \(details)" }
}
