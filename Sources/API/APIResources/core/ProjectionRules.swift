// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of the sources of projected volumes. Those behind gates that are off (ClusterTrustBundleProjection,
/// PodCertificateRequest) count for nothing.
enum ProjectionRules {
  private static let kinds: [String] = [
    "secret", "configMap", "downwardAPI", "serviceAccountToken",
  ]

  /// - Parameter at: of the volume.
  static func errors(_ sources: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    var taken: Set<String> = []
    for (place, source) in sources.items.enumerated() {
      let path: FieldPath = at.child("sources").index(place)
      let found: [String] = kinds.filter { source[$0].isThere }
      for kind: String in found {
        errors += sourceErrors(kind, source[kind], path.child(kind), volume: at)
        for file: (path: String, owner: String) in files(kind, source[kind]) where !taken.insert(file.path).inserted {
          errors.append(.invalid(at, .string(file.owner), "conflicting duplicate paths"))
        }
      }
      if found.count > 1 { errors.append(.forbidden(path, "may not specify more than 1 volume type per source")) }
    }
    return errors
  }

  /// The files that a source makes, and what to blame for one that is there already.
  private static func files(_ kind: String, _ source: JSONValue) -> [(path: String, owner: String)] {
    let paths: [String]
    switch kind {
    case "secret", "configMap", "downwardAPI": paths = source["items"].items.map { $0["path"].plain }
    default: paths = []
    }
    let hasName: Bool = kind == "secret" || kind == "configMap"
    return paths.filter { !$0.isEmpty }.map { ($0, hasName ? source["name"].plain : $0) }
  }

  private static func sourceErrors(
    _ kind: String, _ source: JSONValue, _ path: FieldPath, volume: FieldPath
  ) -> [FieldError] {
    switch kind {
    case "secret", "configMap":
      return (source["name"].plain.isEmpty ? [.required(path.child("name"))] : [])
        + VolumeRules.itemErrors(source, path)
    case "downwardAPI": return VolumeRules.downwardErrors(source, path)
    case "serviceAccountToken": return tokenErrors(source, path, volume)
    default: return []
    }
  }

  private static func tokenErrors(_ token: JSONValue, _ at: FieldPath, _ volume: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    let seconds: Int64 = token["expirationSeconds"].int ?? 0
    if seconds < 600 {
      errors.append(
        .invalid(at.child("expirationSeconds"), .int(seconds), "may not specify a duration less than 10 minutes"))
    } else if seconds > 1 << 32 {
      errors.append(
        .invalid(at.child("expirationSeconds"), .int(seconds), "may not specify a duration larger than 2^32 seconds"))
    }
    return errors
      + (token["path"].plain.isEmpty
        ? [.required(volume.child("path"))] : PathRules.unreserved(token["path"], volume.child("path")))
  }
}
