// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct ProbeLoopTests {
  private func loop(_ kind: ProbeRunner.Kind, exec: Bool = true, failures: Int32 = 3, successes: Int32 = 1) -> ProbeLoop {
    let probe: Probe = .with {
      if exec { $0.handler.exec.command = ["true"] } else { $0.handler.tcpSocket.port.intVal = 80 }
      $0.periodSeconds = 1
      $0.failureThreshold = failures
      $0.successThreshold = successes
    }
    return ProbeLoop(
      pod: makePod(), container: makePod().spec.containers[0], probe: probe, kind: kind,
      target: ObservedContainer(status: CRIContainerStatus(), sandboxID: "s"), podIP: nil)
  }

  @Test func `thresholds count outcomes in a row`() {
    var probe: ProbeLoop = loop(.liveness)
    #expect(probe.count(.failure("no")) == nil)
    #expect(probe.count(.failure("no")) == nil)
    #expect(probe.count(.success) == true)
    #expect(probe.count(.failure("no")) == nil)
    #expect(probe.count(.failure("no")) == nil)
    #expect(probe.count(.failure("no")) == false)
    #expect(probe.count(.failure("no")) == nil, "a verdict is told once")
  }

  @Test func `what could not be tried says nothing`() {
    var probe: ProbeLoop = loop(.liveness, failures: 2)
    #expect(probe.count(.failure("no")) == nil)
    #expect(probe.count(.unknown("the runtime is away")) == nil)
    #expect(probe.count(.failure("no")) == false)
    #expect(probe.count(.warning("it is elsewhere")) == true)
  }

  @Test func `a success threshold above one is awaited`() {
    var probe: ProbeLoop = loop(.readiness, successes: 2)
    #expect(probe.count(.success) == nil)
    #expect(probe.count(.success) == true)
  }

  @Test func `early failures over the network are repeated quickly and not counted`() {
    var probe: ProbeLoop = loop(.readiness, exec: false, failures: 1)
    var waited: Duration = .zero
    while probe.isEarly {
      #expect(probe.count(.failure("no")) == nil)
      let wait: Duration = probe.nextWait()
      #expect(wait < probe.period)
      waited += wait
    }
    #expect(waited <= probe.period)
    #expect(probe.count(.failure("no")) == false)
    #expect(probe.nextWait() == .seconds(1))
  }
}
