// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// How the node affinity of a pod may change while gates keep it from being scheduled: it may only be narrowed.
enum GatedPodValidation {
  private static let required: String = "requiredDuringSchedulingIgnoredDuringExecution"

  static func errors(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
    let old: JSONValue = before["affinity"]["nodeAffinity"]
    let new: JSONValue = spec["affinity"]["nodeAffinity"]
    if GoForm.isSame(new, old, "*@core.NodeAffinity") { return [] }
    let known: [JSONValue] = old[required]["nodeSelectorTerms"].items
    guard !known.isEmpty else { return [] }
    let terms: JSONValue = new[required]["nodeSelectorTerms"]
    let at: FieldPath = path.child("affinity", "nodeAffinity", required, "nodeSelectorTerms")
    if terms.items.count != known.count {
      let shown: JSONValue = GoForm.of(terms, "[]@core.NodeSelectorTerm")
      return [.invalid(at, shown, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")]
    }
    return zip(terms.items, known).enumerated().compactMap { place, pair in
      if onlyAdds(pair.0, pair.1) { return nil }
      let shown: JSONValue = GoForm.of(pair.0, "@core.NodeSelectorTerm")
      return .invalid(at.index(place), shown, "only additions are allowed (no mutations or deletions)")
    }
  }

  /// An empty term selects nothing, and may not become one that selects something.
  private static func onlyAdds(_ new: JSONValue, _ old: JSONValue) -> Bool {
    let lists: [String] = ["matchExpressions", "matchFields"]
    if lists.allSatisfy({ old[$0].isVoid }), !lists.allSatisfy({ new[$0].isVoid }) { return false }
    return lists.allSatisfy { list in
      let wanted: [JSONValue] = new[list].items
      let known: [JSONValue] = old[list].items
      return known.count <= wanted.count
        && zip(wanted, known).allSatisfy { GoForm.isSame($0, $1, "@core.NodeSelectorRequirement") }
    }
  }

  /// The new affinity with the old node affinity, for telling whether anything else changes.
  static func allowed(_ affinity: JSONValue, _ old: JSONValue) -> JSONValue {
    if GoForm.isSame(affinity["nodeAffinity"], old["nodeAffinity"], "*@core.NodeAffinity") { return affinity }
    if affinity.isThere, old.isNull, affinity["podAffinity"].isNull, affinity["podAntiAffinity"].isNull { return .null }
    var allowed: JSONValue = affinity.isNull ? .object(JSONObject()) : affinity
    allowed["nodeAffinity"] = old["nodeAffinity"]
    return allowed
  }
}
