// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts of requests, for /metrics.
final class RequestMetrics: Sendable {
  private struct Key: Hashable {
    var verb: String
    var group: String
    var resource: String
    var code: Int
  }

  private let counts: Mutex<[Key: Int]> = Mutex([:])

  func count(_ info: RequestInfo, code: Int) {
    let key: Key = Key(verb: info.verb.uppercased(), group: info.group, resource: info.resource, code: code)
    counts.withLock { $0[key, default: 0] += 1 }
  }

  /// In Prometheus' text form.
  var text: String {
    var lines: [String] = [
      "# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for each verb, group, resource and HTTP response code.",
      "# TYPE apiserver_request_total counter",
    ]
    let all: [(Key, Int)] = counts.withLock { Array($0) }
    lines += all.map { key, count in
      "apiserver_request_total{code=\"\(key.code)\",group=\"\(key.group)\",resource=\"\(key.resource)\",verb=\"\(key.verb)\"} \(count)"
    }.sorted()
    return lines.joined(separator: "\n") + "\n"
  }
}
