// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Logging
import OCISpec

@testable import Images

/// A directory that goes with the test.
func withTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
  let path: String = NSTemporaryDirectory() + "/apus-images-\(UUID().uuidString)"
  try Files.makeDirectory(path)
  do {
    try await body(path)
  } catch {
    try Files.removeTree(path)
    throw error
  }
  try Files.removeTree(path)
}

/// Runs a program and answers its standard output; fails with its standard error.
@discardableResult
func run(_ program: String, _ arguments: [String]) throws -> String {
  let process: Process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let output: Pipe = Pipe()
  let errors: Pipe = Pipe()
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  let text: Data = output.fileHandleForReading.readDataToEndOfFile()
  let failure: Data = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw ImagesError(code: .system, message: "\(program): \(String(decoding: failure, as: UTF8.self))")
  }
  return String(decoding: text, as: UTF8.self)
}

/// One layer, described by the Python tarfile calls that make its archive.
struct TestLayer {
  var lines: [String]
  var isGzip: Bool = true
}

/// Makes an OCI layout with one image of the given layers.
func makeLayout(_ directory: String, layers: [TestLayer], refName: String? = "test") throws {
  let program: String = """
    import gzip, hashlib, io, json, os, sys, tarfile
    root = sys.argv[1]
    os.makedirs(root + "/blobs/sha256", exist_ok=True)
    def blob(data):
        name = hashlib.sha256(data).hexdigest()
        open(root + "/blobs/sha256/" + name, "wb").write(data)
        return {"digest": "sha256:" + name, "size": len(data)}
    class Layer:
        def __init__(self):
            self.buffer = io.BytesIO()
            self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)
        def add(self, path, kind, mode=0o755, data=b"", link="", uid=0, gid=0, mtime=1000, xattrs={}):
            info = tarfile.TarInfo(path)
            info.type, info.mode, info.size, info.linkname = kind, mode, len(data), link
            info.uid, info.gid, info.mtime = uid, gid, mtime
            info.pax_headers = {"SCHILY.xattr." + k: v for k, v in xattrs.items()}
            self.tar.addfile(info, io.BytesIO(data))
        def dir(self, path, **more): self.add(path, tarfile.DIRTYPE, **more)
        def file(self, path, data=b"", mode=0o644, **more): self.add(path, tarfile.REGTYPE, data=data, mode=mode, **more)
        def symlink(self, path, link): self.add(path, tarfile.SYMTYPE, 0o777, link=link)
        def hardlink(self, path, link): self.add(path, tarfile.LNKTYPE, link=link)
        def fifo(self, path): self.add(path, tarfile.FIFOTYPE)
    layers, diffs = [], []
    for text, zipped in json.loads(sys.argv[2]):
        layer = Layer()
        exec(text, {"layer": layer})
        layer.tar.close()
        tar = layer.buffer.getvalue()
        diffs.append("sha256:" + hashlib.sha256(tar).hexdigest())
        kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if zipped else "")
        layers.append({"mediaType": kind, **blob(gzip.compress(tar, mtime=0) if zipped else tar)})
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["A=b"], "Cmd": ["/bin/sh"],
        "User": "12:34", "WorkingDir": "/w", "ExposedPorts": {"80/tcp": {}}}, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode())
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config}, "layers": layers}).encode())
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest}
    if len(sys.argv) > 3: entry["annotations"] = {"org.opencontainers.image.ref.name": sys.argv[3]}
    open(root + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
    open(root + "/index.json", "w").write(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    """
  let description: [[Any]] = layers.map { [$0.lines.joined(separator: "\n"), $0.isGzip] }
  let json: String = String(decoding: try JSONSerialization.data(withJSONObject: description), as: UTF8.self)
  try run("python3", ["-c", program, directory, json] + (refName.map { [$0] } ?? []))
}

/// Debian's docker-registry on a port of its own; it goes with the test.
struct TestRegistry {
  var port: Int

  static func with(_ directory: String, _ body: (TestRegistry) async throws -> Void) async throws {
    let port: Int = 20_000 + Int.random(in: 0..<30_000)
    let config: String = """
      version: 0.1
      log: {level: error}
      storage: {filesystem: {rootdirectory: \(directory)/registry}, delete: {enabled: true}}
      http: {addr: "127.0.0.1:\(port)"}
      """
    try Files.replace("\(directory)/registry.yml", with: Array(config.utf8))
    let process: Process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/docker-registry")
    process.arguments = ["serve", "\(directory)/registry.yml"]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    let deadline: ContinuousClock.Instant = .now + .seconds(10)
    while (try? run("curl", ["-fsS", "http://127.0.0.1:\(port)/v2/"])) == nil, .now < deadline {
      try await Task.sleep(for: .milliseconds(50))
    }
    try await body(TestRegistry(port: port))
  }

  /// Pushes an image of a layout directory.
  func push(_ layout: String, _ name: String) throws {
    try run(
      "skopeo", ["copy", "--quiet", "--dest-tls-verify=false", "oci:\(layout)", "docker://127.0.0.1:\(port)/\(name)"])
  }
}

/// A store in a directory.
func openStore(_ root: String, registryConfig: String? = nil) async throws -> ImageStore {
  var configuration: ImageStoreConfiguration = ImageStoreConfiguration(
    root: root, registryConfigDirectory: registryConfig)
  configuration.platform = ImagePlatform(os: "linux", architecture: "amd64")
  return try await ImageStore(
    configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}
