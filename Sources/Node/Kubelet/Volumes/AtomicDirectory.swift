// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import KubeValues

/// A directory of files that change all at once.
///
/// The files are in a directory named after the time; `..data` links to it, and each visible name links through
/// `..data`. Exchanging that one link changes all files in one step, and a reader that has opened a file keeps it.
///
///     key -> ..data/key      ..data -> ..2026_11_21_08_12_59.123456789      ..2026_11_21_.../key
struct AtomicDirectory: Sendable {
  /// One file.
  struct File: Sendable, Equatable {
    var bytes: [UInt8]
    var mode: UInt32
    /// The owner, where it is not root.
    var uid: UInt32?
  }

  let path: String
  /// The group that owns the files.
  var group: UInt32?

  /// Makes the directory have these files and no others; nothing is touched where nothing changed.
  func write(_ files: [String: File]) throws {
    try checkNames(files)
    try Files.makeDirectories(path)
    let old: String? = try? Files.readLink(path + "/..data")
    if let old, isCurrent(path + "/" + old, files) { return }
    let name: String = Self.versionName()
    let directory: String = "\(path)/\(name)"
    try Files.makeDirectory(directory)
    // The umask must not narrow what containers may read.
    try Files.setMode(directory, 0o755)
    for (file, content) in files { try write(content, to: directory, named: file) }
    try? Files.remove(path + "/..data_tmp")
    try Files.makeLink(path + "/..data_tmp", to: name)
    try Files.rename(path + "/..data_tmp", path + "/..data")
    try makeVisible(files)
    if let old, old != name { try Files.removeTree("\(path)/\(old)") }
  }

  private func write(_ file: File, to directory: String, named name: String) throws {
    let target: String = "\(directory)/\(name)"
    var folder: String = directory
    for component: Substring in name.split(separator: "/").dropLast() {
      folder += "/\(component)"
      try Files.makeDirectory(folder)
      try Files.setMode(folder, 0o755)
    }
    try Files.write(target, file.bytes, mode: 0o600)
    if group != nil || file.uid != nil { try Files.setOwner(target, uid: file.uid ?? 0, gid: group ?? 0) }
    let groupBits: UInt32 = group == nil ? 0 : (file.mode & 0o400) >> 3
    try Files.setMode(target, file.mode | groupBits)
  }

  /// Links the first component of every name, and removes links that lead nowhere any more.
  private func makeVisible(_ files: [String: File]) throws {
    let wanted: Set<String> = Set(files.keys.compactMap { $0.split(separator: "/").first.map(String.init) })
    for name: String in try Files.list(path) where !name.hasPrefix("..") && !wanted.contains(name) {
      try Files.removeTree("\(path)/\(name)")
    }
    for name: String in wanted {
      let link: String = "\(path)/\(name)"
      if (try? Files.readLink(link)) == "..data/\(name)" { continue }
      try Files.removeTree(link)
      try Files.makeLink(link, to: "..data/\(name)")
    }
  }

  private func isCurrent(_ directory: String, _ files: [String: File]) -> Bool {
    guard let present: [String] = try? Self.names(in: directory), Set(present) == Set(files.keys) else { return false }
    for (name, file) in files {
      guard (try? Files.read("\(directory)/\(name)")) == file.bytes else { return false }
    }
    for name: String in Set(files.keys.compactMap({ $0.split(separator: "/").first.map(String.init) })) {
      guard (try? Files.readLink("\(path)/\(name)")) == "..data/\(name)" else { return false }
    }
    return true
  }

  private static func names(in directory: String, prefix: String = "") throws -> [String] {
    var names: [String] = []
    for name: String in try Files.list(directory) {
      if try Files.status("\(directory)/\(name)", followLinks: false).isDirectory {
        names += try self.names(in: "\(directory)/\(name)", prefix: "\(prefix)\(name)/")
      } else {
        names.append(prefix + name)
      }
    }
    return names
  }

  private func checkNames(_ files: [String: File]) throws {
    for name: String in files.keys {
      let components: [Substring] = name.split(separator: "/", omittingEmptySubsequences: false)
      guard !name.isEmpty, !name.hasPrefix("/"), !name.hasPrefix(".."), !components.contains("..") else {
        throw KubeletError(.invalid, "invalid path: \(name): it must be relative and stay in the volume")
      }
    }
  }

  private static func versionName() -> String {
    let text: String = SystemClock.rfc3339(SystemClock.now).dropLast().map {
      $0 == "-" || $0 == ":" || $0 == "T" ? "_" : String($0)
    }.joined()
    return "..\(text)"
  }
}
