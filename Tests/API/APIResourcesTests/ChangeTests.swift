// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// What may change of an object, and the differences that messages show.
struct ChangeTests {
  @Test("Messages show the lines of Go's structures that a forbidden change would touch")
  func claimDifference() throws {
    func claim(_ mode: String) -> String {
      """
      {"spec": {"accessModes": ["\(mode)"], "resources": {"requests": {"storage": "1Gi"}}}}
      """
    }
    let errors: [String] = try RuleTable.update(
      "", "persistentvolumeclaims", claim("ReadWriteMany"), from: claim("ReadWriteOnce"))
    #expect(
      errors == [
        """
        spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName \
        for bound claims
        @@ -1,6 +1,6 @@
         {
          "AccessModes": [
        -  "ReadWriteOnce"
        +  "ReadWriteMany"
          ],
          "Selector": null,
          "Resources": {

        """
      ])
  }

  @Test("Another text of the same quantity is no change")
  func sameQuantity() throws {
    func claim(_ size: String) -> String {
      """
      {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "\(size)"}}}}
      """
    }
    #expect(try RuleTable.update("", "persistentvolumeclaims", claim("1024Mi"), from: claim("1Gi")) == [])
  }

  @Test("A pod's image may change, its command may not")
  func podCommand() throws {
    func pod(_ image: String, _ command: String) -> String {
      #"{"spec": {"containers": [{"name": "c", "image": "\#(image)", "command": \#(command), "#
        + #""terminationMessagePolicy": "File", "imagePullPolicy": "Always"}], "restartPolicy": "Always", "#
        + #""dnsPolicy": "ClusterFirst", "securityContext": {}, "terminationGracePeriodSeconds": 30}}"#
    }
    #expect(try RuleTable.update("", "pods", pod("b", "[]"), from: pod("a", "[]")) == [])
    let errors: [String] = try RuleTable.update("", "pods", pod("a", #"["x"]"#), from: pod("a", "[]"))
    #expect(errors.count == 1)
    #expect(errors.first?.hasPrefix("spec: Forbidden: pod updates may not change fields other than ") ?? false)
    #expect(errors.first?.contains("\n+   \"Command\": [\n+    \"x\"\n+   ],\n") ?? false)
  }

  @Test("An owner's metadata is told as often as the rules meet it, and finalizers stand without their place")
  func metadata() throws {
    #expect(
      try RuleTable.create("", "configmaps", #"{"metadata": {"finalizers": ["Bad Name"]}}"#).first
        == "metadata.finalizers: Invalid value: \"Bad Name\": name part must consist of alphanumeric characters, '-', "
        + "'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
        + "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")
  }

  @Test("What an update leaves out of an event is shown as empty")
  func eventReason() throws {
    func event(_ reason: String) -> String {
      """
      {"involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"}, \(reason)"type": "Normal", "action": "A",
       "reportingComponent": "example.com/c", "reportingInstance": "i", "eventTime": "2026-01-01T00:00:00.000000Z"}
      """
    }
    let errors: [String] = try RuleTable.update("events.k8s.io", "events", event(""), from: event(#""reason": "R", "#))
    #expect(errors.contains(#"reason: Invalid value: "": field is immutable"#))
  }
}
