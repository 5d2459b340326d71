// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta

/// Puts the cluster's root certificates into every namespace, as the ConfigMap `kube-root-ca.crt`.
final class RootCAController: Controller {
  static let name: String = "root-ca-certificate-publisher-controller"
  static let account: String = "root-ca-cert-publisher"

  private static let mapName: String = "kube-root-ca.crt"
  private static let description: String =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    + "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    + "clusters."

  private let context: ControllerContext
  private let namespaces: Informer<Namespace>
  private let maps: Informer<ConfigMap>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    namespaces = context.informers.informer(Namespace.self)
    maps = Informer(client: context.watchClient, fieldSelector: "metadata.name=\(Self.mapName)")
    namespaces.addHandler { [queue] event in queue.add(event.object.metadata.name) }
    maps.addHandler { [queue] event in
      if case .added = event { return }
      queue.add(event.object.metadata.namespace)
    }
  }

  func run() async throws {
    guard let certificate: String = context.configuration.rootCertificatePEM else {
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
    try await context.together([
      { [self] in try await maps.run() },
      { [self] in
        try await maps.waitForSync()
        try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name, certificate) }
      },
    ])
  }

  private func reconcile(_ name: String, _ certificate: String) async throws {
    guard let namespace: Namespace = namespaces.get(name: name), !namespace.metadata.isBeingDeleted else { return }
    if var map: ConfigMap = maps.get(namespace: name, name: Self.mapName) {
      guard map.data != ["ca.crt": certificate] || map.metadata.annotations["kubernetes.io/description"] == nil else {
        return
      }
      map.data = ["ca.crt": certificate]
      map.metadata.annotations["kubernetes.io/description"] = Self.description
      try await context.client.update(map)
      return
    }
    var map: ConfigMap = ConfigMap()
    map.metadata.namespace = name
    map.metadata.name = Self.mapName
    map.metadata.annotations["kubernetes.io/description"] = Self.description
    map.data = ["ca.crt": certificate]
    do throws(KubeClientError) {
      try await context.client.create(map)
    } catch {
      guard error.isAlreadyExists || error.isNamespaceTerminating || error.isNotFound else { throw error }
    }
  }
}
