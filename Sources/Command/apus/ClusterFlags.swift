// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cluster
import DaemonFlags
import GRPCSockets
import Glibc
import Kernel

/// The flags that `apus up`, `down` and `status` share.
enum ClusterFlags {
  static func flags(command: String, summary: String) -> FlagSet {
    var flags: FlagSet = FlagSet(command: command, summary: summary)
    flags.string("root", default: "", "what stands before every path, for several nodes on one machine")
    flags.string("node-name", "the node's name (default the host name)")
    flags.string("node-ip", "the node's address (default that of the interface with the default route)")
    flags.int("secure-port", default: 6443, "the API server's port")
    flags.string("service-cidr", default: "10.96.0.0/16", "where Services get their addresses from")
    flags.string("pod-cidr", default: "10.244.0.0/16", "where pods get their addresses from")
    flags.string("cluster-domain", default: "cluster.local", "the domain of cluster names")
    flags.string("libexec-dir", "the folder of apus-shim, apus-init and apus-cni (default found beside apus)")
    flags.string("etcd-servers", "URLs of etcd members; without them the API server keeps objects in a file")
    flags.string("etcd-cafile", "authorities of etcd's certificates")
    flags.string("etcd-certfile", "certificate shown to etcd")
    flags.string("etcd-keyfile", "key of --etcd-certfile")
    flags.string("container-runtime-endpoint", "the socket of a container runtime that runs already (default our own is started)")
    flags.string("cni-bin-dir", "the folder of CNI plugins (default ROOT/opt/cni/bin); ours are added where it lacks them")
    flags.string("registry-config-dir", "the folder with a hosts.toml for each registry mirror")
    return flags
  }

  static func configuration(_ values: FlagValues) throws -> ClusterConfiguration {
    let executable: String = try Files.readLink("/proc/self/exe")
    let nodeName: String = values.string("node-name") ?? NodeIdentity.hostName()
    guard let nodeIP: String = values.string("node-ip") ?? NodeIdentity.address() else {
      throw ClusterError(.unsupported, "this machine has no address besides loopback; name one with --node-ip")
    }
    var cluster: ClusterConfiguration = ClusterConfiguration(
      nodeName: nodeName, nodeIP: nodeIP,
      libexecDirectory: values.string("libexec-dir") ?? libexecDirectory(besides: executable), executable: executable)
    cluster.root = values.string("root") ?? ""
    cluster.securePort = values.int("secure-port") ?? 6443
    cluster.serviceCIDR = try values.required("service-cidr")
    cluster.podCIDR = try values.required("pod-cidr")
    cluster.nodePodCIDR = NodeIdentity.firstSubnet(of: cluster.podCIDR)
    cluster.clusterDomain = try values.required("cluster-domain")
    cluster.registryConfigDirectory = values.string("registry-config-dir")
    cluster.etcd = values.string("etcd-servers").map { servers in
      EtcdFlags(
        servers: servers, caFile: values.string("etcd-cafile"), certFile: values.string("etcd-certfile"),
        keyFile: values.string("etcd-keyfile"))
    }
    cluster.foreignRuntime = values.string("container-runtime-endpoint").map(strippingUnixScheme)
    cluster.chosenCNIBinDirectory = values.string("cni-bin-dir")
    cluster.verbosity = values.int("v") ?? 0
    return cluster
  }

  /// PREFIX/libexec/apus for an installed PREFIX/bin/apus; the same folder for one that was just built.
  private static func libexecDirectory(besides executable: String) -> String {
    let folder: String = String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
    let installed: String = folder + "/../libexec/apus"
    return Files.exists(folder + "/apus-shim") ? folder : installed
  }
}
