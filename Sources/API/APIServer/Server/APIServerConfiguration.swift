// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import HTTPServing

/// What an API server is told.
public struct APIServerConfiguration: Sendable {
  /// Where objects are kept.
  public enum StoreChoice: Sendable {
    /// One file; the folder is made when it is not there.
    case sqlite(path: String)
    /// An etcd, by the URLs of its members, with PEM files where it asks for TLS.
    case etcd(servers: [String], caFile: String?, certFile: String?, keyFile: String?, compactionInterval: Duration)
    /// Memory alone, for tests.
    case memory
  }

  /// Where objects are kept.
  public var store: StoreChoice = .memory
  /// The first part of every key in the store.
  public var storePrefix: String = "/registry"
  /// How long Events are kept.
  public var eventLifetime: Duration = .seconds(3600)
  /// Where to listen.
  public var bindAddress: String = "0.0.0.0"
  /// The port; 0 lets the kernel choose.
  public var securePort: Int = 6443
  /// The address that other machines reach this server at; it becomes the endpoint of the `kubernetes` Service.
  public var advertiseAddress: String = "127.0.0.1"
  /// The serving certificate and its key.
  public var tls: HTTPServerTLS?
  /// The authorities of client certificates (PEM).
  public var clientCA: [UInt8]?
  /// The file of static tokens: `token,user,uid,"group1,group2"` a line.
  public var tokenFile: String?
  /// Whether requests without credentials are anonymous ones instead of refused.
  public var allowsAnonymous: Bool = true
  /// Whether tokens of Secrets in kube-system are taken (`--enable-bootstrap-token-auth`).
  public var allowsBootstrapTokens: Bool = false
  /// Node, RBAC, AlwaysAllow, AlwaysDeny.
  public var authorizationModes: [String] = ["AlwaysAllow"]
  /// The issuers of service account tokens, the first of new ones.
  public var serviceAccountIssuers: [String] = ["https://kubernetes.default.svc.cluster.local"]
  /// Keys (PEM) that verify service account tokens: public, private or certificates.
  public var serviceAccountKeys: [String] = []
  /// The key (PEM) that signs them.
  public var serviceAccountSigningKey: String?
  /// The audiences of this server; the issuers when empty.
  public var apiAudiences: [String] = []
  /// The ranges of Services' addresses, one or one of each family.
  public var serviceRanges: [String] = ["10.0.0.0/24"]
  /// The ports that Services may open on nodes.
  public var nodePorts: ClosedRange<Int> = 30000...32767
  /// Admission plug-ins beside the default ones.
  public var enabledAdmission: [String] = []
  /// Default admission plug-ins that are left out.
  public var disabledAdmission: [String] = []
  /// The certificate and key with which kubelets are called.
  public var kubeletClientCertificate: [UInt8]?
  /// The key of `kubeletClientCertificate`.
  public var kubeletClientKey: [UInt8]?
  /// The authorities of kubelets' certificates; nil takes any certificate.
  public var kubeletCA: [UInt8]?
  /// The kinds of node address to call, best first.
  public var kubeletAddressTypes: [String] = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"]
  /// The certificate (PEM) that this server shows to other API servers behind it.
  public var proxyClientCertificate: [UInt8]?
  /// The key of `proxyClientCertificate`.
  public var proxyClientKey: [UInt8]?
  /// The authorities of front proxies, and what they may say.
  public var requestHeader: RequestHeaderConfiguration?
  /// What is written down of requests.
  public var audit: AuditConfiguration = AuditConfiguration()
  /// Read requests at a time, without watches.
  public var requestsInFlight: Int = 400
  /// Write requests at a time.
  public var mutatingRequestsInFlight: Int = 200
  /// How long a request may take, but for watches and the like.
  public var requestTimeout: Duration = .seconds(60)
  /// The public address for discovery of the token issuer.
  public var externalHost: String = ""

  /// A configuration with upstream's defaults.
  public init() {}
}

/// What is written down of requests, and where.
public struct AuditConfiguration: Sendable {
  /// The file of the policy (`audit.k8s.io/v1`); nothing is written down without one.
  public var policyFile: String?
  /// The file that events are written to; `-` is the standard output.
  public var logPath: String?
  /// The size at which the file is put aside.
  public var maxBytes: UInt64 = 100 << 20
  /// So many files that were put aside are kept; all of them when zero.
  public var maxBackups: Int = 0
  /// So many days files that were put aside are kept; for ever when zero.
  public var maxAgeDays: Int = 0
  /// The kubeconfig of the server that events are sent to.
  public var webhookFile: String?
  /// So many events are sent at once.
  public var webhookBatchSize: Int = 400
  /// So long an event waits for others at most.
  public var webhookBatchWait: Duration = .seconds(30)
  /// The time before events are sent again that were not taken.
  public var webhookBackoff: Duration = .seconds(10)

  /// Nothing is written down.
  public init() {}
}

/// What a front proxy may say about its callers.
public struct RequestHeaderConfiguration: Sendable {
  /// The authorities of its certificate (PEM).
  public var clientCA: [UInt8]
  /// The names that its certificate may have; any when empty.
  public var allowedNames: [String]
  /// Headers with the user's name.
  public var usernameHeaders: [String]
  /// Headers with the user's identifier.
  public var uidHeaders: [String]
  /// Headers with groups.
  public var groupHeaders: [String]
  /// Beginnings of headers with further facts.
  public var extraPrefixes: [String]

  /// A configuration.
  public init(
    clientCA: [UInt8], allowedNames: [String] = [], usernameHeaders: [String] = ["X-Remote-User"], uidHeaders: [String] = [],
    groupHeaders: [String] = ["X-Remote-Group"], extraPrefixes: [String] = ["X-Remote-Extra-"]
  ) {
    self.clientCA = clientCA
    self.allowedNames = allowedNames
    self.usernameHeaders = usernameHeaders
    self.uidHeaders = uidHeaders
    self.groupHeaders = groupHeaders
    self.extraPrefixes = extraPrefixes
  }
}

/// What keeps an API server from starting.
public struct APIServerError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Hashable {
    /// A flag, file or key cannot be used.
    case invalidConfiguration
    /// The store cannot be opened.
    case store
  }

  /// The kind.
  public var code: Code
  /// What failed, on what, and what to do.
  public var message: String

  /// Makes an error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
