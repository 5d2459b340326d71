// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import HTTPServing
import JSON
import KubeValues
import Logging
import NIOHTTP1
import Synchronization

/// The way of every request: who, may they, what.
struct RequestPipeline: HTTPHandler {
  let core: ServerCore
  let limits: ConcurrencyLimits

  func handle(_ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    let query: QueryParameters = QueryParameters(request.queryItems)
    let info: RequestInfo = RequestInfo(method: request.method, path: request.path, query: query)
    var call: APICall = APICall(
      request: request, response: CallResponse(response), query: query, info: info, user: .anonymous)
    if let given: String = request.headers.first(name: "audit-id"), !given.isEmpty { call.auditID = String(given.prefix(64)) }
    do {
      do { call.user = try await core.authenticator.authenticate(request) } catch {
        refuse(call)
        throw error
      }
      if let record: AuditRecord = record(of: call) { call = call.recorded(by: record, response) }
      call.record?.tell(.requestReceived)
      if request.headers.contains(name: "impersonate-user") || request.headers.contains(name: "impersonate-group")
        || request.headers.contains(name: "impersonate-uid")
      {
        call.user = try await Impersonation.user(request.headers, by: call.user, authorizer: core.authorizer)
        call.record?.impersonate(call.user)
      }
      try await authorize(call)
      try await limits.run(info, isMaster: call.user.isMaster) { [call] in try await dispatch(call) }
      core.metrics.count(info, code: 200)
    } catch {
      do { try await fail(call, error) } catch {
        call.record?.tell(.responseComplete)
        throw error
      }
    }
    call.record?.tell(.responseComplete)
  }

  private func authorize(_ call: APICall) async throws {
    if call.user.isMaster {
      call.record?.authorize(true, "")
      return
    }
    let attributes: AuthorizationAttributes = AuthorizationAttributes(user: call.user, info: call.info)
    let decision: AuthorizationDecision = await core.authorizer.decide(attributes)
    call.record?.authorize(decision.isAllowed, decision.reason)
    if !decision.isAllowed { throw attributes.refusal(decision.reason) }
  }

  // MARK: the audit

  private func record(of call: APICall) -> AuditRecord? {
    guard let audit: Audit = core.audit else { return nil }
    let decision: AuditDecision = audit.policy.decision(call.user, call.info)
    guard decision.level > .none else { return nil }
    return AuditRecord(
      decision, call.request, call.info, call.user, id: call.auditID, received: call.now, sink: audit)
  }

  private func refuse(_ call: APICall) {
    let hasToken: Bool = call.request.headers.contains(name: "authorization")
    record(of: call)?.refuse(
      hasToken ? "Authentication failed, attempted: bearer" : "Authentication failed, no credentials provided")
  }

  private func fail(_ call: APICall, _ error: any Error) async throws {
    if error is CancellationError { return }
    // The answer has begun: only cutting it tells the caller.
    if call.response.hasBegun { throw error }
    let status: StatusError
    if let known: StatusError = error as? StatusError {
      status = known
    } else {
      core.logger.error("\(call.request.method) \(call.info.path): \(error)")
      status = .internalError("\(error)")
    }
    core.metrics.count(call.info, code: status.code)
    try await call.answer(status)
  }

  private func dispatch(_ call: APICall) async throws {
    let info: RequestInfo = call.info
    if let elsewhere: AggregatedRequest = core.aggregation.handler(for: info) { return try await elsewhere.run(call) }
    guard info.isResource else { return try await NonResourcePaths(core: core).handle(call) }
    let identifier: GroupVersionResource = GroupVersionResource(info.group, info.version, info.resource)
    guard let resource: ServedResource = core.registry[identifier] else {
      if CustomRequests.isUnknown(info, core) { return try await CustomRequests.answerUnknown(call) }
      throw ResourceEndpoint.unknownPath
    }
    try await ResourceEndpoint(core: core, resource: resource, call: call).run()
  }
}

/// Bounds how many requests run at a time, for reads and writes apart; watches and streams are not counted.
final class ConcurrencyLimits: Sendable {
  /// Requests that wait for their turn, a multiple of those that run.
  private static let queueFactor: Int = 10

  private struct Lane {
    var free: Int
    var queueLimit: Int
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let reads: Mutex<Lane>
  private let writes: Mutex<Lane>

  init(reads: Int, writes: Int) {
    self.reads = Mutex(Lane(free: reads, queueLimit: reads * Self.queueFactor))
    self.writes = Mutex(Lane(free: writes, queueLimit: writes * Self.queueFactor))
  }

  func run(_ info: RequestInfo, isMaster: Bool, _ work: () async throws -> Void) async throws {
    let isLong: Bool =
      info.verb == "watch" || ["log", "exec", "attach", "portforward", "proxy"].contains(info.subresource)
    // Administrators must get in when everything else is stuck.
    if isLong || isMaster { return try await work() }
    let isRead: Bool = ["get", "list"].contains(info.verb) || !info.isResource
    try await enter(isRead)
    do { try await work() } catch {
      leave(isRead)
      throw error
    }
    leave(isRead)
  }

  private func enter(_ isRead: Bool) async throws {
    if try withLane(isRead, { try Self.take(&$0) }) { return }
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let isFree: Bool = withLane(isRead) { lane in
        if lane.free > 0 {
          lane.free -= 1
          return true
        }
        lane.waiters.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private static func take(_ lane: inout Lane) throws -> Bool {
    if lane.free > 0 {
      lane.free -= 1
      return true
    }
    guard lane.waiters.count < lane.queueLimit else {
      throw StatusError(
        code: 429, reason: "TooManyRequests", message: "Too many requests, please try again later.",
        retryAfterSeconds: 1)
    }
    return false
  }

  private func leave(_ isRead: Bool) {
    let next: CheckedContinuation<Void, Never>? = withLane(isRead) { lane in
      if lane.waiters.isEmpty {
        lane.free += 1
        return nil
      }
      return lane.waiters.removeFirst()
    }
    next?.resume()
  }

  private func withLane<Result>(_ isRead: Bool, _ body: (inout Lane) throws -> Result) rethrows -> Result {
    if isRead {
      return try reads.withLock { (lane: inout Lane) throws -> Result in try body(&lane) }
    }
    return try writes.withLock { (lane: inout Lane) throws -> Result in try body(&lane) }
  }
}
