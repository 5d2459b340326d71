// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

/// Who serves subresources and resources that are not plainly stored.
struct SubresourceTable: Sendable {
  private let handlers: [String: any SubresourceHandler] = [
    "serviceaccounts/token": TokenRequestHandler(),
    "pods/binding": BindingHandler(), "bindings": BindingHandler(),
    "pods/eviction": EvictionHandler(),
    "pods/log": PodLogHandler(), "pods/exec": PodStreamHandler(), "pods/attach": PodStreamHandler(),
    "pods/portforward": PodStreamHandler(), "pods/proxy": ProxyHandler(), "services/proxy": ProxyHandler(),
    "nodes/proxy": ProxyHandler(),
    "tokenreviews": TokenReviewHandler(), "selfsubjectreviews": SelfSubjectReviewHandler(),
    "subjectaccessreviews": AccessReviewHandler(), "selfsubjectaccessreviews": AccessReviewHandler(),
    "localsubjectaccessreviews": AccessReviewHandler(), "selfsubjectrulesreviews": RulesReviewHandler(),
    "componentstatuses": ComponentStatusHandler(),
  ]
  private let scale: ScaleHandler = ScaleHandler()

  func handler(for resource: ServedResource, _ info: RequestInfo) -> (any SubresourceHandler)? {
    if info.subresource == "scale" { return scale }
    guard resource.schema.isBuiltIn else { return nil }
    return handlers[info.subresource.isEmpty ? info.resource : "\(info.resource)/\(info.subresource)"]
  }
}

/// componentstatuses: there is nothing to tell since components report for themselves.
struct ComponentStatusHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    let form: NegotiatedAnswer = try endpoint.negotiate()
    let healthy: JSONValue = [["type": "Healthy", "status": "True", "message": "ok"]]
    let item: JSONValue = [
      "kind": "ComponentStatus", "apiVersion": "v1", "metadata": ["name": "etcd-0"], "conditions": healthy,
    ]
    guard endpoint.info.name.isEmpty else {
      endpoint.call.warnings.add("v1 ComponentStatus is deprecated in v1.19+")
      guard endpoint.info.name == "etcd-0" else {
        throw StatusError.notFound(GroupResource("", "componentstatus"), endpoint.info.name)
      }
      return try await endpoint.send(item, as: form, status: .ok)
    }
    endpoint.call.warnings.add("v1 ComponentStatus is deprecated in v1.19+")
    try await endpoint.sendList([item], metadata: .object(JSONObject()), as: form)
  }
}
