// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Glibc
internal import JSON
internal import OCISpec

extension ImageStore {
  /// Takes in the images of an OCI image layout directory; an image without a full name there gets `name`.
  public func load(layout directory: String, name: String? = nil) async throws -> [StoredImage] {
    let entries: [ImageIndexFile.Entry]
    do {
      entries = try ImageIndexFile(path: "\(directory)/index.json").entries
    } catch {
      throw ImagesError(code: .invalidData, message: "\(directory) is no OCI image layout", cause: error)
    }
    guard !entries.isEmpty else { throw ImagesError(code: .notFound, message: "\(directory) has no images") }
    var loaded: [StoredImage] = []
    for entry: ImageIndexFile.Entry in entries {
      let source: ContentStore = ContentStore(root: directory)
      let image: ResolvedImage = try Self.resolve(entry.descriptor, content: source, platform: configuration.platform)
      lease(image.contents)
      defer { release(image.contents) }
      let content: ContentStore = content
      let missing: [Digest] = image.contents.filter { !content.has($0) }
      try await onBlockingThread {
        for digest: Digest in missing { _ = try content.addFile(source.path(digest), as: digest) }
      }
      loaded.append(try await adopt(image, entry.descriptor, names: [fullName(entry.name, name)].compactMap(\.self)))
    }
    return loaded
  }

  /// Takes in the images of a tar archive made by `docker save` or of an OCI layout, compressed or not.
  public func load(archive path: String, name: String? = nil) async throws -> [StoredImage] {
    let directory: String = "\(configuration.root)/ingest/load-\(getpid())-\(path.hashValue & 0xffff)"
    try Files.removeTree(directory)
    try Files.makeDirectory(directory)
    do {
      try await onBlockingThread { try ArchiveFolder(directory: directory).extract(path) }
      let isLayout: Bool = Files.exists("\(directory)/index.json")
      let images: [StoredImage] =
        isLayout ? try await load(layout: directory, name: name) : try await load(dockerArchive: directory, name: name)
      try Files.removeTree(directory)
      return images
    } catch {
      // The first error is what matters; the next start removes what is left here.
      try? Files.removeTree(directory)
      throw error
    }
  }

  /// Docker's own format: manifest.json names a configuration and uncompressed layers.
  private func load(dockerArchive directory: String, name: String?) async throws -> [StoredImage] {
    guard Files.exists("\(directory)/manifest.json") else {
      throw ImagesError(
        code: .invalidData, message: "the archive has neither index.json nor manifest.json: it holds no image")
    }
    let folder: ArchiveFolder = ArchiveFolder(directory: directory)
    let list: JSONValue = try JSONValue(parsing: try Files.read("\(directory)/manifest.json"))
    var loaded: [StoredImage] = []
    for item: JSONValue in list.items {
      let config: [UInt8] = try Files.read(
        try folder.path(item["Config"].string ?? ""), upTo: ContentStore.documentBytesMax)
      let configDigest: Digest = try content.add(config)
      var leased: [Digest] = [configDigest]
      lease(leased)
      defer { release(leased) }
      var descriptors: [ImageDescriptor] = []
      let content: ContentStore = content
      for layer: JSONValue in item["Layers"].items {
        let file: String = try folder.path(layer.string ?? "")
        let parts: ImageDescriptorParts = try await onBlockingThread { try content.addFile(file, as: nil) }
        lease([parts.digest])
        leased.append(parts.digest)
        let type: String = try folder.isGzip(file) ? ".tar+gzip" : ".tar"
        descriptors.append(
          ImageDescriptor(
            mediaType: "application/vnd.oci.image.layer.v1\(type)", digest: parts.digest, sizeBytes: parts.sizeBytes))
      }
      let manifest: ImageManifest = ImageManifest(
        config: ImageDescriptor(mediaType: ImageMediaType.config, digest: configDigest, sizeBytes: Int64(config.count)),
        layers: descriptors)
      let bytes: [UInt8] = manifest.json.bytes
      let digest: Digest = try content.add(bytes)
      let top: ImageDescriptor = ImageDescriptor(
        mediaType: ImageMediaType.manifest, digest: digest, sizeBytes: Int64(bytes.count))
      let image: ResolvedImage = try Self.resolve(top, content: content, platform: configuration.platform)
      let tags: [String] = item["RepoTags"].items.compactMap { fullName($0.string, nil) }
      loaded.append(try await adopt(image, top, names: tags.isEmpty ? [fullName(nil, name)].compactMap(\.self) : tags))
    }
    return loaded
  }

  /// Unpacks an image whose content is here, and names it.
  private func adopt(_ image: ResolvedImage, _ descriptor: ImageDescriptor, names: [String]) async throws -> StoredImage
  {
    try await unpackAll(image)
    try index.update { entries in
      entries.removeAll { entry in names.contains { $0 == entry.name } }
      for name: String in names { entries.append(ImageIndexFile.Entry(name: name, descriptor: descriptor)) }
      if !entries.contains(where: { $0.descriptor.digest == descriptor.digest }) {
        entries.append(ImageIndexFile.Entry(name: nil, descriptor: descriptor))
      }
    }
    resolved[descriptor.digest] = image
    return storedImage(image)
  }

  /// A layout may name an image in full, by its tag alone, or not at all.
  private func fullName(_ written: String?, _ given: String?) -> String? {
    // A name that cannot be parsed is as good as none.
    let givenReference: ImageReference? = given.flatMap { try? ImageReference($0) }
    if let written, written.contains("/") || written.contains(":") || givenReference == nil {
      if let reference: ImageReference = try? ImageReference(written) { return reference.description }
    }
    return givenReference?.description
  }
}

/// An archive that was unpacked for looking into it: plain files and links among them.
struct ArchiveFolder: Sendable {
  let directory: String

  /// Unpacks regular files and links by the rules of layers, so that nothing leaves the directory.
  func extract(_ archive: String) throws {
    let tree: LayerTree = try LayerTree(root: directory, lower: [])
    _ = try LayerUnpacker(tree: tree).unpack(archive)
  }

  /// The file that a name in the archive stands for; old `docker save` links repeated layers to the first.
  func path(_ name: String) throws -> String {
    var parts: [String] = LayerTree.components(name)
    for _ in 0..<8 {
      let path: String = "\(directory)/\(parts.joined(separator: "/"))"
      var status: stat = stat()
      guard !parts.isEmpty, lstat(path, &status) == 0 else { break }
      if status.st_mode & S_IFMT == S_IFREG { return path }
      guard status.st_mode & S_IFMT == S_IFLNK else { break }
      let target: String = LayerTree.readLink(AT_FDCWD, path)
      parts = LayerTree.components(parts.dropLast().joined(separator: "/") + "/" + target)
    }
    throw ImagesError(code: .invalidData, message: "the archive has no file \(name)")
  }

  func isGzip(_ path: String) throws -> Bool {
    let fd: CInt = try Files.open(path, O_RDONLY)
    defer { close(fd) }
    var magic: [UInt8] = [0, 0]
    return read(fd, &magic, 2) == 2 && magic == [0x1f, 0x8b]
  }
}
