// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Glibc
import JSON
import Kernel
import KubeClient
import Kubelet
import Logging
import YAML

/// `apus kubelet`: runs the pods of this node.
enum KubeletCommand: DaemonCommand {
  static let name: String = "kubelet"
  static let summary: String = "run the pods of this node"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus kubelet", summary: summary)
    flags.string("config", "a KubeletConfiguration (kubelet.config.k8s.io/v1beta1); flags win over it")
    flags.string("kubeconfig", "how to reach the API server; without it only static pods run")
    flags.string("container-runtime-endpoint", "the container runtime's socket")
    flags.string("image-service-endpoint", "the image service's socket; the runtime's when not given")
    flags.string("root-dir", default: "/var/lib/kubelet", "where pods' directories are kept")
    flags.string("cert-dir", default: "/var/lib/kubelet/pki", "where the serving certificate is kept when none is given")
    flags.string("hostname-override", "the node's name, in place of the machine's")
    flags.string("node-ip", "the node's addresses, separated by commas")
    flags.string("pod-manifest-path", "a directory of static pods' manifests, or one manifest")
    flags.map("node-labels", "labels of the node at its registration")
    flags.list("register-with-taints", "taints of the node at its registration: key=value:effect,...")
    flags.bool("register-node", default: true, "make the node's object")
    flags.bool("register-schedulable", default: true, "register the node as schedulable")
    flags.string("provider-id", "the provider's name of this machine")
    flags.string("address", default: "0.0.0.0", "the address of the kubelet's server")
    flags.int("port", default: 10250, "the port of the kubelet's server")
    flags.int("healthz-port", default: 10248, "the port of the plain health endpoint; 0 for none")
    flags.string("healthz-bind-address", default: "127.0.0.1", "the address of the plain health endpoint")
    flags.string("tls-cert-file", "the server's certificate")
    flags.string("tls-private-key-file", "the key of the server's certificate")
    flags.string("client-ca-file", "authorities of client certificates")
    flags.bool("anonymous-auth", "take requests without credentials as system:anonymous")
    flags.bool("authentication-token-webhook", default: true, "ask the API server about bearer tokens")
    flags.string("authorization-mode", default: "Webhook", "AlwaysAllow or Webhook")
    flags.list("cluster-dns", "name servers of pods")
    flags.string("cluster-domain", default: "cluster.local", "the cluster's domain")
    flags.string("resolv-conf", default: "/etc/resolv.conf", "the machine's resolver configuration")
    flags.string("cgroup-root", "the control group above kubepods")
    flags.string("cgroup-driver", default: "cgroupfs", "cgroupfs or systemd")
    flags.bool("cgroups-per-qos", default: true, "make control groups for classes of service and pods")
    flags.bool("cpu-cfs-quota", default: true, "enforce CPU limits")
    flags.int("max-pods", default: 110, "how many pods the node takes")
    flags.int("pod-max-pids", default: -1, "how many processes a pod may have")
    flags.map("system-reserved", "resources kept for the system")
    flags.map("kube-reserved", "resources kept for Kubernetes' daemons")
    flags.string("pod-cidr", "the pod network when the node's object has none")
    flags.duration("node-status-update-frequency", default: "10s", "how often the node's status is computed")
    flags.duration("sync-frequency", default: "1m", "how often pods are looked at though nothing happened")
    flags.duration("file-check-frequency", default: "1s", "how often manifests are read")
    flags.list("allowed-unsafe-sysctls", "sysctls that are allowed though unsafe")
    flags.string("pod-logs-dir", default: "/var/log/pods", "where containers' logs are kept")
    flags.string("container-logs-dir", default: "/var/log/containers", "where links to containers' logs are kept")
    flags.ignored(
      ["cloud-provider", "volume-plugin-dir", "runtime-cgroups", "kubelet-cgroups", "system-cgroups", "bootstrap-kubeconfig",
       "feature-gates", "fail-swap-on", "oom-score-adj", "rotate-certificates", "rotate-server-certificates",
       "pod-infra-container-image", "fail-cgroupv1", "config-dir", "eviction-hard", "eviction-soft", "hairpin-mode",
       "read-only-port", "serialize-image-pulls", "tls-cipher-suites", "tls-min-version", "protect-kernel-defaults",
       "make-iptables-util-chains", "container-log-max-size", "container-log-max-files", "streaming-connection-idle-timeout",
       "enforce-node-allocatable", "image-gc-high-threshold", "image-gc-low-threshold", "kube-api-qps", "kube-api-burst",
       "event-qps", "event-burst", "registry-qps", "registry-burst", "seccomp-default", "topology-manager-policy",
       "cpu-manager-policy", "memory-manager-policy", "enable-server", "enable-debugging-handlers", "logging-format"],
      "has no meaning here, or is set by the configuration file")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let logger: Logger = logger(values)
    let configuration: KubeletConfiguration = try configuration(values)
    try await serve([Kubelet(configuration: configuration, logger: logger)], logger: logger)
  }

  /// The configuration file first, then the flags that were given.
  static func configuration(_ values: FlagValues) throws -> KubeletConfiguration {
    var configuration: KubeletConfiguration = KubeletConfiguration()
    if let file: String = values.string("config") {
      let text: String = String(decoding: try Files.read(file), as: UTF8.self)
      let document: JSONValue = try YAML.document(text)
      guard document["kind"].string == "KubeletConfiguration" else {
        throw FlagError(command: "apus kubelet", message: "--config \(file) is no KubeletConfiguration")
      }
      KubeletConfigurationFile(document: document).apply(to: &configuration)
    }
    if let file: String = values.string("kubeconfig"), !file.isEmpty {
      configuration.client = try ClientConfiguration(kubeconfig: file)
      configuration.client?.userAgent = "apus-kubelet"
    }
    configuration.nodeName = (values.string("hostname-override").flatMap { $0.isEmpty ? nil : $0 } ?? hostname()).lowercased()
    applyPaths(values, &configuration)
    applyServer(values, &configuration)
    try applyNode(values, &configuration)
    applyPods(values, &configuration)
    return configuration
  }

  private static func hostname() -> String {
    (try? Files.readText("/proc/sys/kernel/hostname")) ?? "localhost"
  }

  private static func applyPaths(_ values: FlagValues, _ configuration: inout KubeletConfiguration) {
    func take(_ name: String, _ path: WritableKeyPath<KubeletConfiguration, String>) {
      if values.isGiven(name), let text: String = values.string(name) { configuration[keyPath: path] = text }
    }
    take("container-runtime-endpoint", \.runtimeEndpoint)
    take("root-dir", \.rootDirectory)
    take("cert-dir", \.certificateDirectory)
    take("pod-logs-dir", \.podLogsDirectory)
    take("container-logs-dir", \.containerLogsDirectory)
    take("resolv-conf", \.resolvConf)
    if let endpoint: String = values.string("image-service-endpoint"), !endpoint.isEmpty {
      configuration.imageEndpoint = endpoint
    }
    if let path: String = values.string("pod-manifest-path"), !path.isEmpty { configuration.staticPodPath = path }
    if values.isGiven("root-dir"), !values.isGiven("cert-dir") {
      configuration.certificateDirectory = configuration.rootDirectory + "/pki"
    }
  }

  private static func applyServer(_ values: FlagValues, _ configuration: inout KubeletConfiguration) {
    if values.isGiven("address") { configuration.address = values.string("address") ?? "0.0.0.0" }
    if values.isGiven("port") { configuration.port = values.int("port") ?? 10250 }
    if values.isGiven("healthz-port") { configuration.healthzPort = values.int("healthz-port") ?? 10248 }
    if values.isGiven("healthz-bind-address") { configuration.healthzAddress = values.string("healthz-bind-address") ?? "127.0.0.1" }
    if let file: String = values.string("tls-cert-file") { configuration.tlsCertificateFile = file }
    if let file: String = values.string("tls-private-key-file") { configuration.tlsPrivateKeyFile = file }
    if let file: String = values.string("client-ca-file") { configuration.clientCAFile = file }
    if values.isGiven("anonymous-auth") { configuration.isAnonymousAllowed = values.bool("anonymous-auth") }
    if values.isGiven("authentication-token-webhook") {
      configuration.isTokenReviewEnabled = values.bool("authentication-token-webhook")
    }
    if values.isGiven("authorization-mode"), let mode: String = values.string("authorization-mode") {
      configuration.authorization = .init(rawValue: mode) ?? .webhook
    }
  }

  private static func applyNode(_ values: FlagValues, _ configuration: inout KubeletConfiguration) throws {
    if let list: String = values.string("node-ip"), !list.isEmpty {
      configuration.nodeIPs = list.split(separator: ",").map(String.init)
    }
    configuration.nodeLabels.merge(values.map("node-labels")) { _, new in new }
    for text: String in values.list("register-with-taints") {
      configuration.registerWithTaints.append(try KubeletConfigurationFile.taint(text))
    }
    if values.isGiven("register-node") { configuration.registerNode = values.bool("register-node") }
    if values.isGiven("register-schedulable") { configuration.registerUnschedulable = !values.bool("register-schedulable") }
    if let id: String = values.string("provider-id") { configuration.providerID = id }
    if values.isGiven("node-status-update-frequency"), let duration: Duration = values.duration("node-status-update-frequency") {
      configuration.nodeStatusUpdateFrequency = duration
    }
    if let cidr: String = values.string("pod-cidr") { configuration.podCIDR = cidr }
  }

  private static func applyPods(_ values: FlagValues, _ configuration: inout KubeletConfiguration) {
    if values.isGiven("cluster-dns") { configuration.clusterDNS = values.list("cluster-dns") }
    if values.isGiven("cluster-domain") { configuration.clusterDomain = values.string("cluster-domain") ?? "" }
    if let root: String = values.string("cgroup-root") { configuration.cgroupRoot = root }
    if values.isGiven("cgroup-driver") { configuration.cgroupDriver = values.string("cgroup-driver") ?? "cgroupfs" }
    if values.isGiven("cgroups-per-qos") { configuration.cgroupsPerQOS = values.bool("cgroups-per-qos") }
    if values.isGiven("cpu-cfs-quota") { configuration.cpuCFSQuota = values.bool("cpu-cfs-quota") }
    if values.isGiven("max-pods") { configuration.maxPods = values.int("max-pods") ?? 110 }
    if values.isGiven("pod-max-pids") { configuration.podPidsLimit = Int64(values.int("pod-max-pids") ?? -1) }
    configuration.systemReserved.merge(values.map("system-reserved")) { _, new in new }
    configuration.kubeReserved.merge(values.map("kube-reserved")) { _, new in new }
    if values.isGiven("sync-frequency"), let duration: Duration = values.duration("sync-frequency") {
      configuration.syncFrequency = duration
    }
    if values.isGiven("file-check-frequency"), let duration: Duration = values.duration("file-check-frequency") {
      configuration.fileCheckFrequency = duration
    }
    configuration.allowedUnsafeSysctls += values.list("allowed-unsafe-sysctls")
  }
}
