// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import KubeClient

@Suite struct WorkQueueTests {
  private final class Journal: Sendable {
    let keys: Mutex<[String]> = Mutex([])
    func note(_ key: String) -> Int {
      keys.withLock { keys in
        keys.append(key)
        return keys.count
      }
    }
    var all: [String] { keys.withLock { $0 } }
  }

  private func run(
    _ queue: WorkQueue<String>, until count: Int, workers: Int = 1,
    _ work: @escaping @Sendable (String) throws -> Void = { _ in }
  ) async -> [String] {
    let journal: Journal = Journal()
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await queue.run(workers: workers, logger: Logger(label: "test"), name: "test") { key in
          if journal.note(key) >= count { continuation.yield() }
          try work(key)
        }
      }
      for await _ in stream { break }
      group.cancelAll()
    }
    return journal.all
  }

  @Test(.timeLimit(.minutes(1))) func `a key that waits is not added twice`() async {
    let queue: WorkQueue<String> = WorkQueue()
    for key: String in ["a", "b", "a", "b", "c"] { queue.add(key) }
    #expect(queue.count == 3)
    #expect(await run(queue, until: 3) == ["a", "b", "c"])
  }

  @Test(.timeLimit(.minutes(1))) func `a key that is added while it is worked on comes again`() async {
    let queue: WorkQueue<String> = WorkQueue()
    queue.add("a")
    let first: Atomic<Bool> = Atomic(true)
    let keys: [String] = await run(queue, until: 2) { key in
      if first.exchange(false, ordering: .relaxed) {
        queue.add(key)
        queue.add(key)
      }
    }
    #expect(keys == ["a", "a"])
  }

  @Test(.timeLimit(.minutes(1))) func `a key whose work fails comes again after a pause`() async {
    struct Failure: Error {}
    let queue: WorkQueue<String> = WorkQueue(firstPause: .milliseconds(1))
    queue.add("a")
    let left: Atomic<Int> = Atomic(3)
    let keys: [String] = await run(queue, until: 4) { _ in
      if left.subtract(1, ordering: .relaxed).newValue >= 0 { throw Failure() }
    }
    #expect(keys == ["a", "a", "a", "a"])
  }

  @Test(.timeLimit(.minutes(1))) func `delayed keys come in the order of their times`() async {
    let queue: WorkQueue<String> = WorkQueue()
    queue.add("late", after: .milliseconds(3000))
    queue.add("early", after: .milliseconds(500))
    queue.add("now", after: .zero)
    #expect(await run(queue, until: 3) == ["now", "early", "late"])
  }
}
