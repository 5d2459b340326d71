// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON

/// Turns the name of a priority class into a pod's priority.
struct PriorityAdmission: AdmissionPlugin {
  static let name: String = "Priority"
  private static let group: String = "scheduling.k8s.io"

  let classes: ObjectStorage

  func admit(_ request: inout AdmissionRequest) async throws {
    guard request.isAbout("", "pods") else { return }
    if request.operation == .update {
      for field: String in ["priority", "preemptionPolicy"] where request.object["spec"][field].isNull {
        request.object["spec"][field] = request.old["spec"][field]
      }
      return
    }
    guard request.operation == .create else { return }
    var name: String = request.object["spec"]["priorityClassName"].string ?? ""
    var value: Int64 = 0
    var policy: String = "PreemptLowerPriority"
    if name.isEmpty {
      if let standard: JSONValue = try await standard() {
        name = standard.objectName
        value = standard["value"].int ?? 0
        policy = standard["preemptionPolicy"].string ?? policy
      }
    } else {
      guard let found: JSONValue = try await classes.object(namespace: "", name: name) else {
        throw request.forbidden("no PriorityClass with name \(name) was found")
      }
      value = found["value"].int ?? 0
      policy = found["preemptionPolicy"].string ?? policy
    }
    if let given: Int64 = request.object["spec"]["priority"].int, given != value {
      throw request.forbidden(
        "the integer value of priority (\(given)) must not be provided in pod spec; priority admission controller computed \(value) from the given PriorityClass name")
    }
    if let given: String = request.object["spec"]["preemptionPolicy"].string, given != policy {
      throw request.forbidden(
        "the string value of PreemptionPolicy (\(given)) must not be provided in pod spec; priority admission controller computed \(policy) from the given PriorityClass name")
    }
    if !name.isEmpty { request.object["spec"]["priorityClassName"] = .string(name) }
    request.object["spec"]["priority"] = .int(value)
    request.object["spec"]["preemptionPolicy"] = .string(policy)
  }

  /// The class of pods that name none.
  private func standard() async throws -> JSONValue? {
    try await classes.objects().filter { $0["globalDefault"].bool == true }.min {
      ($0["value"].int ?? 0) < ($1["value"].int ?? 0)
    }
  }

  func validate(_ request: AdmissionRequest) async throws {
    guard request.isAbout(Self.group, "priorityclasses") else { return }
    if request.operation == .delete {
      if ["system-node-critical", "system-cluster-critical"].contains(request.name) {
        throw request.forbidden("this is a system priority class and cannot be deleted")
      }
      return
    }
    guard request.object["globalDefault"].bool == true, let standard: JSONValue = try await standard() else { return }
    if standard.objectName != request.object.objectName {
      throw request.forbidden(
        "PriorityClass \(standard.objectName) is already marked as default. Only one default can exist")
    }
  }
}
