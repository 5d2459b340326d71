// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
public import KubeClient
public import KubeCore

/// All that a kubelet is told from outside, as plain values with upstream's defaults.
public struct KubeletConfiguration: Sendable {
  /// How requests to the kubelet's own server are authorized.
  public enum Authorization: String, Sendable, Hashable {
    case alwaysAllow = "AlwaysAllow"
    case webhook = "Webhook"
  }

  /// How much of the machine may be used before pods are evicted: a signal's threshold.
  public struct EvictionThreshold: Sendable, Hashable {
    /// The signal, such as `memory.available`.
    public var signal: String
    /// A quantity or a percentage, such as `100Mi` or `10%`.
    public var value: String

    /// A threshold.
    public init(signal: String, value: String) {
      self.signal = signal
      self.value = value
    }
  }

  /// The node's name.
  public var nodeName: String = ""
  /// The node's addresses; found on the machine where empty.
  public var nodeIPs: [String] = []
  /// How to reach the API server; nil for a kubelet that runs static pods alone.
  public var client: ClientConfiguration?
  /// Where pods' directories are kept.
  public var rootDirectory: String = "/var/lib/kubelet"
  /// Where the serving certificate is kept when none is given.
  public var certificateDirectory: String = "/var/lib/kubelet/pki"
  /// Where containers' logs are kept.
  public var podLogsDirectory: String = "/var/log/pods"
  /// Where the links `<pod>_<namespace>_<container>-<id>.log` are kept.
  public var containerLogsDirectory: String = "/var/log/containers"
  /// A directory of manifests, or one manifest, of static pods.
  public var staticPodPath: String?
  /// The container runtime's socket.
  public var runtimeEndpoint: String = "unix:///run/apus/runtime.sock"
  /// The image service's socket; the runtime's where nil.
  public var imageEndpoint: String?

  /// The address of the kubelet's server.
  public var address: String = "0.0.0.0"
  /// The port of the kubelet's server.
  public var port: Int = 10250
  /// The address of the plain health endpoint.
  public var healthzAddress: String = "127.0.0.1"
  /// The port of the plain health endpoint; 0 for none.
  public var healthzPort: Int = 10248
  /// The serving certificate; a self-signed one is made where nil.
  public var tlsCertificateFile: String?
  /// The serving certificate's key.
  public var tlsPrivateKeyFile: String?
  /// The authorities that sign client certificates.
  public var clientCAFile: String?
  /// Whether requests without credentials are taken as system:anonymous.
  public var isAnonymousAllowed: Bool = false
  /// Whether bearer tokens are asked of the API server.
  public var isTokenReviewEnabled: Bool = true
  /// How requests are authorized.
  public var authorization: Authorization = .webhook

  /// Name servers of pods with ClusterFirst.
  public var clusterDNS: [String] = []
  /// The cluster's domain.
  public var clusterDomain: String = "cluster.local"
  /// The resolver configuration of the machine.
  public var resolvConf: String = "/etc/resolv.conf"

  /// The group under which `kubepods` is made.
  public var cgroupRoot: String = ""
  /// Whether groups for the classes of service and for pods are made.
  public var cgroupsPerQOS: Bool = true
  /// `cgroupfs` or `systemd`.
  public var cgroupDriver: String = "cgroupfs"
  /// Whether CPU limits are enforced.
  public var cpuCFSQuota: Bool = true
  /// How many processes a pod may have; -1 for no limit.
  public var podPidsLimit: Int64 = -1
  /// How many pods the node takes.
  public var maxPods: Int = 110
  /// Resources kept for the system.
  public var systemReserved: [String: String] = [:]
  /// Resources kept for Kubernetes' own daemons.
  public var kubeReserved: [String: String] = [:]
  /// Sysctls (or prefixes with `*`) that are allowed though unsafe.
  public var allowedUnsafeSysctls: [String] = []

  /// Whether the node object is made.
  public var registerNode: Bool = true
  /// Labels of the node object at registration.
  public var nodeLabels: [String: String] = [:]
  /// Taints of the node object at registration.
  public var registerWithTaints: [Taint] = []
  /// Whether the node is registered as unschedulable.
  public var registerUnschedulable: Bool = false
  /// The provider's name of the machine.
  public var providerID: String = ""
  /// The pod network when the node object has none.
  public var podCIDR: String = ""
  /// How often the node's status is computed.
  public var nodeStatusUpdateFrequency: Duration = .seconds(10)
  /// How often an unchanged status is written.
  public var nodeStatusReportFrequency: Duration = .seconds(300)
  /// How long the node's lease is valid.
  public var nodeLeaseDurationSeconds: Int32 = 40

  /// How often pods are looked at though nothing happened.
  public var syncFrequency: Duration = .seconds(60)
  /// How often the manifests are read.
  public var fileCheckFrequency: Duration = .seconds(20)
  /// The longest wait between restarts of a crashing container.
  public var crashLoopBackOffMax: Duration = .seconds(300)
  /// Disk usage from which unused images are removed, in percent.
  public var imageGCHighThresholdPercent: Int = 85
  /// Disk usage down to which unused images are removed, in percent.
  public var imageGCLowThresholdPercent: Int = 80
  /// How long an image is kept though unused.
  public var imageMinimumGCAge: Duration = .seconds(120)
  /// How large a container's log may grow before it is rotated, in bytes.
  public var containerLogMaxBytes: Int64 = 10 << 20
  /// How many log files of a container are kept.
  public var containerLogMaxFiles: Int = 5
  /// Pulls that run at once from one registry.
  public var maxParallelImagePulls: Int = 4
  /// When pods are evicted.
  public var evictionHard: [EvictionThreshold] = [
    .init(signal: "memory.available", value: "100Mi"), .init(signal: "nodefs.available", value: "10%"),
    .init(signal: "nodefs.inodesFree", value: "5%"), .init(signal: "imagefs.available", value: "15%"),
  ]
  /// How long the node is said to lack something after it was last seen to.
  public var evictionPressureTransitionPeriod: Duration = .seconds(300)
  /// How pods' secrets are looked up when a manifest has none.
  public var enableServer: Bool = true
  /// The configuration as it was read, for /configz.
  public var document: JSONValue = [:]

  /// The defaults.
  public init() {}
}
