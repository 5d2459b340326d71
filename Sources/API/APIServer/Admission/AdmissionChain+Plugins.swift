// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Logging

extension AdmissionChain {
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
    var all: [any AdmissionPlugin] = [NamespaceLifecycle(namespaces: try storage("", "namespaces"))]
    all.append(RBACEscalation(authorizer: authorizer, rbac: rbac))
    plugins = all.filter { !configuration.disabledAdmission.contains($0.name) }
  }
}
