// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import HTTPServing
import JSON
import KubeValues
import NIOHTTP1
import Synchronization

/// What is written down of one request, as it goes on.
final class AuditRecord: Sendable {
  private struct State {
    var event: JSONValue
    var hasStarted: Bool = false
  }

  private let decision: AuditDecision
  private let info: RequestInfo
  private let sink: any AuditSink
  private let state: Mutex<State>

  init(
    _ decision: AuditDecision, _ request: HTTPRequest, _ info: RequestInfo, _ user: UserInfo, id: String, received: Timestamp,
    sink: any AuditSink
  ) {
    self.decision = decision
    self.info = info
    self.sink = sink
    var event: JSONValue = [
      "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": .string(decision.level.name), "auditID": .string(id),
      "stage": "", "requestURI": .string(request.target), "verb": .string(info.verb), "user": user.json,
      "sourceIPs": JSONValue(Self.sources(request)),
    ]
    if let agent: String = request.headers.first(name: "user-agent") { event["userAgent"] = .string(agent) }
    if info.isResource { event["objectRef"] = Self.reference(info) }
    event["requestReceivedTimestamp"] = .string(received.rfc3339Micro)
    state = Mutex(State(event: event))
  }

  private static func sources(_ request: HTTPRequest) -> [String] {
    var all: [String] = request.headers[canonicalForm: "x-forwarded-for"].map(String.init)
    if let real: String = request.headers.first(name: "x-real-ip"), !all.contains(real) { all.append(real) }
    if !request.remoteAddress.isEmpty, all.last != request.remoteAddress { all.append(request.remoteAddress) }
    return all
  }

  private static func reference(_ info: RequestInfo) -> JSONValue {
    var reference: JSONObject = JSONObject()
    for (key, value) in [
      ("resource", info.resource), ("namespace", info.namespace), ("name", info.name), ("apiGroup", info.group),
      ("apiVersion", info.version), ("subresource", info.subresource),
    ] where !value.isEmpty { reference[key] = .string(value) }
    return .object(reference)
  }

  // MARK: what happens

  func impersonate(_ user: UserInfo) { state.withLock { $0.event["impersonatedUser"] = user.json } }

  func authorize(_ isAllowed: Bool, _ reason: String) {
    state.withLock { state in
      state.event["annotations"]["authorization.k8s.io/decision"] = isAllowed ? "allow" : "forbid"
      state.event["annotations"]["authorization.k8s.io/reason"] = .string(reason)
    }
  }

  /// The request's body was read.
  func hear(body: [UInt8], contentType: String?) {
    guard info.isResource, let object: JSONValue = Self.object(body, contentType) else { return }
    state.withLock { state in
      if object["metadata"].object != nil, info.verb != "patch" {
        for key: String in ["name", "namespace", "uid", "resourceVersion"]
        where state.event["objectRef"][key].isNull && object["metadata"][key].string?.isEmpty == false {
          state.event["objectRef"][key] = object["metadata"][key]
        }
      }
      if decision.level >= .request { state.event["requestObject"] = shown(object) }
    }
  }

  /// The answer was begun; what follows of it may be without an end.
  func begin(_ status: HTTPResponseStatus) {
    state.withLock { state in
      state.event["responseStatus"] = ["metadata": .object(JSONObject()), "code": .int(Int64(status.code))]
      state.hasStarted = true
    }
    if info.isLongRunning { tell(.responseStarted) }
  }

  /// The answer was sent.
  func answer(_ status: HTTPResponseStatus, _ body: [UInt8], contentType: String?) {
    let isShort: Bool = body.count < 4096
    let object: JSONValue? = decision.level >= .requestResponse || isShort ? Self.object(body, contentType) : nil
    state.withLock { state in
      var told: JSONValue = ["metadata": .object(JSONObject())]
      if let object, object["kind"].string == "Status", object["apiVersion"].string == "v1" {
        for key: String in ["status", "message", "reason", "details"] where !object[key].isNull { told[key] = object[key] }
      }
      told["code"] = .int(Int64(status.code))
      state.event["responseStatus"] = told
      if decision.level >= .requestResponse, info.isResource, let object { state.event["responseObject"] = shown(object) }
    }
  }

  /// Writes down where the request stands.
  func tell(_ stage: AuditStage) {
    guard !decision.omittedStages.contains(stage) else { return }
    var event: JSONValue = state.withLock { $0.event }
    event["stage"] = .string(stage.rawValue)
    event["stageTimestamp"] = .string(Timestamp.now.rfc3339Micro)
    sink.write(Self.ordered(event))
  }

  /// Authentication failed: the only thing to tell.
  func refuse(_ message: String) {
    state.withLock { state in
      state.event["user"] = .object(JSONObject())
      state.event["responseStatus"] = [
        "metadata": .object(JSONObject()), "status": "Failure", "message": .string(message), "reason": "Unauthorized", "code": 401,
      ]
    }
    tell(.responseStarted)
  }

  // MARK: forms

  /// An object in a body; nil where the body has none.
  private static func object(_ body: [UInt8], _ contentType: String?) -> JSONValue? {
    if let known: JSONValue = SchemaRegistry.builtIn.decodeEnvelope(body) { return known }
    if let value: JSONValue = try? JSONValue(parsing: body) { return value }
    guard contentType?.contains("yaml") == true,
      case .yaml(let value, _)? = try? RequestBodyReader.read(body, contentType: "application/yaml", kind: "")
    else { return nil }
    return value
  }

  private func shown(_ object: JSONValue) -> JSONValue {
    guard decision.omitsManagedFields else { return object }
    var object: JSONValue = object
    if object["metadata"].object != nil { object["metadata"]["managedFields"] = .null }
    if case .array(let items) = object["items"] {
      object["items"] = .array(
        items.map { item in
          guard item["metadata"].object != nil else { return item }
          var item: JSONValue = item
          item["metadata"]["managedFields"] = .null
          return item
        })
    }
    return object
  }

  /// The members in upstream's order.
  private static func ordered(_ event: JSONValue) -> JSONValue {
    let keys: [String] = [
      "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser", "sourceIPs",
      "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject", "requestReceivedTimestamp",
      "stageTimestamp", "annotations",
    ]
    var members: JSONObject = JSONObject()
    for key: String in keys where !event[key].isNull { members[key] = event[key] }
    return .object(members)
  }
}

extension RequestInfo {
  /// Whether the answer can take as long as the caller likes.
  var isLongRunning: Bool {
    verb == "watch" || ["log", "exec", "attach", "portforward", "proxy"].contains(subresource)
  }
}
