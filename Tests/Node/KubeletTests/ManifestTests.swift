// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Kernel
import KubeCore
import KubeMeta
import Logging
import Testing

@testable import Kubelet

@Suite struct ManifestTests {
  private let manifest: String = """
    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      creationTimestamp: null
      labels: {app: web}
    spec:
      hostNetwork: true
      containers:
      - name: main
        image: nginx
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 1, memory: 64Mi}, requests: {cpu: 100m}}
        env:
        - {name: A, valueFrom: {configMapKeyRef: {name: cm, key: k}}}
        - {name: B, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
        envFrom: [{secretRef: {name: s}}]
        livenessProbe: {httpGet: {path: /healthz, port: http, scheme: HTTPS}, periodSeconds: 5}
        readinessProbe: {tcpSocket: {port: 80}}
        lifecycle: {preStop: {exec: {command: [sleep, "1"]}}}
        volumeMounts: [{name: v, mountPath: /v}]
      volumes:
      - {name: v, hostPath: {path: /var, type: Directory}}
      - {name: c, configMap: {name: cm, items: [{key: a, path: b}], defaultMode: 256}}
      - {name: e, emptyDir: {sizeLimit: 1Gi}}
      - {name: p, projected: {sources: [{configMap: {name: x}}, {serviceAccountToken: {path: token, expirationSeconds: 3607}}]}}
    """

  private func read() throws -> Pod {
    let path: String = "\(NSTemporaryDirectory())/manifest-\(UUID().uuidString).yaml"
    defer { try? Files.remove(path) }
    try Files.write(path, Array(manifest.utf8))
    return try StaticPods(path: path, nodeName: "n1", logger: Logger(label: "test")).read(path)
  }

  @Test func `a manifest is read as the API would give it`() throws {
    let pod: Pod = try read()
    #expect(pod.metadata.name == "web-n1")
    #expect(pod.metadata.namespace == "default")
    #expect(pod.isStatic && !pod.isMirror)
    let container: Container = pod.spec.containers[0]
    #expect(container.imagePullPolicy == "Always")
    #expect(container.resources.limits["memory"]?.string == "64Mi")
    #expect(container.resources.limits["cpu"]?.string == "1")
    #expect(container.ports[0].hostPort == 80)
    #expect(container.env[0].valueFrom.configMapKeyRef.localObjectReference.name == "cm")
    #expect(container.env[1].valueFrom.resourceFieldRef.divisor.string == "1m")
    #expect(container.envFrom[0].secretRef.localObjectReference.name == "s")
    #expect(container.livenessProbe.handler.httpGet.port.strVal == "http")
    #expect(container.readinessProbe.handler.tcpSocket.port.intVal == 80)
    #expect(container.lifecycle.preStop.exec.command == ["sleep", "1"])
    #expect(pod.spec.volumes[0].volumeSource.hostPath.path == "/var")
    #expect(pod.spec.volumes[1].volumeSource.configMap.localObjectReference.name == "cm")
    #expect(pod.spec.volumes[1].volumeSource.configMap.defaultMode == 256)
    #expect(pod.spec.volumes[2].volumeSource.emptyDir.sizeLimit.string == "1Gi")
    #expect(pod.spec.volumes[3].volumeSource.projected.sources[0].configMap.localObjectReference.name == "x")
    #expect(pod.spec.volumes[3].volumeSource.projected.sources[1].serviceAccountToken.expirationSeconds == 3607)
    #expect(pod.qosClass == .burstable)
  }

  @Test func `what was read is written the same way`() throws {
    let document: JSONValue = try ManifestEncoder.document(try read())
    let container: JSONValue = document["spec"]["containers"][0]
    #expect(container.at("resources", "limits", "memory") == "64Mi")
    #expect(container.at("livenessProbe", "httpGet", "port") == "http")
    #expect(container.at("readinessProbe", "tcpSocket", "port") == 80)
    #expect(document["spec"]["volumes"][0].at("hostPath", "path") == "/var")
    #expect(document["spec"]["volumes"][1].at("configMap", "name") == "cm")
    #expect(document["spec"]["terminationGracePeriodSeconds"] == 30)
    #expect(try ManifestDecoder.pod(document).spec == read().spec)
  }
}
