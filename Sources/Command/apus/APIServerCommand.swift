// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIServer
import Cluster
import DaemonFlags
import Foundation
import HTTPServing
import Logging
import PKI

/// `apus apiserver`: the API server, with kube-apiserver's flags.
enum APIServerCommand: DaemonCommand {
  static let name: String = "apiserver"
  static let summary: String = "serve the Kubernetes API"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus apiserver", summary: summary)
    addServing(&flags)
    addIdentity(&flags)
    addRest(&flags)
    flags.ignored(
      [
        "allow-privileged", "endpoint-reconciler-type", "apiserver-count", "feature-gates",
        "runtime-config", "profiling", "contention-profiling", "audit-log-mode", "audit-webhook-mode",
        "audit-webhook-batch-throttle-enable", "audit-webhook-batch-throttle-qps", "audit-webhook-batch-throttle-burst",
        "audit-webhook-batch-buffer-size", "audit-webhook-version",
        "audit-log-version", "audit-log-compress", "cert-dir", "encryption-provider-config",
        "storage-backend", "storage-media-type", "watch-cache", "watch-cache-sizes", "default-watch-cache-size",
        "enable-priority-and-fairness", "enable-aggregator-routing", "enable-garbage-collector",
        "http2-max-streams-per-connection", "min-request-timeout", "goaway-chance",
        "shutdown-delay-duration", "livez-grace-period", "tls-min-version", "tls-cipher-suites", "logging-format",
        "vmodule", "service-account-lookup", "service-account-extend-token-expiration", "kubelet-port",
        "kubelet-timeout", "delete-collection-workers", "max-connection-bytes-per-sec", "permit-port-sharing",
        "permit-address-sharing", "external-hostname", "etcd-count-metric-poll-period",
        "lease-reuse-duration-seconds", "default-not-ready-toleration-seconds",
        "default-unreachable-toleration-seconds", "emulated-version", "authorization-webhook-config-file",
        "admission-control-config-file", "tracing-config-file", "egress-selector-config-file",
        "service-account-max-token-expiration", "cors-allowed-origins", "strict-transport-security-directives",
        "oidc-issuer-url", "oidc-client-id", "kubernetes-service-node-port",
      ], "has no meaning here")
    return flags
  }

  private static func addServing(_ flags: inout FlagSet) {
    flags.list("etcd-servers", "URLs of etcd members; without them a file below --data-dir is the store")
    flags.string("etcd-cafile", "authorities of etcd's certificates")
    flags.string("etcd-certfile", "certificate shown to etcd")
    flags.string("etcd-keyfile", "key of --etcd-certfile")
    flags.string("etcd-prefix", default: "/registry", "first part of every key in the store")
    flags.duration("etcd-compaction-interval", default: "5m0s", "time between compactions of etcd; 0 leaves them to others")
    flags.duration("event-ttl", default: "1h0m0s", "how long Events are kept")
    flags.string("data-dir", default: "/var/lib/apus/apiserver", "folder of the store without etcd")
    flags.string("bind-address", default: "0.0.0.0", "address to listen on")
    flags.int("secure-port", default: 6443, "port to listen on")
    flags.string("advertise-address", "address at which others reach this server")
    flags.string("tls-cert-file", "serving certificate with its intermediates (PEM); one is made without it")
    flags.string("tls-private-key-file", "key of --tls-cert-file (PEM)")
    flags.string("service-cluster-ip-range", default: "10.0.0.0/24", "ranges of Services' addresses, one of each family at most")
    flags.string("service-node-port-range", default: "30000-32767", "ports that Services may open on nodes")
    flags.int("max-requests-inflight", default: 400, "reads at a time")
    flags.int("max-mutating-requests-inflight", default: 200, "writes at a time")
    flags.duration("request-timeout", default: "1m0s", "how long a request may take")
  }

  private static func addIdentity(_ flags: inout FlagSet) {
    flags.string("client-ca-file", "authorities of client certificates (PEM)")
    flags.string("token-auth-file", "file of static tokens: token,user,uid,\"group1,group2\"")
    flags.bool("anonymous-auth", default: true, "take requests without credentials as system:anonymous")
    flags.bool("enable-bootstrap-token-auth", "take tokens of Secrets in kube-system")
    flags.list("authorization-mode", default: "AlwaysAllow", "Node, RBAC, AlwaysAllow, AlwaysDeny")
    flags.list("service-account-issuer", "issuers of service account tokens, the first of new ones")
    flags.list("service-account-key-file", "keys that verify service account tokens (PEM)")
    flags.string("service-account-signing-key-file", "key that signs service account tokens (PEM)")
    flags.string("service-account-jwks-uri", "ignored: the keys are served at /openid/v1/jwks")
    flags.list("api-audiences", "audiences of this server; the issuers by default")
    flags.string("requestheader-client-ca-file", "authorities of front proxies' certificates")
    flags.list("requestheader-allowed-names", "names that a front proxy's certificate may have")
    flags.list("requestheader-username-headers", default: "X-Remote-User", "headers with the user's name")
    flags.list("requestheader-group-headers", default: "X-Remote-Group", "headers with groups")
    flags.list("requestheader-extra-headers-prefix", default: "X-Remote-Extra-", "beginnings of headers with further facts")
    flags.list("requestheader-uid-headers", "headers with the user's identifier")
    flags.string("proxy-client-cert-file", "certificate shown to API servers behind this one (PEM)")
    flags.string("proxy-client-key-file", "key of --proxy-client-cert-file (PEM)")
  }

  private static func addRest(_ flags: inout FlagSet) {
    flags.list("enable-admission-plugins", "admission plug-ins beside the default ones")
    flags.list("disable-admission-plugins", "default admission plug-ins that are left out")
    flags.string("audit-policy-file", "which requests are written down, and how much of them (audit.k8s.io/v1 Policy)")
    flags.string("audit-log-path", "file that requests are written to; - is the standard output")
    flags.string("audit-log-format", default: "json", "json is the only one")
    flags.int("audit-log-maxage", default: 0, "days for which old files of the audit log are kept; 0 is for ever")
    flags.int("audit-log-maxbackup", default: 0, "old files of the audit log that are kept; 0 is all")
    flags.int("audit-log-maxsize", default: 0, "megabytes after which the audit log's file is put aside; 0 is 100")
    flags.string("audit-webhook-config-file", "kubeconfig of the server that requests are told to")
    flags.int("audit-webhook-batch-max-size", default: 400, "requests that are told at once")
    flags.duration("audit-webhook-batch-max-wait", default: "30s", "time that one waits for others")
    flags.duration("audit-webhook-initial-backoff", default: "10s", "time before the first new try")
    flags.string("kubelet-client-certificate", "certificate shown to kubelets (PEM)")
    flags.string("kubelet-client-key", "key of --kubelet-client-certificate (PEM)")
    flags.string("kubelet-certificate-authority", "authorities of kubelets' certificates; any certificate is taken without it")
    flags.list(
      "kubelet-preferred-address-types", default: "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP",
      "kinds of node address to call, best first")
  }

  static func run(_ values: FlagValues) async throws {
    let logger: Logger = logger(values)
    try await serve([APIServer(configuration: try configuration(values, logger), logger: logger)], logger: logger)
  }

  /// The configuration that the flags say.
  static func configuration(_ values: FlagValues, _ logger: Logger) throws -> APIServerConfiguration {
    var configuration: APIServerConfiguration = APIServerConfiguration()
    let servers: [String] = values.list("etcd-servers")
    if servers.isEmpty {
      configuration.store = .sqlite(path: (values.string("data-dir") ?? ".") + "/store.db")
    } else {
      configuration.store = .etcd(
        servers: servers, caFile: values.string("etcd-cafile"), certFile: values.string("etcd-certfile"),
        keyFile: values.string("etcd-keyfile"), compactionInterval: values.duration("etcd-compaction-interval") ?? .seconds(300))
    }
    configuration.eventLifetime = values.duration("event-ttl") ?? .seconds(3600)
    configuration.storePrefix = values.string("etcd-prefix") ?? "/registry"
    configuration.bindAddress = values.string("bind-address") ?? "0.0.0.0"
    configuration.securePort = values.int("secure-port") ?? 6443
    configuration.advertiseAddress = values.string("advertise-address")
      ?? (["0.0.0.0", "::"].contains(configuration.bindAddress)
        ? NodeIdentity.address() ?? "127.0.0.1" : configuration.bindAddress)
    configuration.serviceRanges = (values.string("service-cluster-ip-range") ?? "").split(separator: ",").map(String.init)
    configuration.nodePorts = try nodePorts(values.string("service-node-port-range") ?? "")
    configuration.requestsInFlight = values.int("max-requests-inflight") ?? 400
    configuration.mutatingRequestsInFlight = values.int("max-mutating-requests-inflight") ?? 200
    configuration.requestTimeout = values.duration("request-timeout") ?? .seconds(60)
    configuration.enabledAdmission = values.list("enable-admission-plugins")
    configuration.disabledAdmission = values.list("disable-admission-plugins")
    configuration.kubeletClientCertificate = try file(values, "kubelet-client-certificate")
    configuration.kubeletClientKey = try file(values, "kubelet-client-key")
    configuration.kubeletCA = try file(values, "kubelet-certificate-authority")
    configuration.kubeletAddressTypes = values.list("kubelet-preferred-address-types")
    try readIdentity(values, &configuration)
    try readAudit(values, &configuration.audit)
    configuration.tls = try serving(values, configuration, logger)
    return configuration
  }

  private static func readAudit(_ values: FlagValues, _ audit: inout AuditConfiguration) throws {
    audit.policyFile = values.string("audit-policy-file")
    audit.logPath = values.string("audit-log-path")
    if values.string("audit-log-format") != "json" {
      throw FlagError(command: "apus apiserver", message: "flag --audit-log-format: json is the only format")
    }
    audit.maxAgeDays = values.int("audit-log-maxage") ?? 0
    audit.maxBackups = values.int("audit-log-maxbackup") ?? 0
    if let megabytes: Int = values.int("audit-log-maxsize"), megabytes > 0 {
      audit.maxBytes = UInt64(megabytes) << 20
    }
    audit.webhookFile = values.string("audit-webhook-config-file")
    audit.webhookBatchSize = max(1, values.int("audit-webhook-batch-max-size") ?? 400)
    audit.webhookBatchWait = values.duration("audit-webhook-batch-max-wait") ?? .seconds(30)
    audit.webhookBackoff = values.duration("audit-webhook-initial-backoff") ?? .seconds(10)
  }

  private static func readIdentity(_ values: FlagValues, _ configuration: inout APIServerConfiguration) throws {
    configuration.clientCA = try file(values, "client-ca-file")
    configuration.tokenFile = values.string("token-auth-file")
    configuration.allowsAnonymous = values.bool("anonymous-auth")
    configuration.allowsBootstrapTokens = values.bool("enable-bootstrap-token-auth")
    configuration.authorizationModes = values.list("authorization-mode")
    let issuers: [String] = values.list("service-account-issuer")
    if !issuers.isEmpty { configuration.serviceAccountIssuers = issuers }
    configuration.apiAudiences = values.list("api-audiences")
    configuration.serviceAccountKeys = try values.list("service-account-key-file").map { try text($0, "service-account-key-file") }
    if let path: String = values.string("service-account-signing-key-file") {
      configuration.serviceAccountSigningKey = try text(path, "service-account-signing-key-file")
    }
    configuration.proxyClientCertificate = try file(values, "proxy-client-cert-file")
    configuration.proxyClientKey = try file(values, "proxy-client-key-file")
    if let authority: [UInt8] = try file(values, "requestheader-client-ca-file") {
      configuration.requestHeader = RequestHeaderConfiguration(
        clientCA: authority, allowedNames: values.list("requestheader-allowed-names"),
        usernameHeaders: values.list("requestheader-username-headers"),
        uidHeaders: values.list("requestheader-uid-headers"),
        groupHeaders: values.list("requestheader-group-headers"),
        extraPrefixes: values.list("requestheader-extra-headers-prefix"))
    }
  }

  private static func nodePorts(_ text: String) throws -> ClosedRange<Int> {
    let parts: [Int] = text.split(separator: "-").compactMap { Int($0) }
    guard parts.count == 2, parts[0] <= parts[1], parts[0] > 0, parts[1] < 65536 else {
      throw FlagError(command: "apus apiserver", message: "flag --service-node-port-range takes FIRST-LAST, found \"\(text)\"")
    }
    return parts[0]...parts[1]
  }

  private static func file(_ values: FlagValues, _ flag: String) throws -> [UInt8]? {
    guard let path: String = values.string(flag), !path.isEmpty else { return nil }
    return Array(try text(path, flag).utf8)
  }

  private static func text(_ path: String, _ flag: String) throws -> String {
    do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
      throw FlagError(command: "apus apiserver", message: "flag --\(flag): cannot read \(path): \(error.localizedDescription)")
    }
  }

  private static func serving(
    _ values: FlagValues, _ configuration: APIServerConfiguration, _ logger: Logger
  ) throws -> HTTPServerTLS {
    var chain: [UInt8]
    var key: [UInt8]
    if let given: [UInt8] = try file(values, "tls-cert-file"), let givenKey: [UInt8] = try file(values, "tls-private-key-file") {
      chain = given
      key = givenKey
    } else {
      logger.warning("no --tls-cert-file: serving with a certificate that is made for this run")
      let authority: CertificateAuthority = try CertificateAuthority(commonName: "apus-apiserver-ca")
      let leaf: CertifiedKey = try authority.issue(
        CertificateSubject(commonName: "apus-apiserver", usages: [.server], dnsNames: ["localhost", "kubernetes.default.svc"]))
      chain = Array(leaf.certificatePEM.utf8)
      key = Array(leaf.keyPEM.utf8)
    }
    var authorities: [UInt8] = configuration.clientCA ?? []
    if let proxies: [UInt8] = configuration.requestHeader?.clientCA { authorities += [10] + proxies }
    return HTTPServerTLS(
      certificateChainPEM: chain, privateKeyPEM: key, clientAuthoritiesPEM: authorities.isEmpty ? nil : authorities,
      clientCertificates: authorities.isEmpty ? .none : .handedOn)
  }
}
