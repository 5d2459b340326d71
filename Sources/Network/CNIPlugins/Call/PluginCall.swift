// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import CNISpec
public import JSON

/// One call of a plugin: what the environment and the standard input said (CNI specification, section 2).
public struct PluginCall: Sendable {
  /// What is to be done.
  public enum Command: String, Sendable {
    case add = "ADD"
    case delete = "DEL"
    case check = "CHECK"
    case status = "STATUS"
    case collectGarbage = "GC"
    case version = "VERSION"
  }

  /// What is to be done.
  public var command: Command
  /// CNI_CONTAINERID.
  public var containerID: String
  /// CNI_NETNS: the path of the namespace; may be empty for DEL.
  public var namespacePath: String
  /// CNI_IFNAME.
  public var interfaceName: String
  /// CNI_ARGS, parsed.
  public var arguments: [String: String]
  /// CNI_PATH, split.
  public var searchPath: [String]
  /// The configuration.
  public var configuration: JSONValue
  /// The configuration's version.
  public var version: CNIVersion

  /// The network's name.
  public var networkName: String { configuration["name"].string ?? "" }

  /// What makes an attachment unique within its network.
  public var attachment: Attachment { Attachment(containerID: containerID, interfaceName: interfaceName) }

  /// The result that came before, if the configuration has one.
  public func previousResult() throws(CNIError) -> CNIResult? {
    configuration["prevResult"].isNull ? nil : try CNIResult(json: configuration["prevResult"])
  }

  /// The attachments that GC must keep.
  public var validAttachments: Set<Attachment> {
    Set(
      configuration["cni.dev/valid-attachments"].items.map {
        Attachment(containerID: $0["containerID"].string ?? "", interfaceName: $0["ifname"].string ?? "")
      })
  }
}

/// A container's link in one network.
public struct Attachment: Hashable, Sendable {
  /// The container.
  public var containerID: String
  /// The name of the link in the container.
  public var interfaceName: String

  /// As one word, for comments: container IDs have no slash.
  var text: String { "\(containerID)/\(interfaceName)" }

  /// Reads what `text` made.
  init?(text: String) {
    guard let slash: String.Index = text.firstIndex(of: "/") else { return nil }
    self.init(containerID: String(text[..<slash]), interfaceName: String(text[text.index(after: slash)...]))
  }

  /// An attachment.
  public init(containerID: String, interfaceName: String) {
    self.containerID = containerID
    self.interfaceName = interfaceName
  }
}

extension PluginCall {
  /// Configurations are small; this bounds what a mistaken caller can make us read.
  private static let inputBytesMax: Int = 1 << 22

  /// Reads the call from the environment and the standard input.
  static func read(supported: [CNIVersion]) throws(CNIError) -> PluginCall {
    let text: String = PluginSystem.environment("CNI_COMMAND")
    guard !text.isEmpty else {
      throw CNIError(CNIError.Code.invalidEnvironment, "required env variables [CNI_COMMAND] missing")
    }
    guard let command = Command(rawValue: text) else {
      throw CNIError(CNIError.Code.invalidEnvironment, "unknown CNI_COMMAND: \(text)")
    }
    let call: PluginCall = try PluginCall(
      command: command, containerID: PluginSystem.environment("CNI_CONTAINERID"),
      namespacePath: PluginSystem.environment("CNI_NETNS"), interfaceName: PluginSystem.environment("CNI_IFNAME"),
      argumentText: PluginSystem.environment("CNI_ARGS"), path: PluginSystem.environment("CNI_PATH"),
      input: try PluginSystem.readAll(0, limit: inputBytesMax, operation: "error reading from stdin"))
    try call.validate(supported: supported)
    return call
  }

  init(
    command: Command, containerID: String, namespacePath: String, interfaceName: String, argumentText: String,
    path: String, input: [UInt8]
  ) throws(CNIError) {
    self.command = command
    self.containerID = containerID
    self.namespacePath = namespacePath
    self.interfaceName = interfaceName
    searchPath = path.split(separator: ":").map(String.init)
    arguments = [:]
    for pair: Substring in argumentText.split(separator: ";") {
      guard let equals: Substring.Index = pair.firstIndex(of: "=") else {
        throw CNIError(CNIError.Code.invalidEnvironment, "invalid CNI_ARGS pair \"\(pair)\"")
      }
      arguments[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
    }
    do throws(JSONError) {
      // VERSION needs no input.
      configuration = input.isEmpty && command == .version ? [:] : try JSONValue(parsing: input, maximumDepth: 100)
    } catch {
      throw CNIError(CNIError.Code.decodingFailure, "error unmarshall network config: \(error)")
    }
    guard configuration.object != nil else {
      throw CNIError(CNIError.Code.decodingFailure, "network config must be a JSON object")
    }
    let versionText: String = configuration["cniVersion"].string ?? ""
    guard let version = CNIVersion(versionText) else {
      throw CNIError(CNIError.Code.decodingFailure, "invalid version \"\(versionText)\"")
    }
    self.version = version
  }

  func validate(supported: [CNIVersion]) throws(CNIError) {
    guard command != .version else { return }
    var missing: [String] = []
    let needsContainer: Bool = [.add, .delete, .check].contains(command)
    if needsContainer, containerID.isEmpty { missing.append("CNI_CONTAINERID") }
    if command == .add || command == .check, namespacePath.isEmpty { missing.append("CNI_NETNS") }
    if needsContainer, interfaceName.isEmpty { missing.append("CNI_IFNAME") }
    if searchPath.isEmpty { missing.append("CNI_PATH") }
    guard missing.isEmpty else {
      throw CNIError(
        CNIError.Code.invalidEnvironment, "required env variables [\(missing.joined(separator: ","))] missing")
    }
    try CNIValidation.networkName(networkName)
    if needsContainer {
      try CNIValidation.containerID(containerID)
      try CNIValidation.interfaceName(interfaceName)
    }
    guard supported.contains(version) else {
      throw CNIError(
        CNIError.Code.incompatibleVersion, "incompatible CNI versions",
        details: "config is \"\(version)\", plugin supports \(supported.map(\.description))")
    }
    if command == .check, !version.hasCheck {
      throw CNIError(CNIError.Code.incompatibleVersion, "config version does not allow CHECK")
    }
    if command == .status || command == .collectGarbage, !version.hasGarbageCollection {
      throw CNIError(CNIError.Code.incompatibleVersion, "config version does not allow \(command.rawValue)")
    }
  }
}
