// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
public import Logging
public import OCISpec

/// Where images live and come from.
public struct ImageStoreConfiguration: Sendable {
  /// The directory of the store; made when missing. Upper directories of containers are below it.
  public var root: String
  /// The directory with `<host>/hosts.toml` for mirrors (containerd's convention); nil means none.
  public var registryConfigDirectory: String?
  /// Registries that are spoken to without TLS even when no hosts.toml says so.
  public var plainHTTPRegistries: Set<String> = []
  /// Images that garbage collection must leave alone.
  public var pinnedReferences: [String] = []
  /// What images are chosen for.
  public var platform: ImagePlatform = .current
  /// Layers of one image that are fetched at the same time.
  public var concurrentDownloadsMax: Int = 3

  /// Makes a configuration.
  public init(root: String, registryConfigDirectory: String? = nil) {
    self.root = root
    self.registryConfigDirectory = registryConfigDirectory
  }
}

/// Images on this machine: pulled, loaded, unpacked, mounted and removed.
///
/// Everything is on disk below one directory: an OCI image layout (`blobs/`, `index.json`, `oci-layout`), one
/// directory per unpacked chain ID (`layers/`), and one per container (`containers/`). A layer or a blob appears
/// under its name only when it is whole, so that a killed process leaves nothing half done.
public actor ImageStore {
  /// How far a pull is.
  public struct Progress: Sendable, Hashable {
    /// Bytes fetched so far.
    public var fetchedBytes: Int64
    /// Bytes to fetch.
    public var totalBytes: Int64
  }

  let configuration: ImageStoreConfiguration
  let logger: Logger
  let content: ContentStore
  let layers: LayerStore
  var index: ImageIndexFile
  /// The images behind the names, by manifest digest or index digest of an entry.
  var resolved: [Digest: ResolvedImage] = [:]
  /// Pulls in progress, so that one image is fetched once.
  var pulls: [String: SharedPull] = [:]
  /// Work on one blob, layer or container at a time.
  var turns: KeyedTurns = KeyedTurns()
  /// Content that is being put together and has no name yet: garbage collection leaves it alone.
  var leases: [Digest: Int] = [:]
  var layerLeases: [String: Int] = [:]

  /// Opens the store, or makes it, and removes what a killed process left behind.
  public init(configuration: ImageStoreConfiguration, logger: Logger) async throws {
    self.configuration = configuration
    self.logger = logger
    self.content = ContentStore(root: configuration.root)
    self.layers = LayerStore(root: configuration.root)
    try Files.makeDirectory("\(configuration.root)/containers")
    try content.prepare()
    try layers.prepare()
    let path: String = "\(configuration.root)/index.json"
    do {
      self.index = try ImageIndexFile(path: path)
    } catch {
      // Names are lost, but nodes pull again; the file is kept for whoever wants to look.
      logger.error("the image index is damaged and was put aside", metadata: ["path": "\(path)", "error": "\(error)"])
      guard rename(path, path + ".damaged") == 0 else { throw ImagesError.system("rename", path) }
      self.index = try ImageIndexFile(path: path)
    }
    for entry: ImageIndexFile.Entry in index.entries where resolved[entry.descriptor.digest] == nil {
      do {
        resolved[entry.descriptor.digest] = try Self.resolve(
          entry.descriptor, content: content, platform: configuration.platform)
      } catch {
        logger.warning(
          "an image is not whole and will be pulled again",
          metadata: ["image": "\(entry.name ?? entry.descriptor.digest.description)", "error": "\(error)"])
      }
    }
    let whole: Set<Digest> = Set(resolved.keys)
    try index.update { entries in entries.removeAll { !whole.contains($0.descriptor.digest) } }
    removeAbandoned()
    collectGarbage()
  }

  /// An image's documents.
  struct ResolvedImage: Sendable {
    /// What a name resolved to, then every document on the way to the configuration, and the layers.
    var contents: [Digest]
    var manifestDigest: Digest
    var manifest: ImageManifest
    var configuration: ImageConfiguration

    var id: String { manifest.config.digest.description }
    var sizeBytes: UInt64 {
      UInt64(clamping: manifest.config.sizeBytes + manifest.layers.reduce(0) { $0 + $1.sizeBytes })
    }
    /// The names of the layers, topmost first.
    var layerNames: [String] {
      let names: [String] = LayerStore.chainIDs(configuration.diffIDs).map(LayerStore.name).reversed()
      return names.isEmpty ? [LayerStore.emptyName] : names
    }
  }

  /// Follows a descriptor to the image for a platform, by documents that are in the store.
  static func resolve(
    _ descriptor: ImageDescriptor, content: ContentStore, platform: ImagePlatform
  ) throws -> ResolvedImage {
    var contents: [Digest] = [descriptor.digest]
    var current: ImageDescriptor = descriptor
    var json: JSONValue = try content.document(current.digest)
    // An index may hold another, but not without end.
    for _ in 0..<4
    where ImageMediaType.isIndex(json["mediaType"].string ?? current.mediaType) || json["manifests"].array != nil {
      current = try choose(try ImageIndex(json), platform)
      contents.append(current.digest)
      json = try content.document(current.digest)
    }
    let manifest: ImageManifest = try ImageManifest(json)
    let configuration: ImageConfiguration = try ImageConfiguration(try content.document(manifest.config.digest))
    guard configuration.diffIDs.count == manifest.layers.count else {
      throw ImagesError(
        code: .invalidData,
        message:
          "image \(current.digest) has \(manifest.layers.count) layers and \(configuration.diffIDs.count) diff_ids")
    }
    contents.append(manifest.config.digest)
    contents += manifest.layers.map(\.digest)
    return ResolvedImage(
      contents: contents, manifestDigest: current.digest, manifest: manifest, configuration: configuration)
  }

  static func choose(_ index: ImageIndex, _ platform: ImagePlatform) throws -> ImageDescriptor {
    guard let chosen: ImageDescriptor = index.manifest(for: platform) else {
      let offered: String = index.manifests.compactMap { $0.platform?.description }.joined(separator: ", ")
      throw ImagesError(
        code: .notFound, message: "no match for platform in manifest: want \(platform), offered are \(offered)")
    }
    return chosen
  }

  // MARK: - Questions

  /// The image with this id (or an unambiguous prefix of it), tag or digest reference.
  public func image(named name: String) -> StoredImage? {
    find(name).map(storedImage)
  }

  /// All images, in the order of their ids.
  public func images() -> [StoredImage] {
    var byID: [String: ResolvedImage] = [:]
    for image: ResolvedImage in resolved.values { byID[image.id] = image }
    return byID.values.map(storedImage).sorted { $0.id < $1.id }
  }

  func find(_ name: String) -> ResolvedImage? {
    if let image: ResolvedImage = resolved.values.first(where: { $0.id == name || $0.id == "sha256:\(name)" }) {
      return image
    }
    // What is no reference may still be the beginning of an id.
    if let reference: ImageReference = try? ImageReference(name) {
      if let entry: ImageIndexFile.Entry = index.entries.first(where: { $0.name == reference.description }) {
        return resolved[entry.descriptor.digest]
      }
      if let digest: Digest = reference.digest, let image: ResolvedImage = image(reference.name, digest) {
        return image
      }
    }
    return imageByPrefix(name)
  }

  private func image(_ name: String, _ digest: Digest) -> ResolvedImage? {
    let isKnown: Bool = index.entries.contains { entry in
      entry.name.map { $0.hasPrefix("\(name):") || $0.hasPrefix("\(name)@") } ?? false
        && (entry.descriptor.digest == digest || resolved[entry.descriptor.digest]?.manifestDigest == digest)
    }
    guard isKnown else { return nil }
    return resolved[digest] ?? resolved.values.first { $0.manifestDigest == digest }
  }

  private func imageByPrefix(_ name: String) -> ResolvedImage? {
    let prefix: String = name.hasPrefix("sha256:") ? name : "sha256:\(name)"
    guard prefix.utf8.count > "sha256:".utf8.count + 2 else { return nil }
    let found: [ResolvedImage] = resolved.values.filter { $0.id.hasPrefix(prefix) }
    return Set(found.map(\.id)).count == 1 ? found.first : nil
  }

  func storedImage(_ image: ResolvedImage) -> StoredImage {
    var tags: Set<String> = []
    var digests: Set<String> = []
    for entry: ImageIndexFile.Entry in index.entries where resolved[entry.descriptor.digest]?.id == image.id {
      guard let name: String = entry.name else { continue }
      if name.contains("@") { digests.insert(name) } else { tags.insert(name) }
    }
    let names: Set<String> = tags.union(digests).union([image.id])
    let isPinned: Bool = configuration.pinnedReferences.contains { pinned in
      // A pinned name that is no reference matches nothing.
      names.contains((try? ImageReference(pinned))?.description ?? pinned)
    }
    return StoredImage(
      id: image.id, tags: tags.sorted(), digests: digests.sorted(), manifestDigest: image.manifestDigest,
      sizeBytes: image.sizeBytes, configuration: image.configuration, isPinned: isPinned)
  }

  /// What images occupy: blobs and unpacked layers.
  public func usage() async -> FileSystemUsage {
    var bytes: UInt64 = 0
    var inodes: UInt64 = 0
    for digest: Digest in content.all() {
      bytes += UInt64(clamping: Files.size(content.path(digest)) ?? 0)
      inodes += 1
    }
    for name: String in layers.names() {
      let usage: (bytes: UInt64, inodes: UInt64) = layers.usage(name)
      bytes += usage.bytes
      inodes += usage.inodes
    }
    return FileSystemUsage(mountPoint: configuration.root, usedBytes: bytes, inodesUsed: inodes)
  }
}
