// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// The files that a cluster starts from: kubeconfigs, the kubelet's configuration, the CNI list and plugins.
struct ClusterFiles {
  let cluster: ClusterConfiguration

  /// The plugins that `apus-cni` is, one name each.
  static let plugins: [String] = [
    "bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp", "static", "tuning",
  ]
  /// The name of the bridge that pods are on.
  static let bridge: String = "cni0"
  /// The name of the pod network.
  static let networkName: String = "apus"
  private static let conflist: String = "10-apus.conflist"

  var conflistPath: String { cluster.cniConfigDirectory + "/" + Self.conflist }

  /// Writes whatever is missing or differs.
  func prepare() throws {
    for directory: String in [
      cluster.manifestsDirectory, cluster.cniConfigDirectory, cluster.cniBinDirectory, cluster.kubeletDirectory,
      cluster.kubeletDirectory + "/plugins_registry",
      cluster.kubeletDirectory + "/plugins/" + ClusterConfiguration.storageDriver,
      cluster.dataDirectory, cluster.runDirectory, cluster.logDirectory, cluster.podLogDirectory,
    ] {
      try Files.makeDirectories(directory)
    }
    let certificates: ClusterCertificates = try ClusterCertificates.prepare(cluster)
    let local: String = cluster.server
    try certificates.kubeconfig("admin.conf", user: "kubernetes-admin", groups: ["kubeadm:cluster-admins"], server: local)
    try certificates.kubeconfig("super-admin.conf", user: "kubernetes-super-admin", groups: ["system:masters"], server: local)
    try certificates.kubeconfig(
      "controller-manager.conf", user: "system:kube-controller-manager", groups: [], server: local)
    try certificates.kubeconfig("scheduler.conf", user: "system:kube-scheduler", groups: [], server: local)
    try certificates.kubeconfig(
      "kubelet.conf", user: "system:node:" + cluster.nodeName, groups: ["system:nodes"], server: local)
    try certificates.kubeconfig("proxy.conf", user: "system:kube-proxy", groups: [], server: local)
    try certificates.kubeconfig("dns.conf", user: "system:apus:dns", groups: [], server: local)
    try writeIfDifferent(kubeletConfiguration, to: cluster.kubeletDirectory + "/config.yaml")
    try writeIfDifferent(networkList, to: conflistPath)
    for plugin: String in Self.plugins { try installPlugin(plugin) }
  }

  private func writeIfDifferent(_ text: String, to path: String) throws {
    guard Files.textIfThere(path) != text else { return }
    try Files.replace(path, Array(text.utf8), mode: 0o644)
  }

  /// Puts the one plugin executable under a plugin's name: a hard link, or a symbolic one across file systems.
  private func installPlugin(_ name: String) throws {
    let source: String = cluster.libexecDirectory + "/apus-cni"
    let target: String = cluster.cniBinDirectory + "/" + name
    guard !Files.exists(target) else { return }
    guard Files.exists(source) else {
      throw ClusterError(.unsupported, "\(source) is not there: install apus, or name its folder with --libexec-dir")
    }
    try Files.makeLink(target, to: source)
  }

  private var kubeletConfiguration: String {
    """
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    authentication:
      anonymous: {enabled: false}
      webhook: {enabled: true}
      x509: {clientCAFile: \(cluster.pkiDirectory)/ca.crt}
    authorization: {mode: Webhook}
    cgroupDriver: cgroupfs
    cgroupRoot: "\(cluster.cgroupRoot)"
    clusterDNS: [\(cluster.dnsServiceIP)]
    clusterDomain: \(cluster.clusterDomain)
    failCgroupV1: false
    podLogsDir: \(cluster.podLogDirectory)
    staticPodPath: \(cluster.manifestsDirectory)

    """
  }

  private var networkList: String {
    // Runtimes take the highest version that they know; those before 1.1.0 know `cniVersion` alone. What plugins of
    // others know is not known.
    let versions: String = cluster.chosenCNIBinDirectory == nil ? #""cniVersions": ["1.0.0", "1.1.0"],"# : ""
    return """
    {
      "cniVersion": "1.0.0", \(versions)
      "name": "\(Self.networkName)",
      "plugins": [
        {
          "type": "bridge",
          "bridge": "\(Self.bridge)",
          "isGateway": true,
          "ipMasq": true,
          "hairpinMode": true,
          "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "\(cluster.nodePodCIDR)"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "\(cluster.runDirectory)/networks"
          }
        },
        {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}
      ]
    }

    """
  }
}
