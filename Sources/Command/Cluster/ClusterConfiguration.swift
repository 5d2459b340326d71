// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// Where etcd is, as the API server's flags say it.
public struct EtcdFlags: Sendable {
  /// The members' client URLs, separated by commas.
  public var servers: String
  /// Files for TLS: authorities, certificate and key, as far as etcd asks for them.
  public var caFile: String?
  /// Our certificate.
  public var certFile: String?
  /// Its key.
  public var keyFile: String?

  /// An etcd.
  public init(servers: String, caFile: String? = nil, certFile: String? = nil, keyFile: String? = nil) {
    self.servers = servers
    self.caFile = caFile
    self.certFile = certFile
    self.keyFile = keyFile
  }

  /// The API server's flags.
  var arguments: [String] {
    ["--etcd-servers=" + servers]
      + [("cafile", caFile), ("certfile", certFile), ("keyfile", keyFile)].compactMap { name, path in
        path.map { "--etcd-\(name)=\($0)" }
      }
  }
}

/// What a one-node cluster is made of: its name, addresses, ports and folders.
///
/// Every folder stands below `root`, so that several nodes, each in a network namespace of its own, can run
/// side by side on one machine.
public struct ClusterConfiguration: Sendable {
  /// What stands before every path; empty for the machine's own tree.
  public var root: String = ""
  /// The node's name in the cluster.
  public var nodeName: String
  /// The node's address, as other nodes and pods reach it.
  public var nodeIP: String
  /// The API server's port.
  public var securePort: Int = 6443
  /// Where Services get their addresses from.
  public var serviceCIDR: String = "10.96.0.0/16"
  /// Where pods get their addresses from.
  public var podCIDR: String = "10.244.0.0/16"
  /// The part of `podCIDR` that this node gives out.
  public var nodePodCIDR: String = "10.244.0.0/24"
  /// The domain of cluster names.
  public var clusterDomain: String = "cluster.local"
  /// The port at which cluster DNS answers on the node; pods reach it at `dnsServiceIP`, port 53.
  public var dnsPort: Int = 10053
  /// The folder with the programs that `apus` starts: apus-shim, apus-init, apus-cni.
  public var libexecDirectory: String
  /// The `apus` executable itself.
  public var executable: String
  /// The certs.d folder with a hosts.toml for each registry mirror.
  public var registryConfigDirectory: String?
  /// The etcd in which the API server keeps objects; nil for a file of its own.
  public var etcd: EtcdFlags?
  /// The socket of a container runtime that somebody else runs; nil for our own.
  public var foreignRuntime: String?
  /// The folder of CNI plugins; ours are linked into it where it has none of these names. Nil for /opt/cni/bin.
  public var chosenCNIBinDirectory: String?
  /// Verbosity of the daemons' logs.
  public var verbosity: Int = 0

  /// A cluster with the usual ranges and folders.
  public init(nodeName: String, nodeIP: String, libexecDirectory: String, executable: String) {
    self.nodeName = nodeName
    self.nodeIP = nodeIP
    self.libexecDirectory = libexecDirectory
    self.executable = executable
  }

  /// /etc/kubernetes: kubeconfigs, manifests and the PKI.
  public var kubernetesDirectory: String { root + "/etc/kubernetes" }
  /// Keys and certificates, named as kubeadm names them.
  public var pkiDirectory: String { kubernetesDirectory + "/pki" }
  /// Manifests of static pods.
  public var manifestsDirectory: String { kubernetesDirectory + "/manifests" }
  /// The kubeconfig of the cluster's administrator.
  public var adminConfig: String { kubernetesDirectory + "/admin.conf" }
  /// CNI configurations.
  public var cniConfigDirectory: String { root + "/etc/cni/net.d" }
  /// CNI plugins.
  public var cniBinDirectory: String { chosenCNIBinDirectory ?? root + "/opt/cni/bin" }
  /// What the kubelet keeps.
  public var kubeletDirectory: String { root + "/var/lib/kubelet" }
  /// What the store, the runtime and the storage driver keep.
  public var dataDirectory: String { root + "/var/lib/apus" }
  /// What is gone with the next boot: sockets, records of running pods, the supervisor's files.
  public var runDirectory: String { root + "/run/apus" }
  /// Logs of the daemons.
  public var logDirectory: String { root + "/var/log/apus" }
  /// Logs of pods.
  public var podLogDirectory: String { root + "/var/log/pods" }
  /// The runtime's socket.
  public var runtimeSocket: String { foreignRuntime ?? runDirectory + "/runtime.sock" }
  /// The control group above those of the pods: one for each root, so that no kubelet tidies up the groups of another.
  /// Empty for the machine's own tree, whose pods have theirs in `/kubepods`, where everybody looks for them.
  public var cgroupRoot: String {
    root.isEmpty ? "" : (["/apus"] + root.split(separator: "/").map(String.init)).joined(separator: "+")
  }
  /// The storage driver's name.
  public static let storageDriver: String = "hostpath.csi.apus.dev"
  /// The storage driver's socket.
  public var storageSocket: String { kubeletDirectory + "/plugins/\(Self.storageDriver)/csi.sock" }
  /// The cluster's address at the API server.
  public var server: String { "https://\(nodeIP.contains(":") ? "[\(nodeIP)]" : nodeIP):\(securePort)" }

  /// The first usable address of the Service range: the API server's own Service.
  public var apiServiceIP: String { Self.address(in: serviceCIDR, at: 1) }
  /// The tenth address of the Service range: cluster DNS, by custom.
  public var dnsServiceIP: String { Self.address(in: serviceCIDR, at: 10) }

  /// The nth address of an IPv4 range in CIDR notation.
  static func address(in cidr: String, at offset: UInt32) -> String {
    let base: [UInt32] = cidr.prefix { $0 != "/" }.split(separator: ".").compactMap { UInt32($0) }
    guard base.count == 4 else { return "" }
    let sum: UInt32 = (base[0] << 24 | base[1] << 16 | base[2] << 8 | base[3]) + offset
    return [24, 16, 8, 0].map { String((sum >> $0) & 255) }.joined(separator: ".")
  }
}
