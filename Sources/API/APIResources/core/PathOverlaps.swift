// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Files of one volume that lie on, or below, each other.
struct PathOverlaps {
  private var seen: [(path: String, source: String)] = []
  private(set) var texts: [String] = []

  /// Warnings about the volumes of a pod.
  static func warnings(_ volumes: JSONValue) -> [String] {
    volumes.items.flatMap { volume -> [String] in
      let name: String = volume["name"].plain.goQuoted
      func told(_ what: String, _ overlaps: PathOverlaps) -> [String] {
        overlaps.texts.map { "volume \(name) (\(what)): overlapping paths: \($0)" }
      }
      var warnings: [String] = []
      for (kind, label, key) in [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")] {
        guard volume[kind]["items"].isThere else { continue }
        var overlaps: PathOverlaps = PathOverlaps()
        overlaps.add(items: volume[kind]["items"], source: "")
        warnings += told("\(label) \(volume[kind][key].plain.goQuoted)", overlaps)
      }
      if volume["downwardAPI"]["items"].isThere {
        var overlaps: PathOverlaps = PathOverlaps()
        overlaps.add(items: volume["downwardAPI"]["items"], source: "")
        warnings += told("DownwardAPI", overlaps)
      }
      var overlaps: PathOverlaps = PathOverlaps()
      for source: JSONValue in volume["projected"]["sources"].items {
        if source.isVoid {
          warnings.append("volume \(name) (Projected) has no sources provided")
        } else {
          let known: Int = overlaps.texts.count
          overlaps.add(source)
          warnings += overlaps.texts.dropFirst(known).map { "volume \(name) (Projected): overlapping paths: \($0)" }
        }
      }
      return warnings
    }
  }

  private mutating func add(_ source: JSONValue) {
    if source["configMap"]["items"].isThere {
      add(items: source["configMap"]["items"], source: "ConfigMap \(source["configMap"]["name"].plain.goQuoted)")
    } else if source["secret"]["items"].isThere {
      add(items: source["secret"]["items"], source: "Secret \(source["secret"]["name"].plain.goQuoted)")
    } else if source["downwardAPI"]["items"].isThere {
      add(items: source["downwardAPI"]["items"], source: "DownwardAPI")
    } else if source["serviceAccountToken"].isThere {
      add(source["serviceAccountToken"]["path"].plain, "ServiceAccountToken")
    } else if source["clusterTrustBundle"].isThere {
      let bundle: JSONValue = source["clusterTrustBundle"]
      let name: String = bundle["name"].isThere ? bundle["name"].plain : bundle["signerName"].plain
      add(bundle["path"].plain, "ClusterTrustBundle \(name.goQuoted)")
    } else {
      let certificate: JSONValue = source["podCertificate"]
      add(certificate["certificateChainPath"].plain, "PodCertificate chain")
      add(certificate["keyPath"].plain, "PodCertificate key")
      add(certificate["credentialBundlePath"].plain, "PodCertificate credential bundle")
    }
  }

  private mutating func add(items: JSONValue, source: String) {
    for item: JSONValue in items.items { add(item["path"].plain, source) }
  }

  private mutating func add(_ text: String, _ source: String) {
    var path: Substring = text[...]
    while path.last == "/" { path = path.dropLast() }
    guard !path.isEmpty else { return }
    func shown(_ path: String, _ source: String) -> String {
      source.isEmpty ? path.goQuoted : "\(path.goQuoted) (\(source))"
    }
    let own: String = String(path)
    for other in seen where (other.path + "/").hasPrefix(own + "/") || (own + "/").hasPrefix(other.path + "/") {
      texts.append("\(shown(own, source)) with \(shown(other.path, other.source))")
    }
    seen.append((own, source))
  }
}
