// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct EnvironmentTests {
  @Test(
    arguments: [
      ("plain", "plain"), ("$(A)", "1"), ("x$(A)y$(B)z", "x1y2z"), ("$(NONE)", "$(NONE)"), ("$$(A)", "$(A)"),
      ("$$$(A)", "$1"), ("$(A", "$(A"), ("$", "$"), ("a$b", "a$b"), ("$()", "$()"),
    ]) func `references are replaced as upstream does it`(_ text: String, _ expected: String) {
    let values: [String: String] = ["A": "1", "B": "2"]
    #expect(Expansion.expand(text) { values[$0] } == expected)
  }

  @Test func `a Service becomes the variables of a link`() {
    var service: Service = Service()
    service.metadata.name = "redis-leader"
    service.metadata.namespace = "default"
    service.spec.clusterIp = "10.96.0.9"
    service.spec.ports = [
      .with {
        $0.name = "main"
        $0.port = 6379
        $0.protocol = "TCP"
      }
    ]
    let values: [String: String] = Dictionary(
      ServiceVariables.all([service], namespace: "default", links: true)) { _, new in new }
    #expect(values["REDIS_LEADER_SERVICE_HOST"] == "10.96.0.9")
    #expect(values["REDIS_LEADER_SERVICE_PORT"] == "6379")
    #expect(values["REDIS_LEADER_SERVICE_PORT_MAIN"] == "6379")
    #expect(values["REDIS_LEADER_PORT"] == "tcp://10.96.0.9:6379")
    #expect(values["REDIS_LEADER_PORT_6379_TCP_ADDR"] == "10.96.0.9")
    #expect(ServiceVariables.all([service], namespace: "default", links: false).isEmpty)
    service.spec.clusterIp = "None"
    #expect(ServiceVariables.all([service], namespace: "default", links: true).isEmpty)
  }

  @Test func `variables come from fields, resources and what was set before`() async throws {
    var pod: Pod = makePod()
    pod.metadata.labels = ["app": "x"]
    pod.spec.containers[0].resources.limits["cpu"] = .with { $0.string = "1500m" }
    pod.spec.containers[0].resources.limits["memory"] = .with { $0.string = "64Mi" }
    func field(_ name: String, _ path: String) -> EnvVar {
      .with {
        $0.name = name
        $0.valueFrom.fieldRef.fieldPath = path
      }
    }
    func resource(_ name: String, _ resource: String, _ divisor: String = "") -> EnvVar {
      .with {
        $0.name = name
        $0.valueFrom.resourceFieldRef.resource = resource
        if !divisor.isEmpty { $0.valueFrom.resourceFieldRef.divisor.string = divisor }
      }
    }
    pod.spec.containers[0].env = [
      .with {
        $0.name = "A"
        $0.value = "1"
      },
      .with {
        $0.name = "B"
        $0.value = "$(A)2"
      },
      field("NAME", "metadata.name"), field("LABEL", "metadata.labels['app']"), field("IP", "status.podIP"),
      resource("CPU", "limits.cpu"), resource("MILLI", "limits.cpu", "1m"), resource("MEMORY", "limits.memory", "1Mi"),
      resource("FREE", "limits.ephemeral-storage"),
    ]
    let environment: Environment = Environment(
      pod: pod,
      fields: DownwardFields(
        pod: pod, nodeName: "n", podIPs: ["10.0.0.1"], hostIPs: ["10.1.0.1"],
        allocatable: ["ephemeral-storage": ResourceQuantity(5)]),
      objects: NoObjects())
    let variables = try await environment.variables(of: pod.spec.containers[0])
    let values: [String: String] = Dictionary(variables.map { ($0.name, $0.value) }) { _, new in new }
    #expect(values["B"] == "12")
    #expect(values["NAME"] == "web")
    #expect(values["LABEL"] == "x")
    #expect(values["IP"] == "10.0.0.1")
    #expect(values["CPU"] == "2")
    #expect(values["MILLI"] == "1500")
    #expect(values["MEMORY"] == "64")
    #expect(values["FREE"] == "5")
  }

  @Test func `a missing ConfigMap is a failure unless it is optional`() async throws {
    var pod: Pod = makePod()
    pod.spec.containers[0].env = [
      .with {
        $0.name = "A"
        $0.valueFrom.configMapKeyRef.localObjectReference.name = "c"
        $0.valueFrom.configMapKeyRef.key = "k"
        $0.valueFrom.configMapKeyRef.optional = true
      }
    ]
    let fields: DownwardFields = DownwardFields(pod: pod, nodeName: "", podIPs: [], hostIPs: [], allocatable: [:])
    let environment: Environment = Environment(pod: pod, fields: fields, objects: NoObjects())
    #expect(try await environment.variables(of: pod.spec.containers[0]).isEmpty)
    pod.spec.containers[0].env[0].valueFrom.configMapKeyRef.optional = false
    await #expect(throws: KubeletError.self) { try await environment.variables(of: pod.spec.containers[0]) }
  }
}
