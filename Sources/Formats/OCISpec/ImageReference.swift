// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The name of an image: registry, repository, and a tag or a digest.
///
/// The grammar is the distribution project's; a name without a registry belongs to `docker.io`, one without
/// a path there to `library/`, one without tag and digest has the tag `latest`.
///
/// ```swift
/// try ImageReference("busybox").description                      // docker.io/library/busybox:latest
/// try ImageReference("localhost:5000/a/b@sha256:…").registry     // localhost:5000
/// ```
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
  /// The registry with its port, as written: `docker.io`, `localhost:5000`.
  public let registry: String
  /// The repository in the registry: `library/busybox`.
  public let repository: String
  /// The tag, where one was given or implied.
  public let tag: String?
  /// The digest of the manifest or index, where one was given.
  public let digest: Digest?

  /// Limits of the grammar: a name has at most 255 bytes, a tag 128.
  private static let nameBytesMax: Int = 255
  private static let tagBytesMax: Int = 128

  /// Makes a reference of parts that have been checked.
  public init(registry: String, repository: String, tag: String?, digest: Digest?) {
    self.registry = registry
    self.repository = repository
    self.tag = tag
    self.digest = digest
  }

  /// Parses and normalises a reference.
  public init(_ text: String) throws(OCISpecError) {
    var rest: Substring = Substring(text)
    var digest: Digest?
    if let at: Substring.Index = rest.firstIndex(of: "@") {
      digest = try Digest(String(rest[rest.index(after: at)...]))
      rest = rest[..<at]
    }
    var tag: String?
    let lastSlash: Substring.Index? = rest.lastIndex(of: "/")
    if let colon: Substring.Index = rest.lastIndex(of: ":"), lastSlash.map({ colon > $0 }) ?? true {
      let name: Substring = rest[rest.index(after: colon)...]
      guard Self.isTag(name) else { throw Self.invalid(text, "invalid tag") }
      tag = String(name)
      rest = rest[..<colon]
    }
    let (registry, repository): (String, String) = Self.splitName(rest)
    guard !rest.isEmpty, Self.isRegistry(registry) else { throw Self.invalid(text, "invalid registry") }
    guard registry.utf8.count + repository.utf8.count < Self.nameBytesMax else {
      throw Self.invalid(text, "repository name must not be more than \(Self.nameBytesMax) characters")
    }
    guard repository.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isPathComponent) else {
      let isUpper: Bool = repository.contains(where: \.isUppercase)
      throw Self.invalid(text, isUpper ? "repository name must be lowercase" : "invalid reference format")
    }
    self.init(registry: registry, repository: repository, tag: tag ?? (digest == nil ? "latest" : nil), digest: digest)
  }

  private static func invalid(_ text: String, _ why: String) -> OCISpecError {
    OCISpecError(code: .invalidReference, message: "invalid image reference \(quoted(text)): \(why)")
  }

  private static func splitName(_ name: Substring) -> (registry: String, repository: String) {
    if let slash: Substring.Index = name.firstIndex(of: "/") {
      let first: Substring = name[..<slash]
      let isHost: Bool = first == "localhost" || first.contains(where: { $0 == "." || $0 == ":" || $0.isUppercase })
      if isHost {
        let path: String = String(name[name.index(after: slash)...])
        guard first == "docker.io" || first == "index.docker.io" else { return (String(first), path) }
        return ("docker.io", path.contains("/") ? path : "library/\(path)")
      }
      return ("docker.io", String(name))
    }
    return ("docker.io", "library/\(name)")
  }

  private static func isTag(_ tag: Substring) -> Bool {
    guard let first: UInt8 = tag.utf8.first, tag.utf8.count <= tagBytesMax else { return false }
    guard isWord(first) || first == UInt8(ascii: "_") else { return false }
    return tag.utf8.allSatisfy {
      isWord($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isRegistry(_ host: String) -> Bool {
    let allowed: Bool = host.utf8.allSatisfy {
      isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ":")
        || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]")
    }
    return allowed && !host.isEmpty
  }

  /// Alphanumeric runs, joined by one dot, one or two underscores, or any number of dashes.
  private static func isPathComponent(_ component: Substring) -> Bool {
    var separator: [UInt8] = []
    var hasWord: Bool = false
    for byte: UInt8 in component.utf8 {
      if isLowerAlphanumeric(byte) {
        guard separator.isEmpty || (hasWord && isSeparator(separator)) else { return false }
        separator = []
        hasWord = true
      } else {
        separator.append(byte)
      }
    }
    return hasWord && separator.isEmpty
  }

  private static func isSeparator(_ bytes: [UInt8]) -> Bool {
    bytes == Array(".".utf8) || bytes == Array("_".utf8) || bytes == Array("__".utf8)
      || bytes.allSatisfy { $0 == UInt8(ascii: "-") }
  }

  /// The name without tag and digest: `docker.io/library/busybox`.
  public var name: String { "\(registry)/\(repository)" }

  public var description: String {
    name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
  }
}
