// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernel
import Testing

@testable import Kubelet

@Suite struct AtomicDirectoryTests {
  private func temporary() throws -> String {
    let path: String = "\(NSTemporaryDirectory())/atomic-\(UUID().uuidString)"
    try Files.makeDirectories(path)
    return path
  }

  @Test func `files are reached through one link that is exchanged`() throws {
    let path: String = try temporary()
    defer { try? Files.removeTree(path) }
    let directory: AtomicDirectory = AtomicDirectory(path: path)
    try directory.write(["a": .init(bytes: Array("1".utf8), mode: 0o644), "d/b": .init(bytes: Array("2".utf8), mode: 0o400)])
    #expect(try Files.readText(path + "/a") == "1")
    #expect(try Files.readText(path + "/d/b") == "2")
    #expect(try Files.readLink(path + "/a") == "..data/a")
    #expect(try Files.status(path + "/d/b").mode & 0o777 == 0o400)
    let first: String = try Files.readLink(path + "/..data")

    try directory.write(["a": .init(bytes: Array("1".utf8), mode: 0o644), "d/b": .init(bytes: Array("2".utf8), mode: 0o400)])
    #expect(try Files.readLink(path + "/..data") == first, "the same contents change nothing")

    try directory.write(["a": .init(bytes: Array("3".utf8), mode: 0o644)])
    #expect(try Files.readText(path + "/a") == "3")
    #expect(!Files.exists(path + "/d"))
    #expect(!Files.exists(path + "/" + first), "the old version is gone")
    #expect(try Files.list(path).count == 3)
  }

  @Test(arguments: ["../x", "/x", "..x", "a/../b", ""]) func `names that lead out are refused`(_ name: String) throws {
    let path: String = try temporary()
    defer { try? Files.removeTree(path) }
    #expect(throws: KubeletError.self) { try AtomicDirectory(path: path).write([name: .init(bytes: [], mode: 0o644)]) }
  }

  @Test func `a subPath that leads out of its volume is refused`() throws {
    let path: String = try temporary()
    defer { try? Files.removeTree(path) }
    try Files.makeDirectory(path + "/v")
    try Files.makeLink(path + "/v/evil", to: "/etc")
    try Files.makeLink(path + "/v/up", to: "../../..")
    #expect(try ContainerMounts.resolve("new/dir", in: path + "/v").hasSuffix("/v/new/dir"))
    #expect(throws: KubeletError.self) { try ContainerMounts.resolve("evil/passwd", in: path + "/v") }
    #expect(throws: KubeletError.self) { try ContainerMounts.resolve("up/x", in: path + "/v") }
    #expect(throws: KubeletError.self) { try ContainerMounts.resolve("../x", in: path + "/v") }
    try AtomicDirectory(path: path + "/v").write(["key": .init(bytes: [1], mode: 0o644)])
    let resolved: String = try ContainerMounts.resolve("key", in: path + "/v")
    #expect(try Files.status(resolved, followLinks: false).isRegular)
  }
}
