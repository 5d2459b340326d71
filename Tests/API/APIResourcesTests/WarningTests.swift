// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// Objects that work, and what the reference server warns of.
struct WarningTests {
  static let objects: [BadObject] = [
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}, {"name"#
          + #"": "A", "value": "$(A)2"}, {"name": "A", "value": "3"}], "ports": [{"containerPort": 1}, {"conta"#
          + #"inerPort": 1}, {"containerPort": 1, "hostPort": 2, "name": "a"}, {"containerPort": 2, "hostIP": "#
          + #""1.2.3.4", "name": "b"}], "resources": {"limits": {"memory": "1500m"}}}], "nodeSelector": {"beta"#
          + #".kubernetes.io/os": "x"}, "hostAliases": [{"ip": "2001:DB8::1"}, {"ip": "2001:DB8::1"}], "imageP"#
          + #"ullSecrets": [{"name": ""}], "terminationGracePeriodSeconds": -1, "volumes": [{"name": "v", "git"#
          + #"Repo": {"repository": "r"}}, {"name": "w", "configMap": {"name": "m", "items": [{"key": "k", "pa"#
          + #"th": "p"}, {"key": "l", "path": "p/q"}]}}, {"name": "z", "projected": {"sources": [{}]}}], "topo"#
          + #"logySpreadConstraints": [{"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule""#
          + #"}]}, "metadata": {"name": "x.y", "annotations": {"scheduler.alpha.kubernetes.io/critical-pod": ""#
          + #"", "seccomp.security.alpha.kubernetes.io/pod": "unconfined", "container.apparmor.security.beta.k"#
          + #"ubernetes.io/c": "unconfined"}}}"#,
      [
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; "
          + #"use the "appArmorProfile" field instead"#,
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DN"
          + "S label is recommended: [must not contain dots]",
        #"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#,
        "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use "
          + #"the "priorityClassName" field instead"#,
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        #"volume "w" (ConfigMap "m"): overlapping paths: "p/q" with "p""#,
        #"volume "z" (Projected) has no sources provided"#,
        #"spec.hostAliases[1].ip: duplicate ip "2001:DB8::1""#,
        #"spec.imagePullSecrets[0].name: invalid empty name """#,
        "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use th"
          + #"e "seccompProfile" field instead"#,
        #"spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be a"#
          + "n integer",
        #"spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be"#
          + " an integer",
        #"spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using app"#
          + "ly",
        "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
        "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
        "spec.containers[0].ports[3]: hostIP set without hostPort: {Name:b HostPort:0 ContainerPort:2 Pro"
          + "tocol:TCP HostIP:1.2.3.4}",
        #"spec.hostAliases[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001"#
          + #":db8::1")"#,
        #"spec.hostAliases[1].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001"#
          + #":db8::1")"#,
      ]),
    BadObject(
      "apps", "deployments",
      #"{"metadata": {"name": "x.y"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"me"#
          + #"tadata": {"labels": {"a": "b"}, "annotations": {"container.apparmor.security.beta.kubernetes.io/"#
          + #"c": "unconfined"}}, "spec": {"containers": [{"name": "c", "image": "i"}], "nodeSelector": {"node"#
          + #"-role.kubernetes.io/master": ""}}}}}"#,
      [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior;"
          + " a DNS label is recommended: [must not contain dots]",
        #"spec.template.spec.nodeSelector[node-role.kubernetes.io/master]: use "node-role.kubernetes.io/co"#
          + #"ntrol-plane" instead"#,
        "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated"
          + #" since v1.30; use the "appArmorProfile" field instead"#,
      ]),
    BadObject(
      "apps", "statefulsets",
      #"{"spec": {"serviceName": "s", "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": "#
          + #"{"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}, "volumeClaimTemp"#
          + #"lates": [{"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"r"#
          + #"equests": {"storage": "1500m"}}}}]}}"#,
      [
        #"spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "1500m" is inval"#
          + "id, must be an integer",
      ]),
    BadObject(
      "batch", "jobs",
      #"{"spec": {"completionMode": "Indexed", "completions": 200000, "parallelism": 20000, "template": "#
          + #"{"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}"#,
      [
        "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher tha"
          + "n 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail",
      ]),
    BadObject(
      "", "persistentvolumes",
      #"{"metadata": {"name": "x", "annotations": {"volume.beta.kubernetes.io/storage-class": "c"}}, "sp"#
          + #"ec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "rbd": {"monitors": ["m""#
          + #"], "image": "i"}}}"#,
      [
        #"metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "stora"#
          + #"geClassName" attribute instead"#,
        "spec.rbd: deprecated in v1.28, non-functional in v1.31+",
      ]),
    BadObject(
      "", "persistentvolumeclaims",
      #"{"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1500m"}}}}"#,
      [
        #"spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer"#,
      ]),
    BadObject(
      "", "resourcequotas",
      #"{"spec": {"hard": {"cpu": "2", "limits.cpu": "1", "requests.storage": "2Gi"}}}"#,
      [
        "ResourceQuota cpu (2) should be less than limits.cpu (1)",
      ]),
    BadObject(
      "", "nodes",
      #"{"spec": {"externalID": "e", "podCIDRs": ["2001:DB8::/64"]}}"#,
      [
        "spec.externalID: this field is deprecated, and is unused by Kubernetes",
        #"spec.podCIDRs[0]: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:"#
          + #"db8::/64")"#,
      ]),
    BadObject(
      "", "endpoints",
      #"{"subsets": [{"addresses": [{"ip": "2001:DB8::1"}], "ports": [{"port": 1}]}]}"#,
      [
        #"subsets[0].addresses[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format (""#
          + #"2001:db8::1")"#,
      ]),
    BadObject(
      "networking.k8s.io", "networkpolicies",
      #"{"spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "2001:DB8::/32"}}]}]}}"#,
      [
        #"spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 cano"#
          + #"nical format ("2001:db8::/32")"#,
      ]),
    BadObject(
      "node.k8s.io", "runtimeclasses",
      #"{"handler": "h", "scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "x"}}}"#,
      [
        #"scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead"#,
      ]),
    BadObject(
      "storage.k8s.io", "storageclasses",
      #"{"provisioner": "p", "allowedTopologies": [{"matchLabelExpressions": [{"key": "beta.kubernetes.i"#
          + #"o/os", "values": ["x"]}]}]}"#,
      [
        #"allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use "kubernetes.io/os"#
          + #"" instead"#,
      ]),
    BadObject(
      "storage.k8s.io", "csistoragecapacities",
      #"{"storageClassName": "s", "nodeTopology": {"matchLabels": {"beta.kubernetes.io/os": "x"}, "match"#
          + #"Expressions": [{"key": "beta.kubernetes.io/arch", "operator": "Exists"}]}}"#,
      [
        #"nodeTopology.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "ku"#
          + #"bernetes.io/arch" instead"#,
        #"nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use "kubernetes.io/os" i"#
          + "nstead",
      ]),
    BadObject(
      "", "serviceaccounts",
      #"{"metadata": {"name": "x", "annotations": {"kubernetes.io/enforce-mountable-secrets": "false"}}}"#,
      [
        "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer sepa"
          + "rate namespaces to isolate access to mounted secrets",
      ]),
    BadObject(
      "", "services",
      #"{"metadata": {"name": "x", "annotations": {"service.kubernetes.io/topology-aware-hints": "auto"}"#
          + #"}, "spec": {"type": "ExternalName", "externalName": "a.b", "externalIPs": ["1.1.1.1"]}}"#,
      [
        "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernet"
          + "es.io/topology-mode instead",
        #"spec.externalIPs is ignored when spec.type is "ExternalName""#,
      ]),
  ]

  @Test(arguments: objects)
  func `a new object brings the warnings of the reference`(_ bad: BadObject) throws {
    #expect(try RuleTable.warnings(bad.group, bad.plural, bad.object) == bad.expected)
  }
}
