// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Logging
internal import OCISpec

extension ImageStore {
  /// Removes an image with all its names, as CRI's RemoveImage; of no image is fine.
  ///
  /// Content that no other image uses goes too; layers that containers still use go with the last of them.
  public func remove(_ name: String) async throws {
    guard let image: ResolvedImage = find(name) else { return }
    let doomed: Set<Digest> = Set(resolved.filter { $0.value.id == image.id }.keys)
    try index.update { entries in entries.removeAll { doomed.contains($0.descriptor.digest) } }
    for digest: Digest in doomed { resolved[digest] = nil }
    collectGarbage()
    logger.info("removed", metadata: ["image": "\(name)", "id": "\(image.id)"])
  }

  /// Takes one name away; an image without any other name goes.
  public func untag(_ name: String) async throws {
    guard let reference: ImageReference = try? ImageReference(name) else { return try await remove(name) }
    try index.update { entries in entries.removeAll { $0.name == reference.description } }
    let named: Set<Digest> = Set(index.entries.map(\.descriptor.digest))
    for digest: Digest in resolved.keys where !named.contains(digest) { resolved[digest] = nil }
    collectGarbage()
  }

  /// Removes blobs and layers that nothing refers to.
  func collectGarbage() {
    var blobs: Set<Digest> = Set(leases.keys)
    var names: Set<String> = Set(layerLeases.keys)
    for image: ResolvedImage in resolved.values {
      blobs.formUnion(image.contents)
      names.formUnion(image.layerNames)
    }
    for id: String in rootFileSystems() { names.formUnion(layersOfRootFileSystem(id)) }
    for digest: Digest in content.all() where !blobs.contains(digest) { content.remove(digest) }
    for name: String in layers.names() where !names.contains(name) {
      do {
        try layers.remove(name)
      } catch {
        logger.warning("a layer could not be removed", metadata: ["layer": "\(name)", "error": "\(error)"])
      }
    }
  }

  /// Removes what a killed process was putting together; partial downloads stay, to be continued.
  func removeAbandoned() {
    for name: String in Files.list("\(configuration.root)/ingest") where !name.hasSuffix(".partial") {
      removeQuietly("\(configuration.root)/ingest/\(name)")
    }
    for name: String in Files.list("\(configuration.root)/containers") where name.hasPrefix(".") {
      removeQuietly("\(configuration.root)/containers/\(name)")
    }
  }

  private func removeQuietly(_ path: String) {
    do {
      try Files.removeTree(path)
    } catch {
      logger.warning("a leftover could not be removed", metadata: ["path": "\(path)", "error": "\(error)"])
    }
  }
}
