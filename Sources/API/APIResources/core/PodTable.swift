// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// A pod's row: what `kubectl get pods` shows.
enum PodTable {
  /// What the statuses of a pod's containers come to.
  private struct Summary {
    var reason: String
    var restarts: Int64 = 0
    var restartableRestarts: Int64 = 0
    var total: Int
    var ready: Int = 0
    var lastRestart: Double?
    var lastRestartableRestart: Double?
  }

  static func cells(_ pod: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = pod["spec"]
    let status: JSONValue = pod["status"]
    var summary: Summary = Summary(reason: status["phase"].plain, total: spec["containers"].items.count)
    if !status["reason"].plain.isEmpty { summary.reason = status["reason"].plain }
    let isGated: Bool = status["conditions"].items.contains {
      $0["type"].plain == "PodScheduled" && $0["reason"].plain == "SchedulingGated"
    }
    if isGated { summary.reason = "SchedulingGated" }
    let isInitializing: Bool = initContainers(spec, status, &summary)
    if !isInitializing || isInitialized(status) { containers(status, &summary) }
    if pod["metadata"]["deletionTimestamp"].isThere {
      if status["reason"].plain == "NodeLost" {
        summary.reason = "Unknown"
      } else if !["Succeeded", "Failed"].contains(status["phase"].plain) {
        summary.reason = "Terminating"
      }
    }
    var restarts: String = "\(summary.restarts)"
    if summary.restarts != 0, let moment: Double = summary.lastRestart {
      restarts += " (\(TableText.duration(context.now - moment)) ago)"
    }
    let address: String = status["podIPs"][0]["ip"].plain
    return [
      pod["metadata"]["name"], .string("\(summary.ready)/\(summary.total)"), .string(summary.reason),
      .string(restarts), TableText.age(pod, context), .string(address.isEmpty ? "<none>" : address),
      TableText.text(spec["nodeName"], or: "<none>"), TableText.text(status["nominatedNodeName"], or: "<none>"),
      gates(spec, status),
    ]
  }

  private static func gates(_ spec: JSONValue, _ status: JSONValue) -> JSONValue {
    let gates: [JSONValue] = spec["readinessGates"].items
    if gates.isEmpty { return "<none>" }
    let open: Int = gates.filter { gate in
      status["conditions"].items.contains {
        $0["type"] == gate["conditionType"] && $0["status"].plain == "True"
      }
    }.count
    return .string("\(open)/\(gates.count)")
  }

  private static func isInitialized(_ status: JSONValue) -> Bool {
    status["conditions"].items.contains { $0["type"].plain == "Initialized" && $0["status"].plain == "True" }
  }

  private static func finished(_ state: JSONValue) -> Double? { TableText.seconds(state["terminated"]["finishedAt"]) }

  private static func latest(_ one: Double?, _ other: Double?) -> Double? {
    [one, other].compactMap { $0 }.max()
  }

  /// Takes the init containers in; says whether one of them is still to finish.
  private static func initContainers(_ spec: JSONValue, _ status: JSONValue, _ summary: inout Summary) -> Bool {
    let containers: [JSONValue] = spec["initContainers"].items
    let sidecars: Set<String> = Set(
      containers.filter { $0["restartPolicy"].plain == "Always" }.map { $0["name"].plain })
    summary.total += sidecars.count
    for (place, container) in status["initContainerStatuses"].items.enumerated() {
      let isSidecar: Bool = sidecars.contains(container["name"].plain)
      summary.restarts += container["restartCount"].int ?? 0
      summary.lastRestart = latest(summary.lastRestart, finished(container["lastState"]))
      if isSidecar {
        summary.restartableRestarts += container["restartCount"].int ?? 0
        summary.lastRestartableRestart = latest(summary.lastRestartableRestart, finished(container["lastState"]))
      }
      let terminated: JSONValue = container["state"]["terminated"]
      let waiting: JSONValue = container["state"]["waiting"]
      if terminated.isThere, terminated["exitCode"].int ?? 0 == 0 { continue }
      if isSidecar, container["started"].bool ?? false {
        if container["ready"].bool ?? false { summary.ready += 1 }
        continue
      }
      if terminated.isThere {
        summary.reason = "Init:" + exitReason(terminated)
      } else if !waiting["reason"].plain.isEmpty, waiting["reason"].plain != "PodInitializing" {
        summary.reason = "Init:" + waiting["reason"].plain
      } else {
        summary.reason = "Init:\(place)/\(containers.count)"
      }
      return true
    }
    return false
  }

  private static func exitReason(_ terminated: JSONValue) -> String {
    if !terminated["reason"].plain.isEmpty { return terminated["reason"].plain }
    let signal: Int64 = terminated["signal"].int ?? 0
    return signal != 0 ? "Signal:\(signal)" : "ExitCode:\(terminated["exitCode"].int ?? 0)"
  }

  private static func containers(_ status: JSONValue, _ summary: inout Summary) {
    summary.restarts = summary.restartableRestarts
    summary.lastRestart = summary.lastRestartableRestart
    var hasRunning: Bool = false
    for container: JSONValue in status["containerStatuses"].items.reversed() {
      summary.restarts += container["restartCount"].int ?? 0
      summary.lastRestart = latest(summary.lastRestart, finished(container["lastState"]))
      let state: JSONValue = container["state"]
      if !state["waiting"]["reason"].plain.isEmpty {
        summary.reason = state["waiting"]["reason"].plain
      } else if state["terminated"].isThere {
        summary.reason = exitReason(state["terminated"])
      } else if container["ready"].bool ?? false, state["running"].isThere {
        hasRunning = true
        summary.ready += 1
      }
    }
    guard summary.reason == "Completed", hasRunning else { return }
    let isReady: Bool = status["conditions"].items.contains {
      $0["type"].plain == "Ready" && $0["status"].plain == "True"
    }
    summary.reason = isReady ? "Running" : "NotReady"
  }
}
