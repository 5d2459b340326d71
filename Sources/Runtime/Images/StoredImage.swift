// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import OCISpec

/// An image in the store.
public struct StoredImage: Sendable, Hashable {
  /// The digest of its configuration (`sha256:…`), which is the image's identity in CRI.
  public var id: String
  /// Its names with tags: `docker.io/library/busybox:latest`.
  public var tags: [String]
  /// Its names with digests: `docker.io/library/busybox@sha256:…`.
  public var digests: [String]
  /// The digest of its manifest.
  public var manifestDigest: Digest
  /// The size of its configuration and compressed layers, in bytes.
  public var sizeBytes: UInt64
  /// How it wants to be run.
  public var configuration: ImageConfiguration
  /// Whether garbage collection must leave it alone.
  public var isPinned: Bool
}

/// Who asks a registry (CRI `AuthConfig`); all empty means anonymously.
public struct RegistryCredentials: Sendable, Hashable {
  /// The user's name.
  public var username: String
  /// The password.
  public var password: String
  /// `base64(user:password)`, in place of the two above.
  public var auth: String
  /// A refresh token to exchange for an access token.
  public var identityToken: String
  /// A bearer token for the registry itself.
  public var registryToken: String

  /// Makes credentials.
  public init(
    username: String = "", password: String = "", auth: String = "", identityToken: String = "",
    registryToken: String = ""
  ) {
    self.username = username
    self.password = password
    self.auth = auth
    self.identityToken = identityToken
    self.registryToken = registryToken
  }
}

/// What must be mounted where so that a container sees its root file system.
///
/// The directories exist when this is handed out; whoever runs the container mounts it in the container's own
/// mount namespace, or at `target` with `ImageStore.mount(_:)`.
public struct OverlayMount: Sendable, Hashable {
  /// The layers, topmost first; at least one.
  public var lower: [String]
  /// Where changes go; nil for a read-only mount.
  public var upper: String?
  /// Overlayfs' scratch directory, on the same file system as `upper`.
  public var work: String?
  /// An empty directory to mount it on.
  public var target: String
  /// Further mount options, such as `userxattr`.
  public var options: [String]

  /// The data of mount(2): `lowerdir=…,upperdir=…,workdir=…`.
  public var mountData: String {
    var parts: [String] = ["lowerdir=" + lower.joined(separator: ":")]
    if let upper, let work { parts += ["upperdir=\(upper)", "workdir=\(work)"] }
    return (parts + options).joined(separator: ",")
  }
}

/// What a directory tree occupies.
public struct FileSystemUsage: Sendable, Hashable {
  /// The directory that stands for the file system.
  public var mountPoint: String
  /// Bytes in use by the tree.
  public var usedBytes: UInt64
  /// Inodes in use by the tree.
  public var inodesUsed: UInt64
}
