// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeMeta
import KubeValues
import SwiftProtobuf

/// Understands objects' metadata in JSON, for servers that cannot give `PartialObjectMetadata` as protobuf.
enum MetadataDecoding {
  private static func object<Object: KubeMessage>(
    _ type: Object.Type, _ value: JSONValue
  ) throws(KubeClientError) -> Object {
    guard Object.self is MetaPartialObjectMetadata.Type else {
      throw KubeClientError(.invalidResponse, "the server gives a \(Object.protoMessageName) only as JSON")
    }
    var object: Object = Object()
    object.metadata = metadata(value["metadata"])
    return object
  }

  /// A list of metadata.
  static func list<Object: KubeMessage>(
    _ type: Object.Type, _ body: [UInt8]
  ) throws(KubeClientError) -> ObjectList<Object> {
    let list: JSONValue = try KubeClient.json(body)
    var items: [Object] = []
    for item: JSONValue in list["items"].items { items.append(try object(type, item)) }
    return ObjectList(
      items: items, resourceVersion: list["metadata"]["resourceVersion"].string ?? "",
      continueToken: list["metadata"]["continue"].string ?? "")
  }

  /// One event of a watch.
  static func event<Object: KubeMessage>(
    _ type: Object.Type, _ line: [UInt8]
  ) throws(KubeClientError) -> WatchEvent<Object> {
    let event: JSONValue = try KubeClient.json(line)
    switch event["type"].string {
    case "ADDED": return .added(try object(type, event["object"]))
    case "MODIFIED": return .modified(try object(type, event["object"]))
    case "DELETED": return .deleted(try object(type, event["object"]))
    case "BOOKMARK": return .bookmark(resourceVersion: event["object"]["metadata"]["resourceVersion"].string ?? "")
    case "ERROR":
      let status: MetaStatus = StatusDecoding.status(event["object"])
      throw KubeClientError(.status, status.message, status: status)
    default: throw KubeClientError(.invalidResponse, "the watch has an event of an unknown type")
    }
  }

  private static func metadata(_ value: JSONValue) -> MetaObjectMeta {
    var metadata: MetaObjectMeta = MetaObjectMeta()
    metadata.name = value["name"].string ?? ""
    metadata.namespace = value["namespace"].string ?? ""
    metadata.uid = value["uid"].string ?? ""
    metadata.resourceVersion = value["resourceVersion"].string ?? ""
    metadata.generation = value["generation"].int ?? 0
    if let time: MetaTime = time(value["creationTimestamp"]) { metadata.creationTimestamp = time }
    if let time: MetaTime = time(value["deletionTimestamp"]) { metadata.deletionTimestamp = time }
    if let seconds: Int64 = value["deletionGracePeriodSeconds"].int { metadata.deletionGracePeriodSeconds = seconds }
    for (key, text) in value["labels"].object ?? JSONObject() { metadata.labels[key] = text.string ?? "" }
    for (key, text) in value["annotations"].object ?? JSONObject() { metadata.annotations[key] = text.string ?? "" }
    metadata.finalizers = value["finalizers"].items.compactMap(\.string)
    metadata.ownerReferences = value["ownerReferences"].items.map { owner in
      var reference: MetaOwnerReference = MetaOwnerReference()
      reference.apiVersion = owner["apiVersion"].string ?? ""
      reference.kind = owner["kind"].string ?? ""
      reference.name = owner["name"].string ?? ""
      reference.uid = owner["uid"].string ?? ""
      if let isController: Bool = owner["controller"].bool { reference.controller = isController }
      if let blocks: Bool = owner["blockOwnerDeletion"].bool { reference.blockOwnerDeletion = blocks }
      return reference
    }
    return metadata
  }

  private static func time(_ value: JSONValue) -> MetaTime? {
    // What is no time counts as none.
    guard let text: String = value.string, let time: Timestamp = try? Timestamp(parsing: text) else { return nil }
    return MetaTime(time)
  }
}
