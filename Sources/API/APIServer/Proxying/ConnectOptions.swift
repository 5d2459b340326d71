// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import JSON

extension ResourceEndpoint {
  /// Asks admission whether a connection may be opened. Its object is what the call asks for (PodExecOptions and the like).
  func admitConnection() async throws {
    let request: AdmissionRequest = AdmissionRequest(.connect, self, object: connectOptions, old: nil, isDryRun: false)
    _ = try await core.admission.admit(request)
    try await core.admission.validate(request)
  }

  private var connectOptions: JSONValue {
    guard let kind: GroupVersionKind = resource.definition.subresource(info.subresource)?.kind else { return .null }
    var options: JSONValue = ["kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion)]
    let query: QueryParameters = call.query
    switch info.subresource {
    case "exec", "attach":
      for name: String in ["stdin", "stdout", "stderr", "tty"] where query.flag(name) { options[name] = true }
      if let container: String = query["container"], !container.isEmpty { options["container"] = .string(container) }
      if info.subresource == "exec" { options["command"] = JSONValue(query.all("command")) }
    case "portforward":
      let ports: [JSONValue] = query.all("ports").flatMap { $0.split(separator: ",") }.compactMap { Int64($0).map { .int($0) } }
      if !ports.isEmpty { options["ports"] = .array(ports) }
    default:
      if !info.rest.isEmpty { options["path"] = .string(info.rest) }
    }
    return options
  }
}
