// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// How an image wants to be run, and the layers it is made of (image-spec, config.md).
public struct ImageConfiguration: Hashable, Sendable {
  /// What it runs on.
  public var platform: ImagePlatform
  /// The digests of the uncompressed layers, lowest first.
  public var diffIDs: [Digest]
  /// The user: a name or a number, with `:group` or without; empty means root.
  public var user: String
  /// `NAME=value`, in order.
  public var environment: [String]
  /// What is run; the container's command replaces it.
  public var entrypoint: [String]
  /// The arguments of the entrypoint, or what is run where there is none; the container's args replace them.
  public var command: [String]
  /// The working directory; empty means `/`.
  public var workingDirectory: String
  /// `80/tcp` and such.
  public var exposedPorts: [String]
  /// Paths that want to be volumes.
  public var volumes: [String]
  /// The signal that asks the program to stop: a name or a number; empty means SIGTERM.
  public var stopSignal: String
  /// The image's labels.
  public var labels: [String: String]
  /// The whole document.
  public var document: JSONValue

  /// Reads a configuration.
  public init(_ json: JSONValue) throws(OCISpecError) {
    let config: JSONValue = json["config"]
    self.platform = ImagePlatform(
      os: json["os"].string ?? "linux", architecture: json["architecture"].string ?? "", variant: json["variant"].string
    )
    var diffIDs: [Digest] = []
    for item: JSONValue in json["rootfs"]["diff_ids"].items {
      guard let text: String = item.string else {
        throw OCISpecError(code: .invalidDocument, message: "image configuration with a diff_id that is no string")
      }
      diffIDs.append(try Digest(text))
    }
    self.diffIDs = diffIDs
    self.user = config["User"].string ?? ""
    self.environment = config["Env"].items.compactMap(\.string)
    self.entrypoint = config["Entrypoint"].items.compactMap(\.string)
    self.command = config["Cmd"].items.compactMap(\.string)
    self.workingDirectory = config["WorkingDir"].string ?? ""
    self.exposedPorts = config["ExposedPorts"].object?.keys ?? []
    self.volumes = config["Volumes"].object?.keys ?? []
    self.stopSignal = config["StopSignal"].string ?? ""
    self.labels = stringMap(config["Labels"])
    self.document = json
  }

  /// The user as a number, where it is one.
  public var numericUserID: Int64? {
    user.split(separator: ":", omittingEmptySubsequences: false).first.flatMap { Int64($0) }
  }
  /// The user as a name, where it is one.
  public var userName: String? {
    guard numericUserID == nil else { return nil }
    return user.split(separator: ":", omittingEmptySubsequences: false).first.flatMap { $0.isEmpty ? nil : String($0) }
  }
}
