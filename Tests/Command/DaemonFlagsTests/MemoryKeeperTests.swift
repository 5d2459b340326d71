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
    let before: Int = try #require(Self.residentBytes)
    let keeper: Task<Void, any Error> = Task { try await MemoryKeeper(interval: .milliseconds(20), slack: 1 << 20).run() }
    var now: Int = before
    for _ in 0..<500 where now > before - Self.count * Self.size / 2 {
      try await Task.sleep(for: .milliseconds(20))
      now = try #require(Self.residentBytes)
    }
    keeper.cancel()
    #expect(now <= before - Self.count * Self.size / 2)
    for block: UnsafeMutableRawPointer in survivors { free(block) }
  }

  private static var residentBytes: Int? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var text: [CChar] = Array(repeating: 0, count: 128)
    guard fgets(&text, 128, file) != nil else { return nil }
    let line: String = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let words: [Substring] = line.split(separator: " ")
    return words.count > 1 ? Int(words[1]).map { $0 * Int(getpagesize()) } : nil
  }
}
