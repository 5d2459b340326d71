// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// A bad object or change of a kind, and what its rules say.
struct BadObject: Sendable, CustomTestStringConvertible {
  var group: String
  var plural: String
  var object: String
  var old: String?
  var subresource: String?
  var expected: [String]

  init(
    _ group: String, _ plural: String, _ object: String, from old: String? = nil, subresource: String? = nil,
    _ expected: [String]
  ) {
    self.group = group
    self.plural = plural
    self.object = object
    self.old = old
    self.subresource = subresource
    self.expected = expected
  }

  var testDescription: String { "\(plural): \(expected.first ?? "fine")" }
}

/// The rules of kinds, a table of bad objects and what is said of them.
struct KindRuleTests {
  private static let claim: String =
    #""accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}"#

  static let objects: [BadObject] = [
    BadObject(
      "networking.k8s.io", "servicecidrs", #"{"spec": {"cidrs": ["10.0.0.0/24", "10.1.0.0/24"]}}"#,
      from: #"{"spec": {"cidrs": ["10.0.0.0/24"]}}"#,
      [
        "spec.cidrs: Invalid value: [\"10.0.0.0/24\",\"10.1.0.0/24\"]: may specify no more than one IP for each IP "
          + "family, i.e 192.168.0.0/24 and 2001:db8::/64"
      ]),
    BadObject(
      "networking.k8s.io", "servicecidrs", #"{"spec": {"cidrs": ["10.0.0.0/24", "fd00::/112"]}}"#,
      from: #"{"spec": {"cidrs": ["10.0.0.0/24"]}}"#, []),
    BadObject(
      "policy", "poddisruptionbudgets", #"{"spec": {"minAvailable": 1, "maxUnavailable": "50%"}}"#,
      [
        "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":\"50%\","
          + "\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set"
      ]),
    BadObject(
      "storage.k8s.io", "csinodes",
      #"{"spec": {"drivers": [{"name": "d", "nodeID": "b", "topologyKeys": null, "allocatable": {"count": 3}}]}}"#,
      from: #"{"spec": {"drivers": [{"name": "d", "nodeID": "a"}]}}"#,
      [
        "spec.drivers: Invalid value: {\"Name\":\"d\",\"NodeID\":\"b\",\"TopologyKeys\":null,\"Allocatable\":null}: "
          + "field is immutable"
      ]),
    BadObject(
      "rbac.authorization.k8s.io", "clusterrolebindings",
      #"{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "b"}}"#,
      from: #"{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "a"}}"#,
      [
        "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"b\"}: "
          + "cannot change roleRef"
      ]),
    BadObject(
      "flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations",
      #"{"metadata": {"name": "exempt"}, "spec": {"type": "Limited", "exempt": {"lendablePercent": 0, "#
        + #""nominalConcurrencyShares": 0}}}"#,
      from: #"{"metadata": {"name": "exempt"}, "spec": {"type": "Exempt", "exempt": {"lendablePercent": 0, "#
        + #""nominalConcurrencyShares": 0}}}"#,
      [
        "spec.type: Invalid value: \"Limited\": must be 'Exempt' if and only if `name` is 'exempt'",
        "spec.exempt: Forbidden: must be nil if the type is Limited",
        "spec.limited: Required value: must not be empty when type is Limited",
        "spec: Invalid value: {\"Type\":\"Limited\",\"Limited\":null,\"Exempt\":{\"NominalConcurrencyShares\":0,"
          + "\"LendablePercent\":0}}: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value",
      ]),
    BadObject(
      "", "persistentvolumeclaims",
      #"{"spec": {\#(claim)}, "status": {"allocatedResourceStatuses": {"cpu": "Odd"}}}"#,
      from: #"{"spec": {\#(claim)}}"#, subresource: "status",
      [
        "status.allocatedResourceStatuses: Unsupported value: \"cpu\": supported values: \"storage\"",
        "status.allocatedResourceStatuses: Unsupported value: \"cpu\": supported values: "
          + "\"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", "
          + "\"NodeResizeInfeasible\", \"NodeResizePending\"",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}, "status": "#
        + #"{"containerStatuses": [{"name": "c", "state": {"running": {}}}]}}"#,
      from: #"{"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}, "status": "#
        + #"{"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 1}}}]}}"#,
      subresource: "status",
      ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]),
    BadObject(
      "batch", "cronjobs",
      #"{"spec": {"schedule": "TZ=UTC * * * * *", "jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}, "#
        + #""template": {"spec": {"restartPolicy": "Never", "dnsPolicy": "ClusterFirst", "containers": [{"name": "c", "#
        + #""image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}]}}}}}}"#,
      [
        "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field "
          + "instead",
        "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be "
          + "auto-generated",
      ]),
  ]

  @Test("A bad object is refused in upstream's words", arguments: objects)
  func refused(_ bad: BadObject) throws {
    let errors: [String]
    if let old: String = bad.old {
      errors = try RuleTable.update(bad.group, bad.plural, bad.object, from: old, subresource: bad.subresource)
    } else {
      errors = try RuleTable.create(bad.group, bad.plural, bad.object)
    }
    #expect(errors == bad.expected)
  }
}
