// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import NIOCore
import NIOHTTP1
import Synchronization

// watch.
extension ResourceEndpoint {
  /// Upstream's least time of a watch without a timeout; the real one is up to twice as long.
  private static let minimumTimeout: Int = 1800

  func watch() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let parameters: ListParameters = try ListParameters(call.query, resource: resource, name: info.name, isWatch: true)
    let request: WatchRequest = try watchRequest(parameters)
    let encoder: WatchEncoder = WatchEncoder(
      resource: resource, form: form, includes: call.query["includeObject"] ?? "Metadata", now: call.now)
    let timeout: Duration = parameters.timeout ?? .seconds(Self.minimumTimeout + Int.random(in: 0...Self.minimumTimeout))
    let selection: ConvertedSelection? = ConvertedSelection(resource, parameters.fields)
    if let selection, case .after(let revision) = request.start {
      let present: ListResult = try await storage().list(
        ListRequest(namespace: request.namespace, freshness: .exact(revision)), matching: parameters.labelMatches)
      try await selection.begin(present.objects)
    }
    let events: WatchStream = try await storage().watch(
      request, matching: selection == nil ? parameters.matches : parameters.labelMatches)
    defer { events.cancel() }
    if WebSocketAnswer.isWanted(by: call) {
      return try await WebSocketAnswer(call, choosing: WebSocketAnswer.onlyProtocol).run { socket in
        try await Self.follow(events, selection, encoder, timeout, apart: true) { event in
          if encoder.isText { try await socket.send(text: event) } else { try await socket.send(bytes: event) }
        }
      }
    }
    let response: CallResponse = call.response
    try await response.begin(status: .ok, headers: call.headers(contentType: encoder.contentType))
    try await Self.follow(events, selection, encoder, timeout, apart: false) { try await response.write($0) }
    try await response.finish()
  }

  /// Writes events as they come until the time is over: those that came together at once, or each apart.
  private static func follow(
    _ events: WatchStream, _ selection: ConvertedSelection?, _ encoder: WatchEncoder, _ timeout: Duration, apart: Bool,
    _ write: @escaping @Sendable (ByteBuffer) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          while let batch: [WatchEvent] = try await events.next() {
            var buffer: ByteBuffer = ByteBuffer()
            for event: WatchEvent in batch {
              var shown: WatchEvent = event
              if let selection {
                guard let selected: WatchEvent = try await selection.event(event) else { continue }
                shown = selected
              }
              try await encoder.encode(shown, into: &buffer)
              guard apart else { continue }
              try await write(buffer)
              buffer.clear()
            }
            if !apart { try await write(buffer) }
          }
        } catch let error as StoreError {
          // The watch began, so that the error is its last event.
          try await write(ByteBuffer(bytes: encoder.encode(StorageErrors.watchError(error))))
        } catch let error as StatusError {
          // An object that cannot be shown, as its conversion fails.
          try await write(ByteBuffer(bytes: encoder.encode(error)))
        } catch is CancellationError {}
      }
      group.addTask { try? await Task.sleep(for: timeout) }
      try await group.next()
      group.cancelAll()
    }
  }

  private func watchRequest(_ parameters: ListParameters) throws -> WatchRequest {
    let start: WatchRequest.Start
    let text: String = parameters.resourceVersion
    if parameters.sendInitialEvents == true {
      let revision: Revision = text.isEmpty ? -1 : try ListParameters.revision(text)
      start = .initialEvents(revision < 0 ? .newest : revision == 0 ? .any : .notOlderThan(revision))
    } else if text.isEmpty || text == "0" {
      // Upstream's oldest habit: a watch from nowhere begins with what is there.
      start = parameters.sendInitialEvents == false ? .now : .initialEvents(text.isEmpty ? .newest : .any)
    } else {
      start = .after(try ListParameters.revision(text))
    }
    return WatchRequest(
      namespace: namespace.isEmpty ? nil : namespace, name: parameters.name, start: start,
      sendsBookmarks: parameters.allowsBookmarks,
      marksInitialEventsEnd: parameters.sendInitialEvents == true && parameters.allowsBookmarks)
  }
}

/// Writes watch events in the form that the caller reads.
final class WatchEncoder: Sendable {
  private let resource: ServedResource
  private let form: NegotiatedAnswer
  private let includes: String
  private let now: Timestamp
  private let showedColumns: Mutex<Bool> = Mutex(false)

  init(resource: ServedResource, form: NegotiatedAnswer, includes: String, now: Timestamp) {
    self.resource = resource
    self.form = form
    self.includes = includes
    self.now = now
  }

  var contentType: String {
    switch form.encoding {
    case .json: "application/json"
    case .yaml: "application/yaml;stream=watch"
    case .protobuf: isProtobuf ? "application/vnd.kubernetes.protobuf;stream=watch" : "application/json"
    }
  }

  var isText: Bool { !isProtobuf }

  /// Whether events are protobuf frames; tables have no such form.
  private var isProtobuf: Bool {
    if case .table = form.form { return false }
    return form.encoding == .protobuf
  }

  func encode(_ event: WatchEvent, into buffer: inout ByteBuffer) async throws {
    switch event {
    case .added(let object): try await write("ADDED", object, &buffer)
    case .modified(let object): try await write("MODIFIED", object, &buffer)
    case .deleted(let object): try await write("DELETED", object, &buffer)
    case .bookmark(let revision, let ends):
      var value: JSONValue = [
        "kind": .string(resource.kind.kind), "apiVersion": .string(resource.kind.apiVersion),
        "metadata": ["resourceVersion": .string(String(revision))],
      ]
      if ends { value["metadata"]["annotations"] = ["k8s.io/initial-events-end": "true"] }
      if resource.schema.isBuiltIn { value = resource.schema.normalized(value) }
      try write("BOOKMARK", value, &buffer)
    }
  }

  private func write(_ type: String, _ object: CachedObject, _ buffer: inout ByteBuffer) async throws {
    let json: [UInt8] = try await resource.served(object)
    if form.form == .object {
      switch form.encoding {
      case .json:
        buffer.writeString("{\"type\":\"\(type)\",\"object\":")
        buffer.writeBytes(json.last == 10 ? json.dropLast() : json[...])
        buffer.writeString("}\n")
        return
      case .protobuf:
        let bytes: [UInt8] = try await resource.protobuf(object)
        buffer.writeBytes(KindSchema.protobufWatchFrame(type: type, object: bytes))
        return
      case .yaml: break
      }
    }
    if form.encoding == .json, form.form == .partial || form.form == .partialList {
      let start: Int = buffer.writerIndex
      buffer.writeString("{\"type\":\"\(type)\",\"object\":")
      if MetadataSlice.write(json, into: &buffer) {
        buffer.writeString("}\n")
        return
      }
      buffer.moveWriterIndex(to: start)
    }
    try write(type, try JSONValue(parsing: json), &buffer)
  }

  private func write(_ type: String, _ object: JSONValue, _ buffer: inout ByteBuffer) throws {
    var shown: JSONValue = object
    var schema: KindSchema? = resource.schema
    switch form.form {
    case .object: break
    case .table(let version):
      let isFirst: Bool = showedColumns.withLock { shown in
        defer { shown = true }
        return !shown
      }
      let rows: [JSONValue] = [object]
      shown = Tables.table(
        rows, of: resource, metadata: ["resourceVersion": .string(object.objectResourceVersion)], version: version,
        includes: includes, now: now, showsColumns: isFirst)
      if type == "BOOKMARK" { shown["rows"][0]["cells"] = .array([]) }
      schema = nil
    case .partial, .partialList:
      shown = Tables.partial(object, typed: true)
      schema = MetaSchemas.partial
    }
    buffer.writeBytes(frame(type, shown, schema))
  }

  /// An error as the last event.
  func encode(_ error: StatusError) -> [UInt8] {
    frame("ERROR", error.status, MetaSchemas.status)
  }

  private func frame(_ type: String, _ object: JSONValue, _ schema: KindSchema?) -> [UInt8] {
    if isProtobuf, let bytes: [UInt8] = schema?.encodeProtobuf(object) {
      return KindSchema.protobufWatchFrame(type: type, object: bytes)
    }
    let event: JSONValue = ["type": .string(type), "object": object]
    return event.bytes + [10]
  }
}
