// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// The kinds of patches.
public enum PatchType: String, Sendable, CaseIterable {
  case json = "application/json-patch+json"
  case merge = "application/merge-patch+json"
  case strategic = "application/strategic-merge-patch+json"
  case apply = "application/apply-patch+yaml"

  /// Reads the body of a JSON, merge or strategic merge patch.
  ///
  /// - Throws: 400 in upstream's words.
  public func parse(_ body: [UInt8]) throws(StatusError) -> JSONValue {
    let prefix: String = self == .strategic ? "" : "error decoding patch: "
    let patch: JSONValue
    do throws(JSONError) { patch = try JSONValue(parsing: body) } catch {
      throw .badRequest(prefix + error.message)
    }
    switch (patch, self) {
    case (.object, .merge), (.object, .strategic), (.null, _), (.array, .json): return patch
    default:
      let type: String = self == .json ? "[]handlers.jsonPatchOp" : "map[string]interface {}"
      throw .badRequest("\(prefix)json: cannot unmarshal \(ObjectDecoder.word(patch)) into Go value of type \(type)")
    }
  }
}

extension PatchType {
  /// What a patch says twice, in upstream's words.
  public func duplicates(_ body: [UInt8]) -> [String] {
    var hasDuplicates: Bool = false
    guard (try? JSONValue(parsing: body, duplicates: { _ in hasDuplicates = true })) != nil, hasDuplicates,
      let tree: JSONValue = try? JSONValue(parsingWithDuplicates: body)
    else { return [] }
    var found: [String] = []
    KindSchema.duplicates(tree, "", &found)
    return self == .json ? found.map { "json patch " + $0 } : found
  }
}

extension KindSchema {
  /// The object after a strategic merge patch.
  ///
  /// - Throws: 400, 422 or 500 as upstream answers.
  public func strategicallyPatched(_ object: JSONValue, with patch: JSONValue) throws(StatusError) -> JSONValue {
    guard let changes: JSONObject = patch.object else { return object }
    return .object(try StrategicPatch.merged(object.object ?? JSONObject(), changes, schema))
  }

  /// What follows each kind of patch upstream: the patched tree is decoded with field validation.
  ///
  /// - Parameters:
  ///   - strategicPatch: the patch, for messages of a strategic merge patch.
  ///   - duplicates: what the patch itself says twice.
  /// - Throws: 422 in upstream's words (`"" is invalid: patch: Invalid value: ...`).
  public func decodePatched(
    _ tree: JSONValue, validation: FieldValidation, strategicPatch: JSONValue? = nil, duplicates: [String] = []
  ) throws(StatusError) -> DecodedObject {
    func refused(_ why: String) -> StatusError {
      let shown: String = strategicPatch.map(TypedValue.goPlain) ?? tree.sourceText
      return .invalid(GroupKind("", ""), "", [.invalid("patch", .string(shown), why)])
    }
    let target: KindSchema
    if strategicPatch == nil, isBuiltIn {
      let version: GroupVersion? = GroupVersion(apiVersion: tree["apiVersion"].string ?? "")
      let actual: GroupVersionKind = GroupVersionKind(
        version?.group ?? "", version?.version ?? "", tree["kind"].string ?? "")
      guard let found: KindSchema = actual == kind ? self : SchemaRegistry.builtIn.kind(actual) else {
        throw refused(Self.unregistered(actual, group: kind.group))
      }
      target = found
    } else {
      target = self
    }
    let decoded: DecodedObject
    do throws(APISchemaError) { decoded = try target.decode(tree: tree) } catch { throw refused(error.message) }
    if target.kind != kind {
      throw refused("converting (\(target.kind.version).\(target.kind.kind)): unknown conversion")
    }
    switch validation {
    case .ignore: return DecodedObject(object: decoded.object, warnings: [])
    case .warn: return DecodedObject(object: decoded.object, warnings: duplicates + decoded.warnings)
    case .strict:
      let complaints: [String] = duplicates + decoded.warnings
      if complaints.isEmpty { return decoded }
      throw refused("strict decoding error: " + complaints.joined(separator: ", "))
    }
  }

  /// `no kind "X" is registered for version "a/v1" in scheme ...`.
  ///
  /// - Parameter group: of the kind that was expected; upstream has servers of their own for two groups.
  static func unregistered(_ actual: GroupVersionKind, group: String = "") -> String {
    let scheme: String
    switch group {
    case "apiextensions.k8s.io": scheme = "k8s.io/apiextensions-apiserver/pkg/apiserver/apiserver.go:55"
    case "apiregistration.k8s.io": scheme = "k8s.io/kube-aggregator/pkg/apiserver/scheme/scheme.go:28"
    default: scheme = "pkg/api/legacyscheme/scheme.go:30"
    }
    return
      "no kind \(actual.kind.goQuoted) is registered for version \(actual.apiVersion.goQuoted) in scheme \(scheme.goQuoted)"
  }
}
