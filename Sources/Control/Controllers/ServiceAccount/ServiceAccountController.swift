// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeMeta

/// Gives every namespace its ServiceAccount `default`.
final class ServiceAccountController: Controller {
  static let name: String = "serviceaccount-controller"
  static let account: String = "service-account-controller"

  private let context: ControllerContext
  private let namespaces: Informer<Namespace>
  private let accounts: Informer<ServiceAccount>
  private let queue: WorkQueue<String> = WorkQueue()

  init(_ context: ControllerContext) {
    self.context = context
    namespaces = context.informers.informer(Namespace.self)
    accounts = context.informers.informer(ServiceAccount.self)
    namespaces.addHandler { [queue] event in queue.add(event.object.metadata.name) }
    accounts.addHandler { [queue] event in
      if case .deleted(let account) = event { queue.add(account.metadata.namespace) }
    }
  }

  func run() async throws {
    try await context.run(queue, name: Self.name) { [self] name in try await reconcile(name) }
  }

  private func reconcile(_ name: String) async throws {
    guard let namespace: Namespace = namespaces.get(name: name), !namespace.metadata.isBeingDeleted,
      accounts.get(namespace: name, name: "default") == nil
    else { return }
    var account: ServiceAccount = ServiceAccount()
    account.metadata.namespace = name
    account.metadata.name = "default"
    do throws(KubeClientError) {
      try await context.client.create(account)
    } catch {
      guard error.isAlreadyExists || error.isNamespaceTerminating || error.isNotFound else { throw error }
    }
  }
}
