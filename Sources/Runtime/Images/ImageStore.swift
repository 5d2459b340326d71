// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

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

  /// Opens the store, or makes it, and removes what a killed process left behind.
  public init(configuration: ImageStoreConfiguration, logger: Logger) async throws {
  }

  /// Fetches an image from its registry, unless it is there already, and unpacks it.
  public func pull(
    _ reference: String, credentials: RegistryCredentials? = nil,
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> StoredImage {
    throw ImagesError(code: .unsupported, message: "pull")
  }

  /// Takes in the images of an OCI image layout directory; an image without a name there gets `name`.
  public func load(layout directory: String, name: String? = nil) async throws -> [StoredImage] { [] }

  /// Takes in the images of a tar archive made by `docker save` or of an OCI layout, compressed or not.
  public func load(archive path: String, name: String? = nil) async throws -> [StoredImage] { [] }

  /// The image with this id (or an unambiguous prefix of it), tag or digest reference.
  public func image(named name: String) -> StoredImage? { nil }

  /// All images.
  public func images() -> [StoredImage] { [] }

  /// Removes a name, or, given an id, the image with all its names; of no image is fine. Content that no other image uses
  /// goes too; layers that containers still use go with the last of them.
  public func remove(_ name: String) async throws {}

  /// What images occupy.
  public func usage() async -> FileSystemUsage { FileSystemUsage(mountPoint: "", usedBytes: 0, inodesUsed: 0) }

  /// What the containers' own changes occupy.
  public func containersUsage() async -> FileSystemUsage { FileSystemUsage(mountPoint: "", usedBytes: 0, inodesUsed: 0) }

  /// What one container's own changes occupy; nil where there is no such container.
  public func containerUsage(_ id: String) async -> FileSystemUsage? { nil }

  /// Makes a container's upper directory over an image's layers. Calling it again gives the same mount.
  public func prepareRootFileSystem(container id: String, image name: String) async throws -> OverlayMount {
    throw ImagesError(code: .unsupported, message: "prepare")
  }

  /// Makes a read-only view of an image, for image volumes.
  public func prepareImageVolume(_ id: String, image name: String) async throws -> OverlayMount {
    throw ImagesError(code: .unsupported, message: "prepare")
  }

  /// Unmounts and removes what `prepareRootFileSystem` or `prepareImageVolume` made; of nothing is fine.
  public func removeRootFileSystem(_ id: String) async throws {}

  /// The ids that have a root file system on disk: what the runtime does not know can be removed.
  public func rootFileSystems() -> [String] { [] }

  /// Mounts at `mount.target` in the calling process's mount namespace.
  public static func mount(_ mount: OverlayMount) throws(ImagesError) {}
}
