// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import Logging
import Synchronization

/// What every request needs: the resources, who may do what, and the rules of writes.
final class ServerCore: Sendable {
  let configuration: APIServerConfiguration
  let logger: Logger
  let registry: ResourceRegistry
  let authenticator: Authenticator
  let authorizer: AuthorizerChain
  let rbac: RBACAuthorizer
  let tokens: ServiceAccountTokens
  let admission: AdmissionChain
  let allocators: Allocators
  let subresources: SubresourceTable
  let kubelets: KubeletConnections
  let discovery: Discovery
  let customResources: CustomResources
  let aggregation: Aggregation
  let audit: Audit?
  /// Whether everything that must be there at start is there.
  let isReady: Mutex<Bool> = Mutex(false)
  let metrics: RequestMetrics = RequestMetrics()

  init(_ configuration: APIServerConfiguration, store: any Store, logger: Logger) async throws {
    self.configuration = configuration
    self.logger = logger
    let registry: ResourceRegistry = ResourceRegistry(
      builtIn: try await BuiltInResources.open(store, prefix: configuration.storePrefix, logger: logger))
    self.registry = registry
    func storage(_ group: String, _ resource: String) throws -> ObjectStorage {
      guard let storage: ObjectStorage = registry.storage(group, resource) else {
        throw APIServerError(.store, "the catalogue lacks \(GroupResource(group, resource))")
      }
      return storage
    }
    let rbacGroup: String = "rbac.authorization.k8s.io"
    let rbac: RBACAuthorizer = RBACAuthorizer(
      roles: try storage(rbacGroup, "roles"), clusterRoles: try storage(rbacGroup, "clusterroles"),
      roleBindings: try storage(rbacGroup, "rolebindings"),
      clusterRoleBindings: try storage(rbacGroup, "clusterrolebindings"))
    self.rbac = rbac
    let tokens: ServiceAccountTokens = try ServiceAccountTokens(configuration, registry: registry)
    self.tokens = tokens
    authenticator = try Authenticator(configuration, tokens: tokens, registry: registry)
    var authorizers: [any Authorizer] = []
    for mode: String in configuration.authorizationModes {
      switch mode {
      case "Node": authorizers.append(NodeAuthorizer(registry: registry))
      case "RBAC": authorizers.append(rbac)
      case "AlwaysAllow": authorizers.append(AlwaysAllow())
      case "AlwaysDeny": break
      default: throw APIServerError(.invalidConfiguration, "--authorization-mode: \(mode) is not known; use Node, RBAC, AlwaysAllow or AlwaysDeny")
      }
    }
    let authorizer: AuthorizerChain = AuthorizerChain(authorizers: authorizers)
    self.authorizer = authorizer
    allocators = try await Allocators(configuration, store: store, registry: registry, logger: logger)
    kubelets = try KubeletConnections(configuration, registry: registry)
    customResources = CustomResources(store: store, prefix: configuration.storePrefix, registry: registry, logger: logger)
    admission = try AdmissionChain(configuration: configuration, registry: registry, authorizer: authorizer, rbac: rbac, logger: logger)
    subresources = SubresourceTable()
    audit = try Audit(configuration.audit, logger: logger)
    aggregation = Aggregation(configuration, registry: registry, logger: logger)
    discovery = Discovery(
      registry: registry, aggregation: aggregation, address: "\(configuration.advertiseAddress):\(configuration.securePort)")
  }

  /// Fields that a write to a resource or subresource does not touch, for managed fields.
  func resetFields(_ resource: ServedResource, _ subresource: String) -> [[String]] {
    ResetFields.of(resource, subresource)
  }

  /// After an object is gone.
  func deleted(_ object: CachedObject, endpoint: ResourceEndpoint) async {
    await allocators.deleted(object, group: endpoint.group)
  }
}

/// Fields that endpoints do not write.
enum ResetFields {
  static func of(_ resource: ServedResource, _ subresource: String) -> [[String]] {
    let hasStatus: Bool = resource.definition.subresource("status") != nil
    switch subresource {
    case "" where resource.groupResource == GroupResource("certificates.k8s.io", "certificatesigningrequests"):
      return [["spec"], ["status"]]
    case "": return hasStatus ? [["status"]] : []
    case "status":
      switch resource.strategy.traits.statusMetadata {
      case .taken: return [["spec"]]
      case .annotationsOnly: return [["spec"], ["metadata", "labels"]]
      case .kept: return [["spec"], ["metadata"]]
      }
    case "finalize": return hasStatus ? [["status"]] : []
    default: return []
    }
  }
}
