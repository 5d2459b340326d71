// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Glibc
import Testing

@Suite struct MemoryKeeperTests {
  private static let count: Int = 200_000
  private static let size: Int = 512

  /// A block that stays behind a hundred that go keeps the allocator from giving any of them back.
  @Test func givesBackWhatSurvivorsHold() async throws {
    let blocks: [UnsafeMutableRawPointer] = (0..<Self.count).compactMap { _ in
      malloc(Self.size).map { memset($0, 1, Self.size) }
    }
    try #require(blocks.count == Self.count)
    let survivors: [UnsafeMutableRawPointer] = stride(from: 0, to: Self.count, by: 100).map { blocks[$0] }
    for place: Int in blocks.indices where place % 100 != 0 { free(blocks[place]) }
    // Of these pages alone: other tests of the process take and give back memory meanwhile.
    let pages: Set<UInt> = Set(blocks.map { UInt(bitPattern: $0) & ~(Self.pageSize - 1) })
    let before: Int = Self.resident(pages)
    let keeper: Task<Void, any Error> = Task { try await MemoryKeeper(interval: .milliseconds(20), slack: 1 << 20).run() }
    var now: Int = before
    for _ in 0..<500 where now > before / 2 {
      try await Task.sleep(for: .milliseconds(20))
      now = Self.resident(pages)
    }
    keeper.cancel()
    #expect(now <= before / 2)
    for block: UnsafeMutableRawPointer in survivors { free(block) }
  }

  private static var pageSize: UInt { UInt(getpagesize()) }

  /// How many of these pages are in memory.
  private static func resident(_ pages: Set<UInt>) -> Int {
    pages.count { page in
      var state: UInt8 = 0
      return mincore(UnsafeMutableRawPointer(bitPattern: page), Int(pageSize), &state) == 0 && state & 1 == 1
    }
  }
}
