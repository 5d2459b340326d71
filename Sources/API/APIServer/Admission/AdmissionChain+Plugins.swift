// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Logging

extension AdmissionChain {
  /// Plug-ins that run only when they are asked for.
  private static let optional: Set<String> = [NodeRestriction.name]

  /// The plug-ins that are on by default, and those that were asked for, in upstream's order.
  init(
    configuration: APIServerConfiguration, registry: ResourceRegistry, authorizer: AuthorizerChain, rbac: RBACAuthorizer,
    logger: Logger
  ) throws {
    func storage(_ group: String, _ resource: String) throws -> ObjectStorage {
      guard let storage: ObjectStorage = registry.storage(group, resource) else {
        throw APIServerError(.store, "the catalogue lacks \(resource)")
      }
      return storage
    }
    let namespaces: ObjectStorage = try storage("", "namespaces")
    let hooks: String = "admissionregistration.k8s.io"
    let all: [any AdmissionPlugin] = [
      NamespaceLifecycle(namespaces: namespaces),
      LimitRanger(ranges: try storage("", "limitranges")),
      ServiceAccountAdmission(accounts: try storage("", "serviceaccounts")),
      NodeRestriction(pods: try storage("", "pods")),
      TaintNodesByCondition(),
      PodSecurity(namespaces: namespaces, pods: try storage("", "pods")),
      PriorityAdmission(classes: try storage("scheduling.k8s.io", "priorityclasses")),
      DefaultTolerationSeconds(),
      CertificateAdmission(authorizer: authorizer),
      StorageObjectInUseProtection(),
      PersistentVolumeClaimResize(storageClasses: try storage("storage.k8s.io", "storageclasses")),
      RuntimeClassAdmission(classes: try storage("node.k8s.io", "runtimeclasses")),
      DefaultClass(
        storageClasses: try storage("storage.k8s.io", "storageclasses"),
        ingressClasses: try storage("networking.k8s.io", "ingressclasses")),
      RBACEscalation(authorizer: authorizer, rbac: rbac),
      MutationAdmission(
        policies: try storage(hooks, "mutatingadmissionpolicies"),
        bindings: try storage(hooks, "mutatingadmissionpolicybindings"), registry: registry, authorizer: authorizer),
      WebhookAdmission(
        mutating: try storage(hooks, "mutatingwebhookconfigurations"),
        validating: try storage(hooks, "validatingwebhookconfigurations"), registry: registry,
        authorizer: authorizer),
      PolicyAdmission(
        policies: try storage(hooks, "validatingadmissionpolicies"),
        bindings: try storage(hooks, "validatingadmissionpolicybindings"), registry: registry, authorizer: authorizer),
      PodResizeAdmission(nodes: try storage("", "nodes")),
      ResourceQuotaAdmission(quotas: try storage("", "resourcequotas")),
    ]
    plugins = all.filter { plugin in
      !configuration.disabledAdmission.contains(plugin.name)
        && (!Self.optional.contains(plugin.name) || configuration.enabledAdmission.contains(plugin.name))
    }
  }
}
