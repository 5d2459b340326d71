// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import OCISpec

/// Indexes, manifests, configurations, digests and references as registries send them.
struct ImageDocumentSubject: Subject {
  static let name: String = "image"

  private static let digest: String = "sha256:" + String(repeating: "ab", count: 32)
  private static let seeds: [JSONValue] = [
    [
      "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "config": ["mediaType": "application/vnd.oci.image.config.v1+json", "digest": .string(digest), "size": 100],
      "layers": [["mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": .string(digest), "size": 32_654, "annotations": ["a": "b"]]],
    ],
    [
      "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
      "manifests": [
        ["mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": .string(digest), "size": 7143,
          "platform": ["architecture": "amd64", "os": "linux", "variant": "v8"]]],
    ],
    [
      "architecture": "amd64", "os": "linux", "rootfs": ["type": "layers", "diff_ids": [.string(digest)]],
      "config": ["User": "1:2", "Env": ["PATH=/bin"], "Entrypoint": ["/a"], "Cmd": ["b"], "WorkingDir": "/w", "ExposedPorts": ["80/tcp": [:]],
        "Volumes": ["/data": [:]], "Labels": ["a": "b"], "StopSignal": "SIGTERM"],
    ],
  ]
  private static let references: [String] = [
    "busybox", "library/busybox:1", "localhost:5000/a/b:c", "registry.example.com/a@" + digest, "[::1]:5000/a", "docker.io/library/a__b.c-d:t", "A/b", "a:", "a@",
  ]

  mutating func run(_ random: inout FuzzRandom) throws {
    if random.oneIn(3) { return try reference(&random) }
    var tree: JSONValue = random.pick(Self.seeds)
    for _ in 0..<random.below(4) { tree = Mutation.mutated(tree, &random) }
    let input: [UInt8] = random.oneIn(3) ? Mutation.mutated(tree.bytes, tokens: JSONSubject.tokens, &random) : tree.bytes
    FuzzInput.note(input)
    guard let json: JSONValue = try? JSONValue(parsing: input) else { return }
    if let index: ImageIndex = try? ImageIndex(json) {
      try expect(try ImageIndex(index.json) == index, "an index is written as another one")
      _ = index.manifest(for: .current)
    }
    if let manifest: ImageManifest = try? ImageManifest(json) {
      try expect(try ImageManifest(manifest.json) == manifest, "a manifest is written as another one")
      try expect(manifest.layers.allSatisfy { $0.sizeBytes >= 0 }, "a layer has a negative size")
    }
    if let configuration: ImageConfiguration = try? ImageConfiguration(json) {
      _ = (configuration.numericUserID, configuration.userName, configuration.platform.runs(on: .current))
    }
  }

  private func reference(_ random: inout FuzzRandom) throws {
    let input: [UInt8] = Mutation.mutated(Array(random.pick(Self.references).utf8), tokens: ["/", ":", "@", "sha256:", ".", "-", "__", "..", "["], &random)
    FuzzInput.note(input)
    let text: String = String(decoding: input, as: UTF8.self)
    if let digest: Digest = try? Digest(text) {
      // Digests become names of files.
      try expect(digest.hex.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }, "digest \(digest) has other letters")
      try expect(!digest.algorithm.contains("/") && !digest.algorithm.contains(".."), "digest \(digest) is a path")
    }
    guard let reference: ImageReference = try? ImageReference(text) else { return }
    try expect(try ImageReference(reference.description) == reference, "\(text) is written as \(reference)")
    try expect(!reference.repository.split(separator: "/").contains(".."), "\(text) leads up")
  }
}
