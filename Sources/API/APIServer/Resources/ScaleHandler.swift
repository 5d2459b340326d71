// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import HTTPServing
import JSON
import KubeValues
import NIOHTTP1

/// The scale subresource: the number of replicas of any kind as an autoscaling/v1 Scale.
struct ScaleHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    guard let paths: ScalePaths = endpoint.resource.strategy.traits.scale,
      let schema: KindSchema = SchemaRegistry.builtIn.kind("autoscaling", "v1", "Scale")
    else { throw ResourceEndpoint.unknownPath }
    let form: NegotiatedAnswer = try endpoint.negotiate()
    switch endpoint.info.verb {
    case "get":
      let object: JSONValue = try await endpoint.servedForm(ObjectStorage.tree(endpoint.existing(endpoint.info.name)))
      try Self.requireReplicas(object, endpoint)
      try await endpoint.call.send(Self.scale(object, paths), as: form, status: .ok, schema: schema)
    case "update", "patch":
      let options: WriteOptions = try WriteOptions(endpoint.info.verb == "update" ? .update : .patch, query: endpoint.call.query)
      let bytes: [UInt8] = try await endpoint.call.body()
      let change: @Sendable (JSONValue) throws -> JSONValue = try change(endpoint, bytes, schema, options)
      let plan: UpdatePlan = UpdatePlan(
        name: endpoint.info.name,
        change: { live in try await Self.changed(live, endpoint, paths, options, change) },
        retriesConflicts: endpoint.info.verb == "patch", options: options)
      let (result, _): (JSONValue, Bool) = try await endpoint.run(plan)
      try await endpoint.call.send(Self.scale(result, paths), as: form, status: .ok, schema: schema)
    default: throw ResourceEndpoint.methodNotAllowed
    }
  }

  /// A custom resource without the field has no scale.
  private static func requireReplicas(_ object: JSONValue, _ endpoint: ResourceEndpoint) throws(StatusError) {
    guard let custom: CustomResource = endpoint.resource.custom else { return }
    let scale: JSONValue = custom.version(endpoint.resource.kind.version)["subresources"]["scale"]
    let path: String = scale["specReplicasPath"].string ?? ""
    guard path.split(separator: ".").reduce(object, { $0[String($1)] }).int == nil else { return }
    throw .internalError("the spec replicas field \(path.goQuoted) does not exist")
  }

  /// How the request turns the present Scale into the wanted one.
  private func change(
    _ endpoint: ResourceEndpoint, _ bytes: [UInt8], _ schema: KindSchema, _ options: WriteOptions
  ) throws -> @Sendable (JSONValue) throws -> JSONValue {
    if endpoint.info.verb == "update" {
      let given: JSONValue = try endpoint.decode(bytes, as: schema, validation: options.validation)
      if !given.objectName.isEmpty, given.objectName != endpoint.info.name {
        throw StatusError.badRequest(
          "the name of the object (\(given.objectName)) does not match the name on the URL (\(endpoint.info.name))")
      }
      return { _ in given }
    }
    let body: PatchBody = try PatchBody(
      bytes, contentType: endpoint.call.request.headers.first(name: "content-type"), isBuiltIn: true)
    return { current in
      switch body {
      case .json(let patch): try current.jsonPatched(with: patch)
      case .merge(let patch): current.mergePatched(with: patch)
      case .strategic(let patch): try schema.strategicallyPatched(current, with: patch)
      case .apply(let configuration): current.mergePatched(with: configuration)
      }
    }
  }

  private static func changed(
    _ live: JSONValue, _ endpoint: ResourceEndpoint, _ paths: ScalePaths, _ options: WriteOptions,
    _ change: @Sendable (JSONValue) throws -> JSONValue
  ) async throws -> JSONValue {
    let served: JSONValue = try await endpoint.servedForm(live)
    let wanted: JSONValue = try change(scale(served, paths))
    let replicas: JSONValue = wanted["spec"]["replicas"]
    // Custom resources have rules of their own.
    if endpoint.resource.custom == nil, let number: Int64 = replicas.int, number < 0 {
      throw StatusError.invalid(
        GroupKind("autoscaling", "Scale"), endpoint.info.name,
        [.invalid("spec.replicas", replicas, "must be greater than or equal to 0")])
    }
    var object: JSONValue = live
    let revision: String = wanted.objectResourceVersion
    object["metadata"]["resourceVersion"] = revision.isEmpty ? .null : .string(revision)
    set(&object, paths.specReplicas[...], replicas.isNull ? 0 : replicas)
    object = FieldManager(kind: endpoint.resource.storageSchema, subresource: "scale", resetFields: []).updated(
      live: live, object: object, manager: endpoint.call.fieldManager, time: "")
    return try await endpoint.core.admission.admit(
      AdmissionRequest(.update, endpoint, object: object, old: live, isDryRun: options.isDryRun))
  }

  private static func set(_ value: inout JSONValue, _ path: ArraySlice<String>, _ new: JSONValue) {
    guard let first: String = path.first else {
      value = new
      return
    }
    set(&value[first], path.dropFirst(), new)
  }

  static func scale(_ object: JSONValue, _ paths: ScalePaths) -> JSONValue {
    func at(_ path: [String]) -> JSONValue { path.reduce(object) { $0[$1] } }
    var metadata: JSONValue = .object(JSONObject())
    for key: String in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
      metadata[key] = object["metadata"][key]
    }
    var spec: JSONValue = .object(JSONObject())
    if let wanted: Int64 = at(paths.specReplicas).int, wanted != 0 { spec["replicas"] = .int(wanted) }
    var status: JSONValue = ["replicas": .int(at(paths.statusReplicas).int ?? 0)]
    let selector: String = selectorText(at(paths.selector), isMap: paths.selectorIsMap)
    if !selector.isEmpty { status["selector"] = .string(selector) }
    return ["kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status]
  }

  private static func selectorText(_ selector: JSONValue, isMap: Bool) -> String {
    if let text: String = selector.string { return text }
    if isMap { return LabelSelector(labels: selector.strings).description }
    var requirements: [LabelSelector.Requirement] = LabelSelector(labels: selector["matchLabels"].strings).requirements
    for expression: JSONValue in selector["matchExpressions"].items {
      let comparison: LabelSelector.Operator? =
        switch expression["operator"].string ?? "" {
        case "In": .isIn
        case "NotIn": .notIn
        case "Exists": .exists
        case "DoesNotExist": .doesNotExist
        default: nil
        }
      if let comparison {
        requirements.append(
          LabelSelector.Requirement(
            key: expression["key"].string ?? "", comparison: comparison, values: expression["values"].stringItems))
      }
    }
    return LabelSelector(requirements).description
  }
}
