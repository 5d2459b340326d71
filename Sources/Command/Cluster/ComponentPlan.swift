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
    let pki: String = cluster.pkiDirectory
    func daemon(_ name: String, _ flags: [String]) -> Component {
      Component(name: name, arguments: [cluster.executable, name] + flags + ["--v=\(cluster.verbosity)"])
    }
    func config(_ name: String) -> String { cluster.kubernetesDirectory + "/" + name + ".conf" }
    var runtimeFlags: [String] = [
      "--address=unix://" + cluster.runtimeSocket, "--root=\(cluster.dataDirectory)/runtime",
      "--state=\(cluster.runDirectory)/runtime", "--cni-conf-dir=" + cluster.cniConfigDirectory,
      "--cni-bin-dir=" + cluster.cniBinDirectory, "--libexec-dir=" + cluster.libexecDirectory,
    ]
    if let directory: String = cluster.registryConfigDirectory {
      runtimeFlags.append("--registry-config-dir=" + directory)
    }
    components = [
      daemon("runtime", runtimeFlags),
      daemon(
        "apiserver",
        [
          "--data-dir=\(cluster.dataDirectory)/apiserver", "--advertise-address=" + cluster.nodeIP,
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
        ]),
      daemon(
        "controller-manager",
        [
          "--kubeconfig=" + config("controller-manager"),
          "--service-account-private-key-file=\(pki)/sa.key", "--root-ca-file=\(pki)/ca.crt",
          "--cluster-signing-cert-file=\(pki)/ca.crt", "--cluster-signing-key-file=\(pki)/ca.key",
          "--cluster-cidr=" + cluster.podCIDR, "--service-cluster-ip-range=" + cluster.serviceCIDR,
          "--allocate-node-cidrs=true", "--use-service-account-credentials=true", "--leader-elect=false",
          "--bind-address=127.0.0.1", "--csi-socket-directory=\(cluster.kubeletDirectory)/plugins",
        ]),
      daemon(
        "scheduler",
        ["--kubeconfig=" + config("scheduler"), "--leader-elect=false", "--bind-address=127.0.0.1"]),
      daemon(
        "csi-hostpath",
        [
          "--endpoint=unix://" + cluster.storageSocket, "--nodeid=" + cluster.nodeName,
          "--statedir=\(cluster.dataDirectory)/csi-hostpath", "--drivername=" + ClusterConfiguration.storageDriver,
          "--registration-dir=\(cluster.kubeletDirectory)/plugins_registry",
        ]),
      daemon(
        "kubelet",
        [
          "--kubeconfig=" + config("kubelet"), "--config=\(cluster.kubeletDirectory)/config.yaml",
          "--container-runtime-endpoint=unix://" + cluster.runtimeSocket, "--root-dir=" + cluster.kubeletDirectory,
          "--hostname-override=" + cluster.nodeName, "--node-ip=" + cluster.nodeIP,
          "--cert-dir=\(cluster.kubeletDirectory)/pki",
        ]),
      daemon(
        "proxy",
        [
          "--kubeconfig=" + config("proxy"), "--hostname-override=" + cluster.nodeName,
          "--cluster-cidr=" + cluster.podCIDR,
        ]),
      daemon(
        "dns",
        [
          "--kubeconfig=" + config("dns"), "--cluster-domain=" + cluster.clusterDomain,
          "--listen-address=" + cluster.nodeIP, "--port=\(cluster.dnsPort)",
        ]),
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
