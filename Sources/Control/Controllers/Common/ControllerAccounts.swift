// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// The clients of the controllers: each as its own service account of `kube-system`, with a token that is renewed.
///
/// The default roles give every controller's account the rights that it needs, and the process as a whole little more
/// than to read everything and to ask for such tokens.
struct ControllerAccounts {
  /// How long a token is valid, as upstream asks for.
  static let tokenSeconds: Int64 = 3607

  private let client: KubeClient
  private let anonymous: KubeClient?

  init(_ client: KubeClient, isUsed: Bool) throws(KubeClientError) {
    self.client = client
    guard isUsed else {
      anonymous = nil
      return
    }
    var configuration: ClientConfiguration = client.configuration
    configuration.clientCertificatePEM = nil
    configuration.clientKeyPEM = nil
    configuration.token = nil
    configuration.tokenFile = nil
    anonymous = try KubeClient(configuration: configuration, logger: client.logger)
  }

  /// The client of one account.
  func client(for account: String) -> KubeClient {
    guard let anonymous else { return client }
    let source: TokenSource = TokenSource(client: client, account: account)
    return anonymous.authenticating { () async throws(KubeClientError) -> String in try await source.token() }
  }
}

/// One account's token; it is asked for when it is first needed, and again when most of its time is over.
private actor TokenSource {
  private static let namespace: String = "kube-system"

  private let client: KubeClient
  private let account: String
  private var current: (text: String, renewAt: ContinuousClock.Instant)?
  private var pending: Task<String, any Error>?

  init(client: KubeClient, account: String) {
    self.client = client
    self.account = account
  }

  func token() async throws(KubeClientError) -> String {
    if let current, current.renewAt > .now { return current.text }
    // Several requests at once wait for the same token.
    let request: Task<String, any Error>
    if let pending {
      request = pending
    } else {
      request = Task { [client, account] in try await Self.request(client, account) }
      pending = request
    }
    let result: Result<String, any Error> = await request.result
    pending = nil
    do {
      let text: String = try result.get()
      current = (text, .now + .seconds(ControllerAccounts.tokenSeconds * 3 / 4))
      return text
    } catch {
      throw error as? KubeClientError ?? KubeClientError(.connection, "cannot get a token for \(account)", cause: error)
    }
  }

  private static func request(_ client: KubeClient, _ account: String) async throws -> String {
    do throws(KubeClientError) {
      return try await requestToken(client, account)
    } catch {
      guard error.isNotFound else { throw error }
    }
    var missing: ServiceAccount = ServiceAccount()
    missing.metadata.namespace = namespace
    missing.metadata.name = account
    do throws(KubeClientError) {
      try await client.create(missing)
    } catch {
      guard error.isAlreadyExists else { throw error }
    }
    return try await requestToken(client, account)
  }

  private static func requestToken(_ client: KubeClient, _ account: String) async throws(KubeClientError) -> String {
    var request: AuthenticationTokenRequest = AuthenticationTokenRequest()
    request.spec.expirationSeconds = ControllerAccounts.tokenSeconds
    return try await client.request(
      request, on: ServiceAccount.resource, namespace: namespace, name: account, subresource: "token"
    ).status.token
  }
}
