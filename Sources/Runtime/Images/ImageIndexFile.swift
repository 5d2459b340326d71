// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import OCISpec

/// The names of a store's images: the `index.json` of its image layout.
///
/// Each name is one descriptor of what it resolved to, annotated so that other tools find it too. This is the
/// one fact that nothing else on disk tells; it is replaced as a whole.
struct ImageIndexFile: Sendable {
  /// What a name stands for. An image that has no name any more keeps one entry without.
  struct Entry: Hashable, Sendable {
    var name: String?
    var descriptor: ImageDescriptor
  }

  static let refName: String = "org.opencontainers.image.ref.name"
  static let imageName: String = "io.containerd.image.name"

  let path: String
  private(set) var entries: [Entry] = []

  /// Reads the names; of a new store there are none.
  init(path: String) throws {
    self.path = path
    guard Files.exists(path) else { return }
    let index: ImageIndex = try ImageIndex(try JSONValue(parsing: try Files.read(path)))
    entries = index.manifests.map { descriptor in
      var plain: ImageDescriptor = descriptor
      plain.annotations = [:]
      return Entry(
        name: descriptor.annotations[Self.imageName] ?? descriptor.annotations[Self.refName], descriptor: plain)
    }
  }

  /// Changes the names, on disk first.
  mutating func update(_ change: (inout [Entry]) -> Void) throws {
    var changed: [Entry] = entries
    change(&changed)
    guard changed != entries else { return }
    let index: ImageIndex = ImageIndex(
      manifests: changed.map { entry in
        var descriptor: ImageDescriptor = entry.descriptor
        if let name: String = entry.name { descriptor.annotations = [Self.refName: name, Self.imageName: name] }
        return descriptor
      })
    try Files.replace(path, with: index.json.bytes)
    entries = changed
  }
}
