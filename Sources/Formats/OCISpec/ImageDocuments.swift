// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// The media types of image-spec 1.1 and of Docker's schema 2, which say the same with other names.
public enum ImageMediaType {
  /// An OCI index: manifests by platform.
  public static let index: String = "application/vnd.oci.image.index.v1+json"
  /// An OCI manifest: one image.
  public static let manifest: String = "application/vnd.oci.image.manifest.v1+json"
  /// An OCI image configuration.
  public static let config: String = "application/vnd.oci.image.config.v1+json"
  /// Docker's index.
  public static let dockerManifestList: String = "application/vnd.docker.distribution.manifest.list.v2+json"
  /// Docker's manifest.
  public static let dockerManifest: String = "application/vnd.docker.distribution.manifest.v2+json"

  /// Whether this is an index of either kind.
  public static func isIndex(_ type: String) -> Bool { type == index || type == dockerManifestList }
  /// Whether this is a manifest of either kind.
  public static func isManifest(_ type: String) -> Bool { type == manifest || type == dockerManifest }
}

/// What an image runs on (image-spec, image-index.md, platform).
public struct ImagePlatform: Hashable, Sendable, CustomStringConvertible {
  /// `linux`.
  public var os: String
  /// Go's name of the processor: `amd64`, `arm64`.
  public var architecture: String
  /// The variant of the processor: `v8`.
  public var variant: String?

  /// Makes a platform.
  public init(os: String, architecture: String, variant: String? = nil) {
    self.os = os
    self.architecture = architecture
    self.variant = variant
  }

  /// The machine this program was built for.
  public static var current: ImagePlatform {
    #if arch(arm64)
      ImagePlatform(os: "linux", architecture: "arm64", variant: "v8")
    #elseif arch(riscv64)
      ImagePlatform(os: "linux", architecture: "riscv64")
    #elseif arch(s390x)
      ImagePlatform(os: "linux", architecture: "s390x")
    #elseif arch(powerpc64le)
      ImagePlatform(os: "linux", architecture: "ppc64le")
    #else
      ImagePlatform(os: "linux", architecture: "amd64")
    #endif
  }

  /// Whether an image for this platform runs on another.
  public func runs(on host: ImagePlatform) -> Bool {
    os == host.os && architecture == host.architecture
      && (variant == nil || variant == "" || host.variant == nil || variant == host.variant)
  }

  public var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }
}

/// A reference from one document to another by digest (image-spec, descriptor.md).
public struct ImageDescriptor: Hashable, Sendable {
  /// The type of what it points to.
  public var mediaType: String
  /// The digest of what it points to.
  public var digest: Digest
  /// The size of what it points to, in bytes.
  public var sizeBytes: Int64
  /// The platform, in an index.
  public var platform: ImagePlatform?
  /// Notes, such as `org.opencontainers.image.ref.name` in an image layout.
  public var annotations: [String: String]

  /// Makes a descriptor.
  public init(
    mediaType: String, digest: Digest, sizeBytes: Int64, platform: ImagePlatform? = nil,
    annotations: [String: String] = [:]
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.sizeBytes = sizeBytes
    self.platform = platform
    self.annotations = annotations
  }

  /// Reads a descriptor.
  public init(_ json: JSONValue) throws(OCISpecError) {
    guard let digest: String = json["digest"].string, let size: Int64 = json["size"].int, size >= 0 else {
      throw OCISpecError(code: .invalidDocument, message: "descriptor without digest or size")
    }
    self.mediaType = json["mediaType"].string ?? ""
    self.digest = try Digest(digest)
    self.sizeBytes = size
    let platform: JSONValue = json["platform"]
    if let os: String = platform["os"].string, let architecture: String = platform["architecture"].string {
      self.platform = ImagePlatform(os: os, architecture: architecture, variant: platform["variant"].string)
    }
    self.annotations = stringMap(json["annotations"])
  }

  /// The descriptor as JSON.
  public var json: JSONValue {
    var value: JSONValue = [
      "mediaType": .string(mediaType), "digest": .string(digest.description), "size": JSONValue(sizeBytes),
    ]
    if let platform {
      value["platform"] = ["architecture": .string(platform.architecture), "os": .string(platform.os)]
      if let variant: String = platform.variant { value["platform"]["variant"] = .string(variant) }
    }
    if !annotations.isEmpty { value["annotations"] = JSONValue(annotations) }
    return value
  }
}

/// A list of manifests, mostly one a platform (image-spec, image-index.md).
public struct ImageIndex: Hashable, Sendable {
  /// The manifests.
  public var manifests: [ImageDescriptor]

  /// Makes an index.
  public init(manifests: [ImageDescriptor]) { self.manifests = manifests }

  /// Reads an index of either kind.
  public init(_ json: JSONValue) throws(OCISpecError) {
    guard let items: [JSONValue] = json["manifests"].array else {
      throw OCISpecError(code: .invalidDocument, message: "image index without manifests")
    }
    var manifests: [ImageDescriptor] = []
    for item: JSONValue in items { manifests.append(try ImageDescriptor(item)) }
    self.manifests = manifests
  }

  /// The index as JSON.
  public var json: JSONValue {
    ["schemaVersion": 2, "mediaType": .string(ImageMediaType.index), "manifests": .array(manifests.map(\.json))]
  }

  /// The manifest for a platform: the exact variant first, then any that runs there, then one without a platform.
  public func manifest(for platform: ImagePlatform) -> ImageDescriptor? {
    manifests.first { $0.platform == platform }
      ?? manifests.first { $0.platform?.runs(on: platform) ?? false }
      ?? manifests.first { $0.platform == nil && !ImageMediaType.isIndex($0.mediaType) }
  }
}

/// One image: its configuration and its layers, lowest first (image-spec, manifest.md).
public struct ImageManifest: Hashable, Sendable {
  /// The configuration.
  public var config: ImageDescriptor
  /// The layers, lowest first.
  public var layers: [ImageDescriptor]

  /// Makes a manifest.
  public init(config: ImageDescriptor, layers: [ImageDescriptor]) {
    self.config = config
    self.layers = layers
  }

  /// Reads a manifest of either kind.
  public init(_ json: JSONValue) throws(OCISpecError) {
    guard json["schemaVersion"].int != 1 else {
      throw OCISpecError(
        code: .unsupported,
        message: "Docker image manifest version 1 is not supported: push the image again with a newer tool")
    }
    self.config = try ImageDescriptor(json["config"])
    guard let items: [JSONValue] = json["layers"].array else {
      throw OCISpecError(code: .invalidDocument, message: "image manifest without layers")
    }
    var layers: [ImageDescriptor] = []
    for item: JSONValue in items { layers.append(try ImageDescriptor(item)) }
    self.layers = layers
  }

  /// The manifest as JSON.
  public var json: JSONValue {
    [
      "schemaVersion": 2, "mediaType": .string(ImageMediaType.manifest), "config": config.json,
      "layers": .array(layers.map(\.json)),
    ]
  }
}

func stringMap(_ value: JSONValue) -> [String: String] {
  var map: [String: String] = [:]
  for (key, item) in value.object ?? JSONObject() { map[key] = item.string }
  return map
}
