// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import Testing

@testable import APIServer

struct AggregationTests {
  private func entry(_ group: String, _ version: String, _ priority: Int64, _ versionPriority: Int64, isRemote: Bool = false)
    -> (GroupVersion, APIServiceEntry)
  {
    var spec: JSONValue = [
      "group": .string(group), "version": .string(version), "groupPriorityMinimum": .int(priority),
      "versionPriority": .int(versionPriority),
    ]
    if isRemote { spec["service"] = ["namespace": "a", "name": "b"] }
    let object: JSONValue = ["metadata": ["name": .string("\(version).\(group)")], "spec": spec]
    return (GroupVersion(group, version), APIServiceEntry(object, identity: nil))
  }

  @Test func groupsAreOrderedByPriorityThenByTheNamesOfTheirAPIServices() {
    let local: [GroupVersion] = [
      GroupVersion("apiregistration.k8s.io", "v1"), GroupVersion("apps", "v1"), GroupVersion("b.example.com", "v1"),
      GroupVersion("a.example.com", "v1beta1"), GroupVersion("b.example.com", "v2"),
    ]
    let services: [GroupVersion: APIServiceEntry] = Dictionary(
      uniqueKeysWithValues: [
        entry("far.example.com", "v1", 19000, 10, isRemote: true), entry("b.example.com", "v3", 500, 200, isRemote: true),
        entry("gone.example.com", "v1", 19000, 10),
      ])
    let order: [String] = GroupOrder.sorted(local: local, builtInCount: 2, services: services).map { group in
      "\(group.name): \(group.versions.map(\.version).joined(separator: " "))"
    }
    #expect(
      order == [
        "apiregistration.k8s.io: v1", "far.example.com: v1", "apps: v1", "b.example.com: v3 v2 v1", "a.example.com: v1beta1",
      ])
  }

  @Test(arguments: [
    (nil, [], "ServiceNotFound", "service/web in \"shop\" is not present"),
    (["ports": [["port": 80]]], [], "ServicePortError", "service/web in \"shop\" is not listening on port 443"),
    (["ports": [["port": 443]]], [], "EndpointsNotFound", "cannot find endpointslices for service/web in \"shop\""),
    (
      ["ports": [["port": 443, "name": "https"]]],
      [["ports": [["name": "other", "port": 1]], "endpoints": [["addresses": ["10.0.0.1"]]]]], "MissingEndpoints",
      "endpointslices for service/web in \"shop\" have no addresses with port name \"https\""
    ),
    (
      ["ports": [["port": 443]]],
      [["ports": [["port": 1]], "endpoints": [["addresses": ["10.0.0.1"], "conditions": ["ready": false]]]]],
      "MissingEndpoints", "endpointslices for service/web in \"shop\" have no addresses with port name \"\""
    ),
    (["ports": [["port": 443]]], [["ports": [["port": 1]], "endpoints": [["addresses": ["10.0.0.1"]]]]], nil, nil),
    (["type": "ExternalName"], [], nil, nil),
  ] as [(JSONValue?, [JSONValue], String?, String?)])
  func conditionsSayWhatIsMissing(spec: JSONValue?, slices: [JSONValue], reason: String?, message: String?) {
    let found: AvailabilityCondition? = .ofObjects(
      APIServiceEntry.Service(namespace: "shop", name: "web", port: 443), service: spec.map { ["spec": $0] }, slices: slices)
    #expect(found?.reason == reason)
    #expect(found?.message == message)
  }

  @Test func aConditionKeepsItsTimeWhileItsStatusStays() {
    let old: JSONValue = [
      "type": "Available", "status": "False", "lastTransitionTime": "then", "reason": "ServiceNotFound", "message": "x",
    ]
    let other: AvailabilityCondition = .missing("MissingEndpoints", "y")
    #expect(other.merged(into: [old], now: "now")?.first?["lastTransitionTime"] == "then")
    #expect(AvailabilityCondition.passed.merged(into: [old], now: "now")?.first?["lastTransitionTime"] == "now")
    #expect(AvailabilityCondition.missing("ServiceNotFound", "x").merged(into: [old], now: "now") == nil)
  }

  @Test func oldDiscoveryBecomesNew() {
    let list: JSONValue = [
      "resources": [
        ["name": "fish", "singularName": "fish", "namespaced": true, "kind": "Fish", "verbs": ["get"], "shortNames": ["f"]],
        ["name": "fish/scale", "namespaced": true, "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get"]],
      ]
    ]
    let found: JSONValue = RemoteDocuments.converted(list, GroupVersion("a.b", "v1"))["resources"][0]
    #expect(found["responseKind"] == ["group": "a.b", "version": "v1", "kind": "Fish"])
    #expect(found["scope"] == "Namespaced")
    #expect(found["shortNames"] == ["f"])
    #expect(found["subresources"][0]["subresource"] == "scale")
    #expect(found["subresources"][0]["responseKind"] == ["group": "autoscaling", "version": "v1", "kind": "Scale"])
  }

  @Test func documentsAreMergedAndOtherDefinitionsOfANameRenamed() {
    let own: JSONValue = ["paths": ["/api": ["a": 1]], "definitions": ["Same": ["type": "string"], "Other": ["type": "string"]]]
    let theirs: JSONValue = [
      "paths": ["/apis/g/v1/x": ["$ref": "#/definitions/Other"], "/apis/h/v1/y": ["$ref": "#/definitions/Unused"]],
      "definitions": [
        "Same": ["type": "string", "description": "words"],
        "Other": ["properties": ["s": ["$ref": "#/definitions/Same"]]], "Unused": ["type": "object"],
      ],
    ]
    let part: JSONValue = OpenAPIMerging.part(theirs, below: "/apis/g/v1/")
    #expect(part["paths"].object?.keys == ["/apis/g/v1/x"])
    let merged: JSONValue = OpenAPIMerging.merge(own, [part])
    #expect(merged["paths"]["/apis/g/v1/x"]["$ref"] == "#/definitions/Other_v2")
    #expect(merged["definitions"]["Other_v2"]["properties"]["s"]["$ref"] == "#/definitions/Same")
    #expect(merged["definitions"]["Other"] == ["type": "string"])
    #expect(Set(merged["definitions"].object?.keys ?? []) == ["Same", "Other", "Other_v2"])
  }
}
