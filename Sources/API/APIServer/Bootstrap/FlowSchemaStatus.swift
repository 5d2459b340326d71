// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// Tells in flow schemas whether the priority levels that they name are there.
enum FlowSchemaStatus {
  static let group: String = "flowcontrol.apiserver.k8s.io"
  static let manager: String = "api-priority-and-fairness-config-consumer-v1"
  private static let writes: Set<String> = ["create", "update", "patch", "delete", "deletecollection"]

  /// After a request that may have changed what is there.
  static func follow(_ info: RequestInfo, _ core: ServerCore) async {
    guard info.group == group, info.subresource.isEmpty, writes.contains(info.verb) else { return }
    // The caller has his answer; what fails here is tried again after the next write.
    try? await refresh(core)
  }

  private static func refresh(_ core: ServerCore) async throws {
    guard let schemas: ObjectStorage = core.registry.storage(group, "flowschemas"),
      let levels: ObjectStorage = core.registry.storage(group, "prioritylevelconfigurations")
    else { return }
    let names: Set<String> = Set(try await levels.objects().map(\.objectName))
    for schema: JSONValue in try await schemas.objects() {
      let level: String = schema["spec"]["priorityLevelConfiguration"]["name"].string ?? ""
      let wanted: JSONValue = FlowControlDefaults.status(
        of: schema, isThere: names.contains(level), now: Timestamp.now.rfc3339)
      let known: JSONValue = schema["status"]["conditions"].items.first { $0["type"] == "Dangling" } ?? .null
      if known["message"] == wanted["status"]["conditions"][0]["message"] { continue }
      do {
        try await InternalClient(core: core).apply(group, "flowschemas", wanted, subresource: "status", manager: manager)
      } catch is StatusError {
        // What is gone meanwhile needs no status.
      }
    }
  }
}
