// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernel
import Testing

@testable import Kubelet

@Suite struct DirectoryWatchTests {
  /// Far longer than anything here takes; who waits until it was not told.
  private static let limit: Duration = .seconds(30)

  @Test func `files that come, are written and go are told of`() async throws {
    let folder: String = "\(NSTemporaryDirectory())/watch-\(UUID().uuidString)"
    try Files.makeDirectories(folder)
    defer { try? Files.removeTree(folder) }
    let watch: DirectoryWatch = try DirectoryWatch()
    #expect(watch.watch(folder))
    #expect(watch.watch(folder), "twice is fine")
    let changes: [() throws -> Void] = [
      { try Files.write("\(folder)/a", [1]) }, { try Files.write("\(folder)/a", [1, 2]) }, { try Files.remove("\(folder)/a") },
    ]
    for change in changes {
      let start: ContinuousClock.Instant = .now
      try change()
      try await watch.wait(for: Self.limit)
      #expect(.now - start < Self.limit)
    }
  }

  @Test func `without a change the time goes by`() async throws {
    let watch: DirectoryWatch = try DirectoryWatch()
    #expect(!watch.watch("/nowhere/at/all"))
    let start: ContinuousClock.Instant = .now
    try await watch.wait(for: .milliseconds(20))
    #expect(.now - start >= .milliseconds(20))
  }
}
