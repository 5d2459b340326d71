// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta

/// One pod of a StatefulSet: its name, its labels, its volumes.
struct StatefulPod: Sendable {
  let set: StatefulSet
  let ordinal: Int

  var name: String { "\(set.metadata.name)-\(ordinal)" }

  static func template(of revision: ControllerRevision) throws(KubeClientError) -> JSONValue {
    do {
      return try RevisionHistory.template(of: revision)
    } catch {
      throw KubeClientError(.invalidResponse, "the revision \(revision.key) has no template", cause: error)
    }
  }

  /// The pod that a revision's template describes.
  func document(_ template: JSONValue, revision: String) -> JSONValue {
    var metadata: JSONValue = template["metadata"]
    metadata["name"] = .string(name)
    metadata["namespace"] = .string(set.metadata.namespace)
    metadata["labels"]["statefulset.kubernetes.io/pod-name"] = .string(name)
    metadata["labels"]["apps.kubernetes.io/pod-index"] = .string(String(ordinal))
    metadata["labels"][RevisionHistory.hashLabel] = .string(revision)
    metadata["ownerReferences"] = [
      [
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": .string(set.metadata.name),
        "uid": .string(set.metadata.uid),
        "controller": true, "blockOwnerDeletion": true,
      ]
    ]
    var spec: JSONValue = template["spec"]
    spec["hostname"] = .string(name)
    if !set.spec.serviceName.isEmpty { spec["subdomain"] = .string(set.spec.serviceName) }
    let templates: [PersistentVolumeClaim] = set.spec.volumeClaimTemplates
    let names: Set<String> = Set(templates.map(\.metadata.name))
    // A claim's template goes before a volume of the same name.
    var volumes: [JSONValue] = spec["volumes"].items.filter { !names.contains($0["name"].string ?? "") }
    for claim: PersistentVolumeClaim in templates {
      volumes.append([
        "name": .string(claim.metadata.name),
        "persistentVolumeClaim": ["claimName": .string("\(claim.metadata.name)-\(name)")],
      ])
    }
    if !volumes.isEmpty { spec["volumes"] = .array(volumes) }
    return ["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec]
  }

  /// The claims that the pod needs.
  var claims: [PersistentVolumeClaim] {
    self.set.spec.volumeClaimTemplates.map { template in
      var claim: PersistentVolumeClaim = PersistentVolumeClaim()
      claim.metadata.namespace = set.metadata.namespace
      claim.metadata.name = "\(template.metadata.name)-\(name)"
      claim.metadata.labels = template.metadata.labels
      for (key, value) in set.spec.selector.matchLabels { claim.metadata.labels[key] = value }
      claim.metadata.annotations = template.metadata.annotations
      claim.spec = template.spec
      if set.spec.persistentVolumeClaimRetentionPolicy.whenDeleted == "Delete" {
        claim.metadata.ownerReferences = [MetaOwnerReference(controller: set)]
      }
      return claim
    }
  }
}
