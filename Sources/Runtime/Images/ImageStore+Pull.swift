// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import Logging
internal import OCISpec
internal import Synchronization

extension ImageStore {
  /// A pull that several callers wait for.
  struct SharedPull {
    let task: Task<StoredImage, any Error>
    var waiters: Int
  }

  /// Fetches an image from its registry and unpacks it; what is there already is not fetched again.
  ///
  /// A tag is always resolved by the registry; a digest that is in the store needs no registry. Callers that ask
  /// for the same image with the same credentials at the same time share one pull, which ends early only when
  /// all of them are cancelled.
  public func pull(
    _ reference: String, credentials: RegistryCredentials? = nil,
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> StoredImage {
    let name: ImageReference
    do {
      name = try ImageReference(reference)
    } catch {
      throw ImagesError(code: .invalidReference, message: error.message)
    }
    let key: String = "\(name) \(credentials.hashValue)"
    if pulls[key] == nil {
      // The pull belongs to all its callers and must outlive the one that happened to come first.
      let task: Task<StoredImage, any Error> = Task { try await self.fetch(name, credentials, progress) }
      pulls[key] = SharedPull(task: task, waiters: 0)
    }
    pulls[key]?.waiters += 1
    guard let task: Task<StoredImage, any Error> = pulls[key]?.task else { throw CancellationError() }
    defer { if pulls[key]?.task == task { pulls[key] = nil } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      Task { await self.leave(key, task) }
    }
  }

  private func leave(_ key: String, _ task: Task<StoredImage, any Error>) {
    guard var pull: SharedPull = pulls[key], pull.task == task else { return }
    pull.waiters -= 1
    pulls[key] = pull
    if pull.waiters == 0 { task.cancel() }
  }

  private func fetch(
    _ name: ImageReference, _ credentials: RegistryCredentials?, _ progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> StoredImage {
    if name.digest != nil, let image: ResolvedImage = find(name.description), isUnpacked(image) {
      try record(name, try currentDescriptor(image, name))
      return storedImage(image)
    }
    do {
      let hosts: [RegistryHost] = try RegistryHosts(
        directory: configuration.registryConfigDirectory, plainHTTP: configuration.plainHTTPRegistries
      ).hosts(for: name.registry)
      return try await RegistryClient.with(name, hosts: hosts, credentials: credentials) { client in
        try await self.fetch(name, client, progress)
      }
    } catch let error as CancellationError {
      throw error
    } catch {
      let cause: ImagesError? = error as? ImagesError
      throw ImagesError(
        code: cause?.code ?? ((error as? OCISpecError) == nil ? .unavailable : .invalidData),
        message: "failed to pull and unpack image \"\(name)\": \(error)")
    }
  }

  private func currentDescriptor(_ image: ResolvedImage, _ name: ImageReference) throws -> ImageDescriptor {
    guard
      let entry: ImageIndexFile.Entry = index.entries.first(where: { resolved[$0.descriptor.digest]?.id == image.id })
    else {
      throw ImagesError(code: .notFound, message: "image \(name) has gone")
    }
    return entry.descriptor
  }

  private func fetch(
    _ name: ImageReference, _ client: RegistryClient, _ progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> StoredImage {
    let top: ImageDescriptor = try await resolve(name, client)
    var leased: [Digest] = [top.digest]
    lease(leased)
    defer { release(leased) }
    func fetchDocument(_ descriptor: ImageDescriptor) async throws -> JSONValue {
      if !content.has(descriptor.digest) {
        try content.add(try await client.manifest(descriptor.digest).bytes, as: descriptor.digest)
      }
      return try content.document(descriptor.digest)
    }
    var json: JSONValue = try await fetchDocument(top)
    for _ in 0..<4 where json["manifests"].array != nil {
      let chosen: ImageDescriptor = try Self.choose(try ImageIndex(json), configuration.platform)
      lease([chosen.digest])
      leased.append(chosen.digest)
      json = try await fetchDocument(chosen)
    }
    let manifest: ImageManifest = try ImageManifest(json)
    let blobs: [ImageDescriptor] = [manifest.config] + manifest.layers
    lease(blobs.map(\.digest))
    leased += blobs.map(\.digest)
    let meter: PullMeter = PullMeter(total: blobs.reduce(0) { $0 + $1.sizeBytes }, report: progress)
    try await fetchBlob(manifest.config, client, meter)
    let image: ResolvedImage = try Self.resolve(top, content: content, platform: configuration.platform)
    try checkPlatform(image)
    try await fetchLayers(image, client, meter)
    try record(name, top)
    resolved[top.digest] = image
    logger.info("pulled", metadata: ["image": "\(name)", "id": "\(image.id)"])
    return storedImage(image)
  }

  private func resolve(_ name: ImageReference, _ client: RegistryClient) async throws -> ImageDescriptor {
    do {
      return try await client.resolve()
    } catch let error as ImagesError {
      throw ImagesError(code: error.code, message: "failed to resolve reference \"\(name)\": \(error)")
    }
  }

  private func checkPlatform(_ image: ResolvedImage) throws {
    let platform: ImagePlatform = image.configuration.platform
    guard platform.architecture.isEmpty || platform.runs(on: configuration.platform) else {
      throw ImagesError(
        code: .notFound,
        message: "no match for platform in manifest: the image is for \(platform), not for \(configuration.platform)")
    }
  }

  private func fetchBlob(_ descriptor: ImageDescriptor, _ client: RegistryClient, _ meter: PullMeter) async throws {
    let content: ContentStore = content
    try await inTurn("blob \(descriptor.digest)") {
      guard !content.has(descriptor.digest) else {
        meter.add(descriptor.sizeBytes)
        return
      }
      try await client.blob(descriptor, into: content) { meter.add($0) }
    }
  }

  /// Fetches layers side by side and unpacks each as soon as those below it are there.
  private func fetchLayers(_ image: ResolvedImage, _ client: RegistryClient, _ meter: PullMeter) async throws {
    let descriptors: [ImageDescriptor] = image.manifest.layers
    let chain: [Digest] = LayerStore.chainIDs(image.configuration.diffIDs)
    let names: [String] = chain.map(LayerStore.name)
    for name: String in names { layerLeases[name, default: 0] += 1 }
    defer { for name: String in names { releaseLayer(name) } }
    try await withThrowingTaskGroup(of: Int.self) { group in
      var next: Int = 0
      var fetched: Set<Int> = []
      var unpacked: Int = 0
      while next < min(configuration.concurrentDownloadsMax, descriptors.count) {
        let position: Int = next
        group.addTask { try await self.fetchLayer(descriptors[position], position, client, meter) }
        next += 1
      }
      while let position: Int = try await group.next() {
        if next < descriptors.count {
          let following: Int = next
          group.addTask { try await self.fetchLayer(descriptors[following], following, client, meter) }
          next += 1
        }
        fetched.insert(position)
        while fetched.contains(unpacked) {
          try await unpackLayer(image, chain, unpacked)
          unpacked += 1
        }
      }
    }
  }

  private func fetchLayer(
    _ descriptor: ImageDescriptor, _ position: Int, _ client: RegistryClient, _ meter: PullMeter
  ) async throws -> Int {
    try await fetchBlob(descriptor, client, meter)
    return position
  }

  func unpackLayer(_ image: ResolvedImage, _ chain: [Digest], _ position: Int) async throws {
    let layers: LayerStore = layers
    let blob: String = content.path(image.manifest.layers[position].digest)
    let chainID: Digest = chain[position]
    let diffID: Digest = image.configuration.diffIDs[position]
    let lower: [String] = chain[..<position].map(LayerStore.name).reversed()
    guard !layers.has(chainID) else { return }
    try await inTurn("layer \(chainID)") {
      try await onBlockingThread {
        try layers.unpack(blob: blob, chainID: chainID, lower: lower, diffID: diffID)
      }
    }
  }

  func isUnpacked(_ image: ResolvedImage) -> Bool {
    image.layerNames.allSatisfy { Files.exists(layers.path($0)) }
  }

  /// Unpacks what is missing of an image whose blobs are all here.
  func unpackAll(_ image: ResolvedImage) async throws {
    let chain: [Digest] = LayerStore.chainIDs(image.configuration.diffIDs)
    let names: [String] = chain.map(LayerStore.name)
    for name: String in names { layerLeases[name, default: 0] += 1 }
    defer { for name: String in names { releaseLayer(name) } }
    for position: Int in chain.indices { try await unpackLayer(image, chain, position) }
  }

  /// Gives an image its names: the tag, and the digest of what the tag stands for.
  func record(_ name: ImageReference, _ descriptor: ImageDescriptor) throws {
    let byDigest: String = "\(name.name)@\(descriptor.digest)"
    let byTag: String? = name.digest == nil ? name.description : nil
    try index.update { entries in
      entries.removeAll { $0.name == byTag && byTag != nil || $0.name == byDigest }
      entries.removeAll { $0.name == nil && $0.descriptor.digest == descriptor.digest }
      if let byTag { entries.append(ImageIndexFile.Entry(name: byTag, descriptor: descriptor)) }
      entries.append(ImageIndexFile.Entry(name: byDigest, descriptor: descriptor))
    }
  }

  // MARK: - Leases

  func lease(_ digests: [Digest]) {
    for digest: Digest in digests { leases[digest, default: 0] += 1 }
  }

  func release(_ digests: [Digest]) {
    for digest: Digest in digests {
      let count: Int = (leases[digest] ?? 1) - 1
      leases[digest] = count > 0 ? count : nil
    }
  }

  func releaseLayer(_ name: String) {
    let count: Int = (layerLeases[name] ?? 1) - 1
    layerLeases[name] = count > 0 ? count : nil
  }
}

/// Adds up what the layers of a pull have received.
final class PullMeter: Sendable {
  private let total: Int64
  private let fetched: Mutex<Int64> = Mutex(0)
  private let report: @Sendable (ImageStore.Progress) -> Void

  init(total: Int64, report: @escaping @Sendable (ImageStore.Progress) -> Void) {
    self.total = total
    self.report = report
  }

  func add(_ bytes: Int64) {
    let now: Int64 = fetched.withLock { value in
      value += bytes
      return value
    }
    report(ImageStore.Progress(fetchedBytes: now, totalBytes: total))
  }
}
