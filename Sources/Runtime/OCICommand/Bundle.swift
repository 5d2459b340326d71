// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel
import OCISpec

/// A bundle: a folder with a `config.json` (runtime-spec, bundle.md).
struct Bundle {
  /// The absolute path.
  let path: String
  /// The configuration with absolute paths.
  private(set) var configuration: JSONValue
  let spec: RuntimeSpec
  let process: RuntimeSpec.Process

  init(_ path: String) throws(CommandError) {
    let absolute: String = try realPath(path)
    self.path = absolute
    let file: String = absolute + "/config.json"
    guard Files.exists(file) else { throw CommandError("JSON specification file config.json not found") }
    var json: JSONValue = try readDocument(file)
    try Self.checkVersion(json["ociVersion"].string ?? "")
    guard let root: String = json["root"]["path"].string, !root.isEmpty else {
      throw CommandError("root path must be given")
    }
    json["root"]["path"] = .string(try realPath(root.hasPrefix("/") ? root : absolute + "/" + root))
    var mounts: [JSONValue] = json["mounts"].items
    for number: Int in mounts.indices {
      guard let destination: String = mounts[number]["destination"].string, !destination.isEmpty else {
        throw CommandError("a mount without a destination")
      }
      if !destination.hasPrefix("/") { mounts[number]["destination"] = .string("/" + destination) }
      let options: [String] = mounts[number]["options"].items.compactMap(\.string)
      let isBind: Bool = mounts[number]["type"].string == "bind" || options.contains("bind") || options.contains("rbind")
      if isBind {
        mounts[number]["type"] = "bind"
        let source: String = mounts[number]["source"].string ?? ""
        if !source.hasPrefix("/") { mounts[number]["source"] = .string(absolute + "/" + source) }
      }
    }
    if !mounts.isEmpty { json["mounts"] = .array(mounts) }
    if json["process"].isNull {
      // A container can be created without a program; its start fails.
      json["process"] = ["args": [], "cwd": "/"]
    } else if json["process"]["args"].items.isEmpty {
      throw CommandError("process.args must not be empty")
    }
    configuration = json
    do throws(OCISpecError) { spec = try RuntimeSpec(json) } catch { throw CommandError(error.message) }
    guard let process: RuntimeSpec.Process = spec.process else { throw CommandError("process property must not be empty") }
    self.process = process
    try checkSpec()
  }

  private static func checkVersion(_ version: String) throws(CommandError) {
    let core: Substring = version.prefix { $0 != "-" && $0 != "+" }
    let numbers: [UInt] = core.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt($0) }
    guard numbers.count == 3 else { throw CommandError("ociVersion \"\(version)\" is no version") }
    guard numbers[0] == 1 else { throw CommandError("ociVersion \"\(version)\" is not supported: only 1.x is") }
  }

  private func checkSpec() throws(CommandError) {
    guard process.workingDirectory.hasPrefix("/") else { throw CommandError("Cwd must be an absolute path") }
    var seen: Set<String> = []
    for namespace: RuntimeSpec.Namespace in spec.namespaces where !seen.insert(namespace.type).inserted {
      throw CommandError("malformed spec file: duplicated ns \"\(namespace.type)\"")
    }
    for type: String in seen where !Self.namespaceTypes.contains(type) {
      throw CommandError("unknown namespace type \"\(type)\"")
    }
    if !spec.hostname.isEmpty, !seen.contains("uts") {
      throw CommandError("unable to set hostname without a private UTS namespace")
    }
    for kind: Hook.Kind in Hook.Kind.allCases {
      do throws(OCISpecError) { _ = try Hook.all(kind, in: spec.hooks) } catch { throw CommandError(error.message) }
    }
    if spec.timeOffsets.object != nil, !seen.contains("time") {
      throw CommandError("time offsets need a time namespace")
    }
  }

  static let namespaceTypes: [String] = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]

  /// The group: absolute paths are from the root of the hierarchies, and so are relative ones.
  func cgroupsPath(id: String) -> String {
    "/" + (spec.cgroupsPath.isEmpty ? id : spec.cgroupsPath).split(separator: "/").filter { $0 != ".." && $0 != "." }
      .joined(separator: "/")
  }
}

/// A path without links.
func realPath(_ path: String) throws(CommandError) -> String {
  guard let found: UnsafeMutablePointer<CChar> = realpath(path, nil) else {
    throw CommandError("\(path): \(Errno.current)")
  }
  defer { free(found) }
  return String(cString: found)
}
