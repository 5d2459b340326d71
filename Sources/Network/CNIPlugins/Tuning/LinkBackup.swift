// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import JSON

/// What a container's link was before it was tuned: a file for each link, which the reference plugin reads as well.
struct LinkBackup {
  let folder: String

  private static let suffix: String = ".json"

  private func path(_ attachment: Attachment) -> String {
    "\(folder)/\(attachment.containerID)_\(attachment.interfaceName)\(Self.suffix)"
  }

  /// Keeps what a link was; the network's name lets GC find the files that are its own.
  func write(_ attributes: TunedAttributes, _ attachment: Attachment, network: String) throws(CNIError) {
    var json: JSONValue = attributes.json
    json["network"] = .string(network)
    try PluginSystem.makeFolder(folder)
    try PluginSystem.writeFile(path(attachment), json.bytes, mode: 0o600)
  }

  /// What a link was; nil where nothing is kept, or nothing that can be read.
  func read(_ attachment: Attachment) throws(CNIError) -> TunedAttributes? {
    guard let json: JSONValue = try content(path(attachment)) else { return nil }
    var attributes: TunedAttributes = TunedAttributes()
    do throws(CNIError) { try attributes.read(json) } catch {
      // A process died while it wrote: then nothing was changed yet.
      return nil
    }
    return attributes
  }

  private func content(_ path: String) throws(CNIError) -> JSONValue? {
    // What is no JSON is a file that was not finished.
    try PluginSystem.readFile(path, limit: 1 << 16).flatMap { try? JSONValue(parsing: $0) }
  }

  /// Forgets a link.
  func remove(_ attachment: Attachment) throws(CNIError) { try PluginSystem.removeFile(path(attachment)) }

  /// Forgets the links of a network's attachments that are not valid any more.
  func collectGarbage(network: String, keeping valid: Set<Attachment>) throws(CNIError) {
    let kept: Set<String> = Set(valid.map(path))
    for name: String in try PluginSystem.names(in: folder) where name.hasSuffix(Self.suffix) {
      let path: String = "\(folder)/\(name)"
      guard !kept.contains(path), try content(path)?["network"].string == network else { continue }
      try PluginSystem.removeFile(path)
    }
  }
}
