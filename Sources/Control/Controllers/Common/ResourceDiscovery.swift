// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient

/// The resources that the server has at the moment, with their verbs.
struct ResourceDiscovery: Sendable {
  /// One resource, at its group's preferred version.
  struct Found: Sendable, Hashable {
    var type: ResourceType
    var verbs: Set<String>
  }

  let client: KubeClient

  /// A group-version whose server does not answer.
  struct Failure: Sendable {
    var group: String
    var version: String
    var error: KubeClientError

    /// As upstream's clients tell of it.
    var description: String {
      let reason: String = error.httpStatus == 503 ? "the server is currently unable to handle the request" : "\(error)"
      return "\(group.isEmpty ? version : "\(group)/\(version)"): \(reason)"
    }
  }

  /// All resources, one version each; a group-version whose server does not answer is among the failures.
  func resources() async throws(KubeClientError) -> (found: [Found], failures: [Failure]) {
    var found: [Found] = []
    var failures: [Failure] = []
    var versions: [(group: String, version: String)] = []
    let core: JSONValue = try await client.document("/api")
    for version: JSONValue in core["versions"].items { versions.append(("", version.string ?? "v1")) }
    let groups: JSONValue = try await client.document("/apis")
    for group: JSONValue in groups["groups"].items {
      guard let name: String = group["name"].string else { continue }
      // The preferred version first; a resource that only another version has is found there.
      var all: [String] = group["versions"].items.compactMap { $0["version"].string }
      if let preferred: String = group["preferredVersion"]["version"].string {
        all.removeAll { $0 == preferred }
        all.insert(preferred, at: 0)
      }
      for version: String in all { versions.append((name, version)) }
    }
    var seen: Set<String> = []
    for (group, version) in versions {
      let path: String = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
      let list: JSONValue
      do throws(KubeClientError) {
        list = try await client.document(path)
      } catch {
        failures.append(Failure(group: group, version: version, error: error))
        continue
      }
      for resource: JSONValue in list["resources"].items {
        guard let name: String = resource["name"].string, !name.contains("/"),
          let kind: String = resource["kind"].string,
          seen.insert("\(name).\(group)").inserted
        else { continue }
        let type: ResourceType = ResourceType(
          group: group, version: version, plural: name, kind: kind, isNamespaced: resource["namespaced"].bool ?? false)
        found.append(Found(type: type, verbs: Set(resource["verbs"].items.compactMap(\.string))))
      }
    }
    return (found, failures)
  }
}
