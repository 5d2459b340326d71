// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues
import Testing

@testable import Kubelet

@Suite struct BackOffTests {
  private func at(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }

  @Test func `the first restart is free, later ones wait twice as long each time`() {
    var backOff: BackOff = BackOff(maximum: .seconds(300))
    #expect(backOff.remaining("c", since: at(0), now: at(0)) == nil)
    backOff.next("c", failure: at(0), now: at(0))
    #expect(backOff.remaining("c", since: at(1), now: at(1)) == .seconds(10))
    #expect(backOff.remaining("c", since: at(1), now: at(11)) == nil)
    backOff.next("c", failure: at(1), now: at(11))
    #expect(backOff.remaining("c", since: at(12), now: at(12)) == .seconds(20))
    for _ in 0..<10 { backOff.next("c", failure: at(12), now: at(12)) }
    #expect(backOff.current("c") == .seconds(300))
  }

  @Test func `what ran well for long begins anew`() {
    var backOff: BackOff = BackOff(maximum: .seconds(300))
    backOff.next("c", failure: at(0), now: at(0))
    backOff.next("c", failure: at(0), now: at(0))
    #expect(backOff.remaining("c", since: at(601), now: at(601)) == nil)
    backOff.next("c", failure: at(601), now: at(601))
    #expect(backOff.current("c") == .seconds(10))
  }
}
