// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubelet

@Suite struct CallDeadlinesTests {
  @Test func `a call that hangs is ended, and others are not`() async throws {
    let deadlines: CallDeadlines = CallDeadlines()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await deadlines.watch() }
      let long = Task {
        try await deadlines.run(within: .seconds(30)) {
          try await Task.sleep(for: .milliseconds(200))
          return 7
        }
      }
      let start: ContinuousClock.Instant = .now
      do {
        try await deadlines.run(within: .milliseconds(50)) { try await Task.sleep(for: .seconds(30)) }
        Issue.record("it was not ended")
      } catch {
        #expect("\(error)".contains("context deadline exceeded"))
      }
      #expect(.now - start < .seconds(20))
      let result: Int? = try? await long.value
      #expect(result == 7)
      // The first call after a quiet time is watched as well.
      await #expect(throws: (any Error).self) {
        try await deadlines.run(within: .milliseconds(10)) { try await Task.sleep(for: .seconds(30)) }
      }
      group.cancelAll()
    }
  }

  @Test func `a call ends with the one that made it`() async throws {
    let deadlines: CallDeadlines = CallDeadlines()
    let call = Task { try await deadlines.run(within: .seconds(30)) { try await Task.sleep(for: .seconds(30)) } }
    call.cancel()
    await #expect(throws: CancellationError.self) { try await call.value }
  }
}
