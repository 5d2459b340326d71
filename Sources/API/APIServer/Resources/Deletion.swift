// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import KubeValues

/// What a deletion does to an object: marks it, changes its finalizers, or removes it.
///
/// This is upstream's registry.Store.Delete as a decision without I/O.
struct Deletion: Sendable {
  /// What is to be done.
  enum Step: Sendable {
    /// Nothing: it is being deleted already.
    case nothing
    /// Write the object.
    case update(JSONValue)
    /// Remove it, after the (unwritten) changes.
    case remove(JSONValue)
  }

  static let orphan: String = "orphan"
  static let foreground: String = "foregroundDeletion"

  let group: GroupResource
  let options: DeleteOptions
  let now: Timestamp
  /// The version that the request names, which decides on old defaults.
  let version: String

  func step(_ object: JSONValue) throws(StatusError) -> Step {
    try checkPreconditions(object)
    if group == GroupResource("", "namespaces") { return namespaceStep(object) }
    if group == Self.definitions, !object.isBeingDeleted { return definitionStep(object) }
    var object: JSONValue = object
    let isGraceful: Bool
    if group == GroupResource("", "pods") {
      if object.isBeingDeleted {
        guard let shortened: JSONValue = shortened(object) else { return .nothing }
        object = shortened
        isGraceful = true
      } else {
        markGraceful(&object, period: podGracePeriod(object))
        isGraceful = true
      }
    } else {
      isGraceful = false
    }
    let finalizers: [String] = self.finalizers(of: object)
    if Set(finalizers) != Set(object.objectFinalizers) { object.setFinalizers(finalizers) }
    if isGraceful {
      let period: Int64 = object["metadata"]["deletionGracePeriodSeconds"].int ?? 0
      if !finalizers.isEmpty || period > 0 { return .update(object) }
      return .remove(object)
    }
    guard !finalizers.isEmpty else { return .remove(object) }
    markDeleting(&object)
    return .update(object)
  }

  private func checkPreconditions(_ object: JSONValue) throws(StatusError) {
    if let uid: String = options.uid, uid != object.objectUID {
      if group == GroupResource("", "namespaces") {
        throw .conflict(
          group, object.objectName, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(object.objectUID)")
      }
      throw .conflict(
        conflictName(object), object.objectName,
        "the UID in the precondition (\(uid)) does not match the UID in record (\(object.objectUID)). The object might have been deleted and then recreated")
    }
    if let revision: String = options.resourceVersion, revision != object.objectResourceVersion {
      if group == GroupResource("", "namespaces") {
        throw .conflict(
          group, object.objectName,
          "Precondition failed: ResourceVersion in precondition: \(revision), ResourceVersion in object meta: \(object.objectResourceVersion)")
      }
      throw .conflict(
        conflictName(object), object.objectName,
        "the ResourceVersion in the precondition (\(revision)) does not match the ResourceVersion in record (\(object.objectResourceVersion)). The object might have been modified")
    }
  }

  /// Here upstream names the kind in place of the resource.
  private func conflictName(_ object: JSONValue) -> GroupResource {
    // Events of either group are those of the core group.
    GroupResource(group.group == "events.k8s.io" ? "" : group.group, object["kind"].string ?? group.resource)
  }

  // MARK: pods

  private func podGracePeriod(_ pod: JSONValue) -> Int64 {
    var period: Int64 = options.gracePeriodSeconds ?? pod["spec"]["terminationGracePeriodSeconds"].int ?? 30
    // A pod that no kubelet knows, or that has ended, needs no time.
    if (pod["spec"]["nodeName"].string ?? "").isEmpty { period = 0 }
    if ["Failed", "Succeeded"].contains(pod["status"]["phase"].string ?? "") { period = 0 }
    return period < 0 ? 1 : period
  }

  private func markGraceful(_ object: inout JSONValue, period: Int64) {
    object["metadata"]["deletionTimestamp"] = .string((now + .seconds(period)).rfc3339)
    object["metadata"]["deletionGracePeriodSeconds"] = .int(period)
    raiseGeneration(&object)
  }

  /// A deletion under way can only be made faster.
  private func shortened(_ object: JSONValue) -> JSONValue? {
    guard let wanted: Int64 = options.gracePeriodSeconds.map({ $0 < 0 ? 1 : $0 }),
      let present: Int64 = object["metadata"]["deletionGracePeriodSeconds"].int, wanted < present,
      let stamp: Timestamp = try? Timestamp(parsing: object["metadata"]["deletionTimestamp"].string ?? "")
    else { return nil }
    var object: JSONValue = object
    object["metadata"]["deletionTimestamp"] = .string((stamp + .seconds(wanted - present)).rfc3339)
    object["metadata"]["deletionGracePeriodSeconds"] = .int(wanted)
    return object
  }

  private func raiseGeneration(_ object: inout JSONValue) {
    if let generation: Int64 = object["metadata"]["generation"].int, generation > 0 {
      object["metadata"]["generation"] = .int(generation + 1)
    }
  }

  private func markDeleting(_ object: inout JSONValue) {
    if !object.isBeingDeleted {
      raiseGeneration(&object)
      object["metadata"]["deletionTimestamp"] = .string(now.rfc3339)
    }
    object["metadata"]["deletionGracePeriodSeconds"] = 0
  }

  // MARK: namespaces

  private func namespaceStep(_ given: JSONValue) -> Step {
    var object: JSONValue = given
    let finalizers: [String] = self.finalizers(of: object)
    object.setFinalizers(finalizers)
    if object["spec"]["finalizers"].items.isEmpty, finalizers.isEmpty, object.isBeingDeleted { return .remove(object) }
    if !object.isBeingDeleted { object["metadata"]["deletionTimestamp"] = .string(now.rfc3339) }
    object["status"]["phase"] = "Terminating"
    return object == given ? .nothing : .update(object)
  }

  // MARK: custom resource definitions

  static let definitions: GroupResource = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
  /// Keeps a definition until its objects are gone.
  static let definitionCleanup: String = "customresourcecleanup.apiextensions.k8s.io"

  private func definitionStep(_ given: JSONValue) -> Step {
    var object: JSONValue = given
    object["metadata"]["deletionTimestamp"] = .string(now.rfc3339)
    if !object.objectFinalizers.contains(Self.definitionCleanup) {
      object.setFinalizers(object.objectFinalizers + [Self.definitionCleanup])
    }
    object["status"]["conditions"] = .array(
      CustomResources.merge(
        object["status"]["conditions"].items,
        [
          [
            "type": "Terminating", "status": "True", "lastTransitionTime": .string(now.rfc3339),
            "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
          ]
        ]))
    return .update(object)
  }

  // MARK: garbage collection

  private func finalizers(of object: JSONValue) -> [String] {
    let present: [String] = object.objectFinalizers
    if group == GroupResource("", "events") || group == GroupResource("events.k8s.io", "events") { return present }
    var result: [String] = present.filter { $0 != Self.orphan && $0 != Self.foreground }
    if shouldOrphan(present) { result.append(Self.orphan) }
    if shouldDeleteInForeground(present) { result.append(Self.foreground) }
    return result
  }

  private func shouldOrphan(_ present: [String]) -> Bool {
    if let explicit: Bool = options.orphanDependents { return explicit }
    if let propagation = options.propagation { return propagation == .orphan }
    if present.contains(Self.orphan) { return true }
    if present.contains(Self.foreground) { return false }
    return Self.orphansByDefault(group, version)
  }

  private func shouldDeleteInForeground(_ present: [String]) -> Bool {
    if options.orphanDependents != nil { return false }
    if let propagation = options.propagation { return propagation == .foreground }
    return present.contains(Self.foreground) && !present.contains(Self.orphan)
  }

  /// Old versions keep their old habit of leaving dependents alone.
  static func orphansByDefault(_ group: GroupResource, _ version: String) -> Bool {
    (group == GroupResource("batch", "jobs") && version == "v1")
      || (group == GroupResource("", "replicationcontrollers") && version == "v1")
  }

  /// Kinds whose deletion answers with the object that was.
  static let answersWithObject: Set<GroupResource> = [
    GroupResource("", "persistentvolumeclaims"), GroupResource("", "persistentvolumes"), GroupResource("", "pods"),
    GroupResource("", "podtemplates"), GroupResource("", "replicationcontrollers"),
    GroupResource("", "resourcequotas"), GroupResource("", "serviceaccounts"), GroupResource("", "services"),
    GroupResource("resource.k8s.io", "resourceclaims"), GroupResource("resource.k8s.io", "resourceclaimtemplates"),
    GroupResource("resource.k8s.io", "deviceclasses"), GroupResource("resource.k8s.io", "resourceslices"),
    GroupResource("storage.k8s.io", "csidrivers"), GroupResource("storage.k8s.io", "csinodes"),
    GroupResource("storage.k8s.io", "storageclasses"), GroupResource("storage.k8s.io", "volumeattachments"),
    GroupResource("storage.k8s.io", "volumeattributesclasses"), GroupResource("", "namespaces"),
  ]

  /// Whether an update that took the last finalizer away is the end of the object.
  static func endsWithUpdate(_ object: JSONValue, old: JSONValue, _ group: GroupResource) -> Bool {
    guard old.isBeingDeleted, object.objectFinalizers.isEmpty else { return false }
    if group == GroupResource("", "namespaces"), !object["spec"]["finalizers"].items.isEmpty { return false }
    return (old["metadata"]["deletionGracePeriodSeconds"].int ?? 0) == 0
  }
}
