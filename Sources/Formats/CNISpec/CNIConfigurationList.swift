// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// A network configuration list (a `.conflist` file), or a single configuration (`.conf`) as a list of one.
///
/// A runtime reads it, and for each plugin makes the text for its standard input with `request(...)`.
public struct CNIConfigurationList: Hashable, Sendable {
  /// One entry of `plugins`.
  public struct Plugin: Hashable, Sendable {
    /// The name of the executable.
    public var type: String
    /// The capabilities that the entry declares, by name.
    public var capabilities: Set<String>
    /// The whole entry.
    public var json: JSONValue
  }

  /// The network's name.
  public var name: String
  /// The version that both sides speak: the newest that the list allows and this library knows.
  public var version: CNIVersion
  /// Whether CHECK must not be called.
  public var isCheckDisabled: Bool
  /// Whether GC must not be called.
  public var isGarbageCollectionDisabled: Bool
  /// The plugins, in the order of ADD.
  public var plugins: [Plugin]

  /// Reads a `.conflist`, or a `.conf` (which has a `type` of its own and no `plugins`).
  public init(parsing bytes: some Collection<UInt8>) throws(CNIError) {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: bytes, maximumDepth: 100)
    } catch {
      throw CNIError(CNIError.Code.decodingFailure, "error parsing configuration list: \(error)")
    }
    try self.init(json: json)
  }

  /// Reads a list that is parsed already.
  public init(json: JSONValue) throws(CNIError) {
    guard json.object != nil else { throw Self.invalid("a network configuration must be a JSON object") }
    guard let name: String = json["name"].string else { throw Self.invalid("error parsing configuration list: no name") }
    try CNIValidation.networkName(name)
    self.name = name
    version = try Self.version(json)
    isCheckDisabled = try Self.flag(json, "disableCheck")
    isGarbageCollectionDisabled = try Self.flag(json, "disableGC")
    let entries: [JSONValue]
    if json["plugins"].isNull, json["type"].string != nil {
      entries = [json]
    } else {
      guard let array: [JSONValue] = json["plugins"].array, !array.isEmpty else {
        throw Self.invalid("error parsing configuration list: no plugins in list")
      }
      entries = array
    }
    plugins = []
    for (place, entry) in entries.enumerated() {
      guard let type: String = entry["type"].string, !type.isEmpty, !type.contains("/") else {
        throw Self.invalid("error parsing configuration list: plugin \(place) is missing 'type'")
      }
      let declared: [String] = (entry["capabilities"].object ?? JSONObject()).filter { $0.value == true }.map(\.key)
      plugins.append(Plugin(type: type, capabilities: Set(declared), json: entry))
    }
  }

  private static func invalid(_ message: String) -> CNIError { CNIError(CNIError.Code.invalidConfiguration, message) }

  /// `cniVersion`, or the best of `cniVersions` (since 1.1.0).
  private static func version(_ json: JSONValue) throws(CNIError) -> CNIVersion {
    var texts: [String] = json["cniVersions"].items.compactMap(\.string)
    texts.append(json["cniVersion"].string ?? (texts.isEmpty ? "" : texts[0]))
    let known: [CNIVersion] = texts.compactMap(CNIVersion.init).filter(CNIVersion.all.contains)
    guard let best: CNIVersion = known.max() else {
      throw CNIError(
        CNIError.Code.incompatibleVersion, "incompatible CNI versions",
        details: "config is \"\(texts.joined(separator: ", "))\", supported are \(CNIVersion.all)")
    }
    return best
  }

  /// A truth value, which the reference also takes as a string.
  private static func flag(_ json: JSONValue, _ key: String) throws(CNIError) -> Bool {
    switch json[key] {
    case .null: return false
    case .bool(let value): return value
    case .string("true"), .string("1"), .string("t"): return true
    case .string("false"), .string("0"), .string("f"), .string(""): return false
    default: throw invalid("error parsing configuration list: invalid \(key) value \(json[key].text)")
    }
  }

  /// The configuration for one plugin's standard input.
  ///
  /// - Parameters:
  ///   - plugin: one of `plugins`.
  ///   - capabilityArguments: values by capability ("portMappings", "dns", ...); those that the plugin declares become
  ///     its `runtimeConfig`.
  ///   - previous: the result before this plugin, in the form of `version`; for DEL and CHECK the whole ADD's.
  public func request(for plugin: Plugin, capabilityArguments: JSONObject, previous: JSONValue?) -> JSONValue {
    var json: JSONValue = plugin.json
    json["name"] = .string(name)
    json["cniVersion"] = .string(version.description)
    json["cniVersions"] = .null
    var runtime: JSONObject = JSONObject()
    for (key, value) in capabilityArguments where plugin.capabilities.contains(key) { runtime[key] = value }
    json["runtimeConfig"] = runtime.isEmpty ? .null : .object(runtime)
    json["prevResult"] = previous ?? .null
    return json
  }
}
