// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import YAML

@testable import KubeClient

@Suite struct ClientConfigurationTests {
  private let text: String = """
    apiVersion: v1
    kind: Config
    current-context: bench
    clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: QUJD, tls-server-name: api}}]
    users: [{name: me, user: {client-certificate-data: REVG, client-key-data: R0hJ, token: secret}}]
    contexts: [{name: bench, context: {cluster: c, user: me, namespace: work}}]
    """

  @Test func `a kubeconfig says where and who`() throws {
    let configuration: ClientConfiguration = try ClientConfiguration(kubeconfigDocument: YAML.document(text))
    #expect(configuration.server == "https://10.0.0.1:6443")
    #expect(configuration.certificateAuthorityPEM == Array("ABC".utf8))
    #expect(configuration.clientCertificatePEM == Array("DEF".utf8))
    #expect(configuration.clientKeyPEM == Array("GHI".utf8))
    #expect(configuration.token == "secret")
    #expect(configuration.namespace == "work")
    #expect(configuration.tlsServerName == "api")
  }

  @Test func `a context that is missing is named`() throws {
    let error: KubeClientError = try #require(throws: KubeClientError.self) {
      try ClientConfiguration(kubeconfigDocument: YAML.document(text), context: "other")
    }
    #expect(error.message == "kubeconfig: there is no context \"other\"")
  }

  @Test func `a pod's environment says where`() throws {
    let error: KubeClientError = try #require(throws: KubeClientError.self) {
      try ClientConfiguration.inCluster(environment: [:])
    }
    #expect(error.code == .invalidConfiguration)
  }

  @Test func `paths name collections, objects and subresources`() {
    let pods: ResourceType = ResourceType(group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
    #expect(pods.path() == "/api/v1/pods")
    #expect(pods.path(namespace: "a", name: "b", subresource: "log") == "/api/v1/namespaces/a/pods/b/log")
    let classes: ResourceType = ResourceType(
      group: "storage.k8s.io", version: "v1", plural: "storageclasses", kind: "StorageClass", isNamespaced: false)
    #expect(classes.path(namespace: "a", name: "b") == "/apis/storage.k8s.io/v1/storageclasses/b")
  }
}
