// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Controllers
import DaemonFlags
import KubeClient

/// `apus controller-manager`: the flags of kube-controller-manager.
enum ControllerManagerCommand: DaemonCommand {
  static let name: String = "controller-manager"
  static let summary: String = "brings the cluster to where its objects say it should be"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus controller-manager", summary: summary)
    flags.string("kubeconfig", "the kubeconfig file; without it, a pod's environment is used")
    flags.string("master", "the address of the API server, in the place of the kubeconfig's")
    flags.list("controllers", default: "*", "the controllers to run: `*`, NAME, or -NAME")
    flags.string("service-account-private-key-file", "the key with which tokens in Secrets are signed")
    flags.string("root-ca-file", "the certificates that pods get to verify the API server")
    flags.string("cluster-signing-cert-file", "the certificate of the authority that signs requests")
    flags.string("cluster-signing-key-file", "the key of the authority that signs requests")
    flags.duration("cluster-signing-duration", default: "8760h", "how long signed certificates are valid")
    flags.string("cluster-cidr", "the range of the pods' addresses")
    flags.bool("allocate-node-cidrs", "give every node a part of the pods' addresses")
    flags.int("node-cidr-mask-size", "the length of a node's prefix")
    flags.int("node-cidr-mask-size-ipv4", "the length of a node's IPv4 prefix")
    flags.duration("node-monitor-grace-period", default: "50s", "how long a node may say nothing")
    flags.int("terminated-pod-gc-threshold", default: 12500, "how many ended pods are kept")
    flags.duration("horizontal-pod-autoscaler-sync-period", default: "15s", "how often autoscalers look at metrics")
    flags.string("horizontal-pod-autoscaler-tolerance", default: "0.1", "by how much usage may differ from its target")
    flags.duration(
      "horizontal-pod-autoscaler-downscale-stabilization", default: "5m",
      "how long a higher number of replicas holds against a lower one")
    flags.duration(
      "horizontal-pod-autoscaler-cpu-initialization-period", default: "5m",
      "for how long after its start a pod's processor time counts only while it is ready")
    flags.duration(
      "horizontal-pod-autoscaler-initial-readiness-delay", default: "30s",
      "until when after its start a pod's first change of readiness counts as part of its start")
    flags.bool("use-service-account-credentials", "let each controller work as a service account of its own")
    flags.map("csi-address", "where a storage driver listens: DRIVER=unix:///PATH")
    flags.string(
      "csi-socket-directory", default: "/var/lib/kubelet/plugins",
      "a folder with a folder for each storage driver, with its csi.sock")
    HealthPort.addFlags(to: &flags, port: 10257)
    flags.bool("leader-elect", default: true, "let one of several controller managers work at a time")
    flags.string("leader-elect-resource-name", default: "kube-controller-manager", "the name of the election's Lease")
    flags.string("leader-elect-resource-namespace", default: "kube-system", "the namespace of the election's Lease")
    ignore(&flags)
    return flags
  }

  private static func ignore(_ flags: inout FlagSet) {
    flags.ignored(
      [
        "authentication-kubeconfig", "authorization-kubeconfig", "authorization-always-allow-paths",
        "client-ca-file", "cert-dir",
        "requestheader-client-ca-file",
        "authentication-skip-lookup", "authentication-tolerate-lookup-failure", "permit-address-sharing",
        "permit-port-sharing", "tls-min-version", "tls-cipher-suites", "http2-max-streams-per-connection",
        "requestheader-allowed-names", "requestheader-extra-headers-prefix", "requestheader-group-headers",
        "requestheader-username-headers", "profiling", "contention-profiling",
      ],
      "its port tells health alone, and to everybody")
    flags.ignored(
      [
        "leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period",
        "leader-elect-resource-lock",
      ], "the election has upstream's times and uses a Lease")
    flags.ignored(
      [
        "service-cluster-ip-range", "cluster-name", "cloud-provider", "cloud-config", "configure-cloud-routes",
        "external-cloud-volume-plugin", "node-cidr-mask-size-ipv6", "cidr-allocator-type",
      ], "nothing here needs it")
    flags.ignored(
      ["kube-api-burst", "kube-api-qps", "kube-api-content-type"], "requests are not limited by the client")
    flags.ignored(
      [
        "min-resync-period", "node-monitor-period", "node-startup-grace-period", "pvclaimbinder-sync-period",
        "resource-quota-sync-period", "namespace-sync-period", "attach-detach-reconcile-sync-period",
        "controller-start-interval",
      ],
      "controllers work when something changes, not periodically")
    flags.ignored(
      [
        "concurrent-deployment-syncs", "concurrent-endpoint-syncs", "concurrent-gc-syncs", "concurrent-namespace-syncs",
        "concurrent-replicaset-syncs", "concurrent-rc-syncs", "concurrent-resource-quota-syncs",
        "concurrent-service-syncs",
        "concurrent-service-endpoint-syncs", "concurrent-serviceaccount-token-syncs", "concurrent-statefulset-syncs",
        "concurrent-job-syncs", "concurrent-cron-job-syncs", "concurrent-daemonset-syncs",
        "large-cluster-size-threshold",
        "node-eviction-rate", "secondary-node-eviction-rate", "unhealthy-zone-threshold", "feature-gates",
        "emulated-version", "logging-format", "vmodule", "log-flush-frequency", "flex-volume-plugin-dir",
        "enable-garbage-collector", "enable-dynamic-provisioning",
      ], "has no counterpart")
  }

  static func run(_ values: FlagValues) async throws {
    var client: ClientConfiguration =
      try values.string("kubeconfig").map { path in try ClientConfiguration(kubeconfig: path) } ?? .inCluster()
    if let master: String = values.string("master") { client.server = master }
    var configuration: ControllerManagerConfiguration = ControllerManagerConfiguration(
      client: client, identity: ConfigurationFile.identity)
    func file(_ flag: String) throws -> String? {
      try values.string(flag).map { path in try ConfigurationFile.text(path, command: "apus controller-manager") }
    }
    configuration.controllers = values.list("controllers")
    configuration.serviceAccountKeyPEM = try file("service-account-private-key-file")
    configuration.rootCertificatePEM = try file("root-ca-file")
    configuration.signingCertificatePEM = try file("cluster-signing-cert-file")
    configuration.signingKeyPEM = try file("cluster-signing-key-file")
    configuration.signingDuration = values.duration("cluster-signing-duration") ?? configuration.signingDuration
    configuration.clusterCIDR = values.string("cluster-cidr") ?? ""
    configuration.allocatesNodeCIDRs = values.bool("allocate-node-cidrs")
    configuration.nodeCIDRMaskSize = values.int("node-cidr-mask-size") ?? values.int("node-cidr-mask-size-ipv4")
    configuration.nodeMonitorGracePeriod =
      values.duration("node-monitor-grace-period") ?? configuration.nodeMonitorGracePeriod
    configuration.terminatedPodsMax = values.int("terminated-pod-gc-threshold") ?? configuration.terminatedPodsMax
    configuration.autoscaling = try autoscaling(values)
    configuration.usesServiceAccounts = values.bool("use-service-account-credentials")
    configuration.storageSockets = values.map("csi-address")
    configuration.storageSocketDirectory = values.string("csi-socket-directory") ?? configuration.storageSocketDirectory
    configuration.leaderElects = values.bool("leader-elect")
    configuration.leaseName = values.string("leader-elect-resource-name") ?? configuration.leaseName
    configuration.leaseNamespace = values.string("leader-elect-resource-namespace") ?? configuration.leaseNamespace
    let logger = logger(values)
    let health: HealthPort? = try HealthPort(values, command: "apus \(name)", logger: logger)
    try await serve([ControllerManager(configuration: configuration, logger: logger)] + (health.map { [$0] } ?? []), logger: logger)
  }

  private static func autoscaling(_ values: FlagValues) throws -> AutoscalingConfiguration {
    let prefix: String = "horizontal-pod-autoscaler-"
    var settings: AutoscalingConfiguration = AutoscalingConfiguration()
    settings.period = values.duration(prefix + "sync-period") ?? settings.period
    settings.downscaleWindow = values.duration(prefix + "downscale-stabilization") ?? settings.downscaleWindow
    settings.startPeriod = values.duration(prefix + "cpu-initialization-period") ?? settings.startPeriod
    settings.readinessDelay = values.duration(prefix + "initial-readiness-delay") ?? settings.readinessDelay
    guard let tolerance: Double = values.string(prefix + "tolerance").flatMap(Double.init), (0...1).contains(tolerance) else {
      throw FlagError(command: "apus \(name)", message: "--\(prefix)tolerance must be a number between 0 and 1")
    }
    settings.tolerance = tolerance
    return settings
  }
}
