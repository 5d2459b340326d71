// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import KubeValues
import NIOHTTP1

// delete and deletecollection.
extension ResourceEndpoint {
  private static let attempts: Int = 10

  func delete() async throws {
    let form: NegotiatedAnswer = try negotiate()
    let options: DeleteOptions = try DeleteOptions(try await call.body(), call: call)
    warnOfOrphans(options)
    let (object, isGone): (JSONValue, Bool) = try await delete(info.name, options)
    if isGone, !Deletion.answersWithObject.contains(group) {
      let status: JSONValue = [
        "kind": "Status", "apiVersion": "v1", "metadata": .object(JSONObject()), "status": "Success",
        "details": StatusError.details(name: info.name, group: info.group, kind: info.resource, uid: object.objectUID),
      ]
      return try await call.send(status, as: form, status: .ok, schema: MetaSchemas.status)
    }
    try await send(try await servedForm(object), as: form, status: .ok)
  }

  private func warnOfOrphans(_ options: DeleteOptions) {
    guard group == GroupResource("batch", "jobs"), options.propagation == nil, options.orphanDependents == nil else { return }
    call.warnings.add(
      "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning")
  }

  /// Deletes one object; the object, and whether it is gone.
  func delete(_ name: String, _ options: DeleteOptions) async throws -> (JSONValue, Bool) {
    let storage: ObjectStorage = try storage()
    var attempt: Int = 1
    while true {
      let cached: CachedObject = try await existing(name)
      let old: JSONValue = try ObjectStorage.tree(cached)
      try await core.admission.validateDeletion(
        AdmissionRequest(.delete, self, object: .null, old: old, isDryRun: options.isDryRun, options: options.json))
      let deletion: Deletion = Deletion(group: group, options: options, now: call.now, version: info.version)
      // Preconditions that do not hold end it here; they are asked again after every read.
      let step: Deletion.Step = try deletion.step(old)
      do throws(StatusError) {
        switch step {
        case .nothing: return (old, false)
        case .update(let object):
          if options.isDryRun || object == old { return (object, false) }
          let json: [UInt8] = storedJSON(object.settingRevision(nil), text: keptText(cached))
          return (try ObjectStorage.tree(try await storage.update(cached, json: json)), false)
        case .remove(let object):
          if options.isDryRun { return (object, true) }
          let releases: [StoreWrite] = try await core.allocators.releases(old, group: group)
          let gone: CachedObject = try await storage.delete(cached, with: releases)
          await core.deleted(gone, endpoint: self)
          return (object.with(resourceVersion: gone.revision), true)
        }
      } catch {
        // Somebody else wrote between the read and the write.
        guard error.reason == "Conflict" || error.isClaimLost, attempt < Self.attempts else { throw error }
        attempt += 1
      }
    }
  }

  func deleteCollection() async throws {
    let form: NegotiatedAnswer = try negotiate()
    var parameters: ListParameters = try ListParameters(call.query, resource: resource)
    let options: DeleteOptions = try DeleteOptions(try await call.body(), call: call)
    warnOfOrphans(options)
    parameters.limit = 0
    let result: ListResult = try await storage().list(
      parameters.listRequest(namespace: namespace), matching: parameters.matches)
    for object: CachedObject in result.objects {
      do throws(StatusError) {
        do { _ = try await delete(object.name, options) } catch {
          throw (error as? StatusError) ?? .internalError("\(error)")
        }
      } catch {
        if error.code != 404 { throw error }
      }
    }
    var metadata: JSONValue = ["resourceVersion": .string(String(result.revision))]
    if !resource.schema.isBuiltIn, form.form == .object { metadata["continue"] = "" }
    try await sendList(result.objects, metadata: metadata, as: form)
  }

}
