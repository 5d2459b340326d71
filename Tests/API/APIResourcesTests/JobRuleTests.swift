// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// The rules of jobs: their indexes, their policies, their status.
struct JobRuleTests {
  private func job(_ members: String, status: String = "") -> String {
    #"{"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always", "#
      + #""terminationMessagePolicy": "File"}], "restartPolicy": "Never", "dnsPolicy": "ClusterFirst"}}"#
      + (members.isEmpty ? "" : ", " + members) + "}" + (status.isEmpty ? "" : #", "status": "# + status) + "}"
  }

  @Test(
    "What a job asks for must be possible",
    arguments: [
      (
        #""completionMode": "Indexed", "parallelism": 2"#,
        ["spec.completions: Required value: when completion mode is Indexed"]
      ),
      (
        #""maxFailedIndexes": 1"#,
        [
          "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
          "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ]
      ),
      (
        #""completionMode": "Indexed", "completions": 3, "parallelism": 100001"#,
        [
          "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"
        ]
      ),
      (
        #""completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededIndexes": "0-1,1"}]}"#,
        [
          "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-1,1\": error parsing succeededIndexes: "
            + "non-increasing order, previous: 1, current: 1"
        ]
      ),
      (
        #""completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededCount": 4}]}"#,
        [
          "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number "
            + "of specified completions)"
        ]
      ),
      (
        #""podFailurePolicy": {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [2, 1]}}]}"#,
        [
          "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to "
            + "be set",
          "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered",
        ]
      ),
    ])
  func specification(members: String, expected: [String]) throws {
    #expect(try RuleTable.create("batch", "jobs", job(members)) == expected)
  }

  @Test(
    "A status tells a job's end in one way only",
    arguments: [
      (
        "{}", #"{"failed": -1}"#,
        [
          "status.failed: Invalid value: -1: must be greater than or equal to 0",
          "status.failed: Invalid value: -1: cannot decrease the failed counter",
        ]
      ),
      (
        "{}", #"{"ready": 2, "active": 1}"#,
        ["status.ready: Invalid value: 2: cannot set more ready pods than active"]
      ),
      (
        "{}", #"{"completedIndexes": "0"}"#,
        [
          "status.completedIndexes: Invalid value: \"0\": cannot set non-empty completedIndexes when non-indexed "
            + "completion mode"
        ]
      ),
      (
        #"{"succeeded": 2}"#, #"{"succeeded": 1}"#,
        ["status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"]
      ),
      (
        "{}", #"{"startTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Failed", "status": "True"}]}"#,
        ["status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition"]
      ),
    ])
  func status(before: String, after: String, expected: [String]) throws {
    let errors: [String] = try RuleTable.update(
      "batch", "jobs", job("", status: after), from: job("", status: before), subresource: "status")
    #expect(errors == expected)
  }

  @Test("A job's template stays as it is unless the job is suspended")
  func template() throws {
    let old: String = job(#""suspend": true"#)
    let new: String = old.replacing("\"image\": \"i\"", with: "\"image\": \"j\"")
    let errors: [String] = try RuleTable.update("batch", "jobs", new, from: old)
    #expect(errors.contains { $0.hasSuffix(": field is immutable") && $0.hasPrefix("spec.template.spec: ") })
  }
}
