// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The daemons of a one-node cluster with their command lines, in the order in which they are started.
///
/// They are stopped in the opposite order: the runtime and the API server go last, so that the others can
/// still say what they have to say.
struct ComponentPlan: Sendable {
  /// One daemon.
  struct Component: Sendable, Hashable {
    /// Its name; also that of its log file.
    var name: String
    /// Its executable and arguments.
    var arguments: [String]
  }

  var components: [Component]

  /// What a node runs: the control plane, the runtime, and the node's own daemons.
  init(_ cluster: ClusterConfiguration) {
    components = [
      ("runtime", cluster.foreignRuntime == nil ? Self.runtime(cluster) : nil), ("apiserver", Self.apiServer(cluster)),
      ("controller-manager", Self.controllerManager(cluster)), ("scheduler", Self.scheduler(cluster)),
      ("csi-hostpath", Self.storage(cluster)), ("kubelet", Self.kubelet(cluster)), ("proxy", Self.proxy(cluster)),
      ("dns", Self.dns(cluster)),
    ].compactMap { (name: String, flags: [String]?) in
      guard let flags else { return nil }
      return Component(name: name, arguments: [cluster.executable, name] + flags + ["--v=\(cluster.verbosity)"])
    }
  }

  private static func kubeconfig(_ cluster: ClusterConfiguration, _ name: String) -> String {
    "--kubeconfig=\(cluster.kubernetesDirectory)/\(name).conf"
  }

  private static func runtime(_ cluster: ClusterConfiguration) -> [String] {
    let mirrors: [String] = cluster.registryConfigDirectory.map { ["--registry-config-dir=" + $0] } ?? []
    return [
      "--address=unix://" + cluster.runtimeSocket, "--root=\(cluster.dataDirectory)/runtime",
      "--state=\(cluster.runDirectory)/runtime", "--cni-conf-dir=" + cluster.cniConfigDirectory,
      "--cni-bin-dir=" + cluster.cniBinDirectory, "--libexec-dir=" + cluster.libexecDirectory,
      "--cgroup-parent=\(cluster.cgroupRoot)/apus",
    ] + mirrors
  }

  private static func apiServer(_ cluster: ClusterConfiguration) -> [String] {
    let pki: String = cluster.pkiDirectory
    let store: [String] = cluster.etcd?.arguments ?? ["--data-dir=\(cluster.dataDirectory)/apiserver"]
    return store + [
      "--advertise-address=" + cluster.nodeIP,
      "--secure-port=\(cluster.securePort)", "--tls-cert-file=\(pki)/apiserver.crt",
      "--tls-private-key-file=\(pki)/apiserver.key", "--client-ca-file=\(pki)/ca.crt",
      "--kubelet-client-certificate=\(pki)/apiserver-kubelet-client.crt",
      "--kubelet-client-key=\(pki)/apiserver-kubelet-client.key",
      "--service-account-key-file=\(pki)/sa.pub", "--service-account-signing-key-file=\(pki)/sa.key",
      "--service-account-issuer=https://kubernetes.default.svc.\(cluster.clusterDomain)",
      "--service-cluster-ip-range=" + cluster.serviceCIDR, "--authorization-mode=Node,RBAC",
      "--requestheader-client-ca-file=\(pki)/front-proxy-ca.crt",
      "--requestheader-allowed-names=front-proxy-client",
      "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
      "--requestheader-extra-headers-prefix=X-Remote-Extra-",
      "--proxy-client-cert-file=\(pki)/front-proxy-client.crt",
      "--proxy-client-key-file=\(pki)/front-proxy-client.key",
      "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
    ]
  }

  private static func controllerManager(_ cluster: ClusterConfiguration) -> [String] {
    let pki: String = cluster.pkiDirectory
    return [
      kubeconfig(cluster, "controller-manager"), "--service-account-private-key-file=\(pki)/sa.key",
      "--root-ca-file=\(pki)/ca.crt", "--cluster-signing-cert-file=\(pki)/ca.crt",
      "--cluster-signing-key-file=\(pki)/ca.key", "--cluster-cidr=" + cluster.podCIDR,
      "--service-cluster-ip-range=" + cluster.serviceCIDR, "--allocate-node-cidrs=true",
      "--use-service-account-credentials=true", "--leader-elect=false", "--bind-address=127.0.0.1",
      "--csi-socket-directory=\(cluster.kubeletDirectory)/plugins",
    ]
  }

  private static func scheduler(_ cluster: ClusterConfiguration) -> [String] {
    [kubeconfig(cluster, "scheduler"), "--leader-elect=false", "--bind-address=127.0.0.1"]
  }

  private static func storage(_ cluster: ClusterConfiguration) -> [String] {
    [
      "--endpoint=unix://" + cluster.storageSocket, "--nodeid=" + cluster.nodeName,
      "--statedir=\(cluster.dataDirectory)/csi-hostpath", "--drivername=" + ClusterConfiguration.storageDriver,
      "--registration-dir=\(cluster.kubeletDirectory)/plugins_registry",
    ]
  }

  private static func kubelet(_ cluster: ClusterConfiguration) -> [String] {
    [
      kubeconfig(cluster, "kubelet"), "--config=\(cluster.kubeletDirectory)/config.yaml",
      "--container-runtime-endpoint=unix://" + cluster.runtimeSocket, "--root-dir=" + cluster.kubeletDirectory,
      "--hostname-override=" + cluster.nodeName, "--node-ip=" + cluster.nodeIP,
      "--cert-dir=\(cluster.kubeletDirectory)/pki", "--container-logs-dir=\(cluster.root)/var/log/containers",
    ]
  }

  private static func proxy(_ cluster: ClusterConfiguration) -> [String] {
    [
      kubeconfig(cluster, "proxy"), "--hostname-override=" + cluster.nodeName, "--cluster-cidr=" + cluster.podCIDR,
    ]
  }

  private static func dns(_ cluster: ClusterConfiguration) -> [String] {
    [
      kubeconfig(cluster, "dns"), "--cluster-domain=" + cluster.clusterDomain, "--listen-address=" + cluster.nodeIP,
      "--port=\(cluster.dnsPort)",
    ]
  }

  /// The plan as the supervisor reads it.
  var json: JSONValue {
    .array(components.map { ["name": .string($0.name), "arguments": JSONValue($0.arguments)] })
  }

  /// Reads a plan.
  init(json: JSONValue) throws(ClusterError) {
    components = []
    for item: JSONValue in json.items {
      guard let name: String = item["name"].string, !item["arguments"].items.isEmpty else {
        throw ClusterError(.system, "the plan of the supervisor is damaged: every item needs name and arguments")
      }
      components.append(Component(name: name, arguments: item["arguments"].items.compactMap(\.string)))
    }
  }
}
