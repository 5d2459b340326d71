// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeClient

/// How the controllers work.
public struct ControllerManagerConfiguration: Sendable {
  /// How the API server is reached.
  public var client: ClientConfiguration
  /// Which controllers run: `*` for all, `name` for one, `-name` for all but one.
  public var controllers: [String] = ["*"]
  /// The private key with which tokens in Secrets are signed, in PEM.
  public var serviceAccountKeyPEM: String?
  /// The certificates that pods get as `kube-root-ca.crt`, in PEM.
  public var rootCertificatePEM: String?
  /// The certificate of the authority that signs requests, in PEM.
  public var signingCertificatePEM: String?
  /// The key of the authority that signs requests, in PEM.
  public var signingKeyPEM: String?
  /// How long signed certificates are valid, at most.
  public var signingDuration: Duration = .seconds(365 * 86400)
  /// The range of the pods' addresses.
  public var clusterCIDR: String = ""
  /// The length of the prefix that each node gets of it; nil is 24 for IPv4 and 64 for IPv6.
  public var nodeCIDRMaskSize: Int?
  /// Whether nodes get their ranges from here.
  public var allocatesNodeCIDRs: Bool = false
  /// How long a node may say nothing before it counts as unreachable.
  public var nodeMonitorGracePeriod: Duration = .seconds(50)
  /// How many ended pods are kept before the oldest are deleted.
  public var terminatedPodsMax: Int = 12500
  /// How pods are autoscaled.
  public var autoscaling: AutoscalingConfiguration = AutoscalingConfiguration()
  /// Where the sockets of storage drivers are, by driver.
  public var storageSockets: [String: String] = [:]
  /// A folder with a folder for each storage driver, which has its socket `csi.sock`.
  public var storageSocketDirectory: String = "/var/lib/kubelet/plugins"
  /// Whether each controller works as a service account of its own, with the rights of its own role.
  public var usesServiceAccounts: Bool = false
  /// Whether only one of several controller managers works at a time.
  public var leaderElects: Bool = true
  /// The namespace of the election's Lease.
  public var leaseNamespace: String = "kube-system"
  /// The name of the election's Lease.
  public var leaseName: String = "kube-controller-manager"
  /// What this process calls itself in the election; it must differ from every other's.
  public var identity: String

  /// All controllers with upstream's defaults.
  public init(client: ClientConfiguration, identity: String) {
    self.client = client
    self.identity = identity
  }

  /// Whether a controller is switched on.
  public func isEnabled(_ name: String) -> Bool {
    if controllers.contains(name) { return true }
    if controllers.contains("-\(name)") { return false }
    return controllers.contains("*")
  }
}

extension ControllerManagerConfiguration: CustomStringConvertible, CustomReflectable {
  /// What may be logged: no keys.
  public var description: String { "ControllerManagerConfiguration(\(client), controllers: \(controllers))" }
  /// What may be logged.
  public var customMirror: Mirror { Mirror(self, children: ["client": client]) }
}
