// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import KubeValues
import Logging
import Synchronization

/// Makes what must be there before anybody works: namespaces, roles, priority classes, the `kubernetes` Service.
struct Bootstrap: Sendable {
  private static let retryDelay: Duration = .seconds(1)

  let core: ServerCore
  private var client: InternalClient { InternalClient(core: core) }

  init(core: ServerCore) { self.core = core }

  func run() async throws {
    while !Task.isCancelled {
      do {
        try await make()
        core.isReady.withLock { $0 = true }
        break
      } catch {
        if error is CancellationError { return }
        core.logger.error("cannot make the first objects: \(error)")
        try await Task.sleep(for: Self.retryDelay)
      }
    }
  }

  private func make() async throws {
    try await core.customResources.load(core)
    for name: String in ["kube-system", "kube-public", "kube-node-lease", "default"] {
      try await client.ensure("", "namespaces", ["kind": "Namespace", "apiVersion": "v1", "metadata": ["name": .string(name)]])
    }
    try await priorityClasses()
    try await flowControl()
    try await policy()
    try await serviceRange()
    try await core.allocators.load()
    try await kubernetesService()
    try await core.aggregation.local.prepare(core)
    try await core.aggregation.load()
    try await clientAuthentication()
  }

  private func priorityClasses() async throws {
    let classes: [(String, Int64, String)] = [
      ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current node."),
      ("system-cluster-critical", 2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
    ]
    for (name, value, text) in classes {
      try await client.ensure(
        "scheduling.k8s.io", "priorityclasses",
        [
          "kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1", "metadata": ["name": .string(name)],
          "value": .int(value), "description": .string(text), "preemptionPolicy": "PreemptLowerPriority",
        ])
    }
  }

  private func flowControl() async throws {
    let group: String = "flowcontrol.apiserver.k8s.io"
    for level: JSONValue in FlowControlDefaults.levels {
      try await client.ensure(
        group, "prioritylevelconfigurations", level, manager: "api-priority-and-fairness-config-producer-v1")
    }
    for schema: JSONValue in FlowControlDefaults.schemas {
      let known: JSONValue? = try await client.get(group, "flowschemas", name: schema.objectName)
      if let known, !known["status"]["conditions"].items.isEmpty { continue }
      try await client.ensure(
        group, "flowschemas", schema, manager: "api-priority-and-fairness-config-producer-v1")
      try await client.apply(
        group, "flowschemas", FlowControlDefaults.status(of: schema, now: Timestamp.now.rfc3339),
        subresource: "status", manager: FlowSchemaStatus.manager)
    }
  }

  // MARK: roles

  private func policy() async throws {
    let texts: [String] = [
      BootstrapPolicy.clusterPolicy, BootstrapPolicy.controllerPolicy, BootstrapPolicy.namespacePolicy,
    ]
    for text: String in texts {
      for role: JSONValue in BootstrapPolicy.roles(text) { try await reconcile(role, list: "rules") }
      for binding: JSONValue in BootstrapPolicy.bindings(text) { try await reconcile(binding, list: "subjects") }
    }
  }

  /// Makes a role or binding, or adds what it lacks, unless it was taken out of our hands.
  private func reconcile(_ wanted: JSONValue, list: String) async throws {
    let group: String = "rbac.authorization.k8s.io"
    let resource: String = (wanted["kind"].string ?? "").lowercased() + "s"
    guard
      let present: JSONValue = try await client.get(
        group, resource, namespace: wanted.objectNamespace, name: wanted.objectName)
    else { return try await client.ensure(group, resource, wanted) }
    guard present.objectAnnotations["rbac.authorization.kubernetes.io/autoupdate"] != "false",
      wanted["aggregationRule"].isNull
    else { return }
    let missing: [JSONValue] = wanted[list].items.filter { !present[list].items.contains($0) }
    guard !missing.isEmpty else { return }
    var patch: JSONValue = .object(JSONObject())
    patch[list] = .array(present[list].items + missing)
    try await client.patch(group, resource, namespace: wanted.objectNamespace, name: wanted.objectName, patch)
  }

  // MARK: services

  private func serviceRange() async throws {
    let cidrs: JSONValue = JSONValue(core.configuration.serviceRanges)
    let isNew: Bool = try await client.get("networking.k8s.io", "servicecidrs", name: "kubernetes") == nil
    try await client.ensure(
      "networking.k8s.io", "servicecidrs",
      ["kind": "ServiceCIDR", "apiVersion": "networking.k8s.io/v1", "metadata": ["name": "kubernetes"], "spec": ["cidrs": cidrs]])
    guard isNew else { return }
    // As the controller of such ranges would say it.
    try await client.apply(
      "networking.k8s.io", "servicecidrs",
      [
        "kind": "ServiceCIDR", "apiVersion": "networking.k8s.io/v1", "metadata": ["name": "kubernetes"],
        "status": [
          "conditions": [
            [
              "type": "Ready", "status": "True", "message": "Kubernetes Service CIDR is ready",
              "lastTransitionTime": .string(Timestamp.now.rfc3339),
            ]
          ]
        ],
      ], subresource: "status", manager: "kubernetes-service-cidr-controller")
  }

  private func kubernetesService() async throws {
    let address: String = core.configuration.advertiseAddress
    let port: Int64 = Int64(core.configuration.securePort)
    let labels: JSONValue = ["component": "apiserver", "provider": "kubernetes"]
    try await client.ensure(
      "", "services",
      [
        "kind": "Service", "apiVersion": "v1",
        "metadata": ["name": "kubernetes", "namespace": "default", "labels": labels],
        "spec": [
          "type": "ClusterIP", "sessionAffinity": "None", "clusterIP": JSONValue(core.allocators.firstAddress),
          "ports": [["name": "https", "protocol": "TCP", "port": 443, "targetPort": .int(port)]],
        ],
      ])
    // Endpoints cannot be loopback addresses: such a server is there for this machine alone.
    if address.hasPrefix("127.") || address == "::1" {
      return core.logger.warning("--advertise-address is \(address): the Service kubernetes gets no endpoint")
    }
    let endpoints: JSONValue = [
      "kind": "Endpoints", "apiVersion": "v1",
      "metadata": [
        "name": "kubernetes", "namespace": "default",
        "labels": ["endpointslice.kubernetes.io/skip-mirror": "true"],
      ],
      "subsets": [
        ["addresses": [["ip": .string(address)]], "ports": [["name": "https", "port": .int(port), "protocol": "TCP"]]]
      ],
    ]
    try await replace("", "endpoints", endpoints, field: "subsets")
    let slice: JSONValue = [
      "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
      "metadata": [
        "name": "kubernetes", "namespace": "default", "labels": ["kubernetes.io/service-name": "kubernetes"],
      ],
      "addressType": address.contains(":") ? "IPv6" : "IPv4",
      "endpoints": [["addresses": [.string(address)], "conditions": ["ready": true]]],
      "ports": [["name": "https", "port": .int(port), "protocol": "TCP"]],
    ]
    try await replace("discovery.k8s.io", "endpointslices", slice, field: "endpoints")
  }

  private func replace(_ group: String, _ resource: String, _ object: JSONValue, field: String) async throws {
    try await client.ensure(group, resource, object)
    var patch: JSONValue = .object(JSONObject())
    patch[field] = object[field]
    if !object["ports"].isNull { patch["ports"] = object["ports"] }
    try await client.patch(group, resource, namespace: object.objectNamespace, name: object.objectName, patch)
  }

  // MARK: the aggregator

  /// What extension API servers must know to trust this one's callers.
  private func clientAuthentication() async throws {
    var data: JSONValue = .object(JSONObject())
    if let pem: [UInt8] = core.configuration.clientCA { data["client-ca-file"] = .string(String(decoding: pem, as: UTF8.self)) }
    if let proxy: RequestHeaderConfiguration = core.configuration.requestHeader {
      data["requestheader-client-ca-file"] = .string(String(decoding: proxy.clientCA, as: UTF8.self))
      data["requestheader-allowed-names"] = .string(JSONValue(proxy.allowedNames).text)
      data["requestheader-username-headers"] = .string(JSONValue(proxy.usernameHeaders).text)
      if !proxy.uidHeaders.isEmpty { data["requestheader-uid-headers"] = .string(JSONValue(proxy.uidHeaders).text) }
      data["requestheader-group-headers"] = .string(JSONValue(proxy.groupHeaders).text)
      data["requestheader-extra-headers-prefix"] = .string(JSONValue(proxy.extraPrefixes).text)
    }
    let name: String = "extension-apiserver-authentication"
    if let present: JSONValue = try await client.get("", "configmaps", namespace: "kube-system", name: name) {
      guard present["data"] != data else { return }
      try await client.patch("", "configmaps", namespace: "kube-system", name: name, ["data": data])
      return
    }
    try await client.ensure(
      "", "configmaps",
      [
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": .string(name), "namespace": "kube-system"],
        "data": data,
      ])
  }
}
