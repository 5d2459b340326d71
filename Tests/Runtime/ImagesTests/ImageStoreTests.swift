// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CArchive
import Foundation
import Glibc
import OCISpec
import Testing

@testable import Images

@Suite(.enabled(if: getuid() == 0, "layers have owners and devices, which only root makes"))
struct ImageStoreTests {
  private static let base: TestLayer = TestLayer(lines: [
    "layer.dir('usr/bin', mode=0o751, uid=3, mtime=77)",
    "layer.file('usr/bin/tool', b'tool', mode=0o4755, uid=1, gid=2, xattrs={'user.note': 'hi'})",
    "layer.symlink('bin', 'usr/bin')",
    "layer.file('etc/passwd', b'root')",
    "layer.file('etc/gone', b'gone')",
    "layer.file('opt/a/old', b'old')",
    "layer.file('n\\u00e4me', b'utf8')",
  ])
  private static let second: TestLayer = TestLayer(
    lines: [
      "layer.file('bin/more', b'more')",
      "layer.hardlink('usr/bin/twin', 'usr/bin/tool')",
      "layer.file('etc/.wh.gone')",
      "layer.dir('opt/a')",
      "layer.file('opt/a/.wh..wh..opq')",
      "layer.file('opt/a/new', b'new')",
      "layer.fifo('run/fifo')",
    ], isGzip: false)

  private func mounted(_ store: ImageStore, _ name: String, _ body: (String) throws -> Void) async throws {
    let mount: OverlayMount = try await store.prepareRootFileSystem(container: "c1", image: name)
    try ImageStore.mount(mount)
    do {
      try body(mount.target)
    } catch {
      try await store.removeRootFileSystem("c1")
      throw error
    }
    try await store.removeRootFileSystem("c1")
    #expect(!Files.exists(mount.target))
  }

  private func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

  private func status(_ path: String) throws -> stat {
    var status: stat = stat()
    guard lstat(path, &status) == 0 else { throw ImagesError.system("lstat", path) }
    return status
  }

  @Test func `a loaded image is mounted as its layers say`() async throws {
    try await withTemporaryDirectory { directory in
      try makeLayout("\(directory)/layout", layers: [Self.base, Self.second])
      let store: ImageStore = try await openStore("\(directory)/store")
      let image: StoredImage = try #require(try await store.load(layout: "\(directory)/layout", name: "app:1").first)
      #expect(image.tags == ["docker.io/library/app:1"])
      #expect(image.configuration.numericUserID == 12)
      #expect(image.configuration.environment == ["A=b"])
      try await mounted(store, "app:1") { root in
        #expect(try text("\(root)/usr/bin/more") == "more")
        #expect(try text("\(root)/bin/tool") == "tool")
        #expect(!Files.exists("\(root)/etc/gone"))
        #expect(Files.list("\(root)/opt/a") == ["new"])
        #expect(try text("\(root)/näme") == "utf8")
        let tool: stat = try status("\(root)/usr/bin/tool")
        #expect(tool.st_mode & 0o7777 == 0o4755)
        #expect(tool.st_uid == 1 && tool.st_gid == 2)
        let twin: stat = try status("\(root)/usr/bin/twin")
        #expect(twin.st_ino == tool.st_ino)
        let link: stat = try status("\(root)/bin")
        #expect(link.st_mode & S_IFMT == S_IFLNK)
        let bin: stat = try status("\(root)/usr/bin")
        #expect(bin.st_mode & 0o7777 == 0o751 && bin.st_uid == 3)
        let fifo: stat = try status("\(root)/run/fifo")
        #expect(fifo.st_mode & S_IFMT == S_IFIFO)
        var note: [UInt8] = [0, 0, 0]
        #expect(lgetxattr("\(root)/usr/bin/twin", "user.note", &note, 3) == 2 && note == Array("hi\0".utf8))
      }
    }
  }

  @Test(arguments: [
    "layer.file('../../../escape', b'x')",
    "layer.symlink('out', '/'); layer.file('out/escape', b'x')",
    "layer.symlink('out', '../../../..'); layer.file('out/escape', b'x')",
    "layer.symlink('out', 'out2'); layer.symlink('out2', '/../../../..'); layer.file('out/escape', b'x')",
  ])
  func `an archive stays inside its layer`(_ line: String) async throws {
    try await withTemporaryDirectory { directory in
      try makeLayout("\(directory)/layout", layers: [TestLayer(lines: [line])])
      let store: ImageStore = try await openStore("\(directory)/store")
      _ = try await store.load(layout: "\(directory)/layout", name: "evil")
      try await mounted(store, "evil") { root in #expect(Files.exists("\(root)/escape")) }
      #expect(!Files.exists("/escape"))
      #expect(!Files.exists("\(directory)/escape") && !Files.exists("\(directory)/store/escape"))
    }
  }

  @Test(arguments: [
    "layer.hardlink('passwd', '../../../../../../../../etc/passwd')",
    "layer.symlink('a', 'b'); layer.symlink('b', 'a'); layer.file('a/x', b'')",
  ])
  func `a link to nothing inside is refused`(_ line: String) async throws {
    try await withTemporaryDirectory { directory in
      try makeLayout("\(directory)/layout", layers: [TestLayer(lines: [line])])
      let store: ImageStore = try await openStore("\(directory)/store")
      await #expect(throws: ImagesError.self) { _ = try await store.load(layout: "\(directory)/layout", name: "evil") }
      #expect(await store.images().isEmpty)
      #expect(Files.list("\(directory)/store/layers") == ["empty"])
    }
  }

  @Test func `an image is pulled, found by every name, survives a restart and is removed`() async throws {
    try await withTemporaryDirectory { directory in
      try await TestRegistry.with(directory) { registry in
        try makeLayout("\(directory)/layout", layers: [Self.base, Self.second])
        try registry.push("\(directory)/layout:test", "team/app:1")
        let name: String = "127.0.0.1:\(registry.port)/team/app:1"
        let opened: ImageStore = try await openStore("\(directory)/store")
        async let first: StoredImage = opened.pull(name)
        async let again: StoredImage = opened.pull(name)
        let image: StoredImage = try await first
        #expect(try await again == image)
        #expect(image.tags == [name])
        #expect(image.digests == ["127.0.0.1:\(registry.port)/team/app@\(image.manifestDigest)"])
        let store: ImageStore = try await openStore("\(directory)/store")
        for alias: String in [
          name, image.id, String(image.id.dropFirst(7)), String(image.id.dropFirst(7).prefix(12)), image.digests[0],
        ] {
          #expect(await store.image(named: alias) == image)
        }
        #expect(try await store.pull(image.digests[0]) == image)
        #expect(await store.usage().usedBytes > 0)
        let copy: String = "\(directory)/copy"
        try run("skopeo", ["copy", "--quiet", "oci:\(directory)/store:\(name)", "dir:\(copy)"])
        _ = try await store.prepareRootFileSystem(container: "user", image: name)
        try await store.remove(image.id)
        try await store.remove(image.id)
        #expect(await store.images().isEmpty)
        #expect(Files.list("\(directory)/store/layers").count == 5)
        try await store.removeRootFileSystem("user")
        #expect(Files.list("\(directory)/store/layers") == ["empty"])
        #expect(Files.list("\(directory)/store/blobs/sha256") == [])
      }
    }
  }

  @Test func `a broken download is continued, and a mirror is asked first`() async throws {
    try await withTemporaryDirectory { directory in
      try await TestRegistry.with(directory) { registry in
        try makeLayout("\(directory)/layout", layers: [Self.base])
        try registry.push("\(directory)/layout:test", "library/app:1")
        try Files.makeDirectory("\(directory)/certs/docker.io")
        let hosts: String =
          "server = \"http://127.0.0.1:1\"\n[host.\"http://127.0.0.1:\(registry.port)\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
        try Files.replace("\(directory)/certs/docker.io/hosts.toml", with: Array(hosts.utf8))
        let store: ImageStore = try await openStore("\(directory)/store", registryConfig: "\(directory)/certs")
        let source: ContentStore = ContentStore(root: "\(directory)/layout")
        for digest: Digest in source.all() {
          let whole: [UInt8] = try Files.read(source.path(digest))
          try Files.replace(
            "\(directory)/store/ingest/\(digest.hex).partial", with: Array(whole.prefix(whole.count / 2)))
        }
        #expect(try await store.pull("app:1").tags == ["docker.io/library/app:1"])
        #expect(Files.list("\(directory)/store/ingest").filter { $0.hasSuffix(".partial") }.count <= 1)
      }
    }
  }

  @Test func `what a registry does not have is not found`() async throws {
    try await withTemporaryDirectory { directory in
      try await TestRegistry.with(directory) { registry in
        let store: ImageStore = try await openStore("\(directory)/store")
        let error: ImagesError? = await #expect(throws: ImagesError.self) {
          _ = try await store.pull("127.0.0.1:\(registry.port)/nothing:1")
        }
        #expect(error?.code == .notFound)
        #expect(error?.description.contains("nothing") == true)
      }
    }
  }

  @Test func `archives of docker save and of layouts are loaded`() async throws {
    try await withTemporaryDirectory { directory in
      try makeLayout("\(directory)/layout", layers: [Self.base, Self.second])
      try run(
        "skopeo", ["copy", "--quiet", "oci:\(directory)/layout:test", "docker-archive:\(directory)/docker.tar:app:2"])
      try run(
        "skopeo",
        ["copy", "--quiet", "oci:\(directory)/layout:test", "oci-archive:\(directory)/oci.tar:example.org/app:3"])
      let store: ImageStore = try await openStore("\(directory)/store")
      let docker: [StoredImage] = try await store.load(archive: "\(directory)/docker.tar")
      #expect(docker.map(\.tags) == [["docker.io/library/app:2"]])
      let oci: [StoredImage] = try await store.load(archive: "\(directory)/oci.tar")
      #expect(oci.first?.tags.contains("example.org/app:3") == true)
      try await mounted(store, "app:2") { root in
        let more: String = try text("\(root)/bin/more")
        #expect(more == "more")
      }
      #expect(Files.list("\(directory)/store/ingest") == [])
    }
  }
}
