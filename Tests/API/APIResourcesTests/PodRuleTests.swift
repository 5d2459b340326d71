// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// Bad pods and addresses, and what the reference server says of them.
struct PodRuleTests {
  static let objects: [BadObject] = [
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1", "mem"#
          + #"ory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}}}], "resources": {"limits": {"cpu": "1", ""#
          + #"storage": "0"}, "requests": {"memory": "1Mi"}, "claims": []}}}"#,
      [
        "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
        #"spec.resources.limits[storage]: Unsupported value: "storage": supported values: "cpu", "hugepage"#
          + #"s-", "memory""#,
        #"spec.resources.requests[memory]: Invalid value: "1Mi": must be greater than or equal to aggregat"#
          + "e container requests of 1Gi",
        #"spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod "#
          + "limits of 1",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"hugepages-2Mi": ""#
          + #"4Mi", "cpu": "1"}}}], "resources": {"limits": {"hugepages-2Mi": "3Mi"}}}}"#,
      [
        #"spec.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple"#
          + " of hugepages-2Mi",
        #"spec.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multip"#
          + "le of hugepages-2Mi",
        #"spec.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": must be greater than or equal to a"#
          + "ggregate container requests of 4Mi",
        #"spec.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": must be greater than or equal to agg"#
          + "regate container limits of 4Mi",
        #"spec.resources.containers[0][hugepages-2Mi].limits: Invalid value: "4Mi": must be less than or e"#
          + "qual to pod limits of 3Mi",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i"}], "hostNetwork": true, "hostIPC": true, "se"#
          + #"curityContext": {"seLinuxChangePolicy": "MountOption", "sysctls": [{"name": "net.a", "value": "1"#
          + #""}, {"name": "kernel/sem", "value": "1"}, {"name": "net.a", "value": "1"}]}}}"#,
      [
        #"spec.securityContext.sysctls[0].name: Invalid value: "net.a": may not be specified when 'hostNet"#
          + "work' is true",
        #"spec.securityContext.sysctls[1].name: Invalid value: "kernel/sem": may not be specified when 'ho"#
          + "stIPC' is true",
        #"spec.securityContext.sysctls[2].name: Duplicate value: "net.a""#,
        #"spec.securityContext.sysctls[2].name: Invalid value: "net.a": may not be specified when 'hostNet"#
          + "work' is true",
        #"spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "R"#
          + #"ecursive""#,
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i"}], "affinity": {"podAffinity": {"requiredDur"#
          + #"ingSchedulingIgnoredDuringExecution": [{"topologyKey": "a", "labelSelector": {"matchLabels": {"a"#
          + #"": "b"}}, "matchLabelKeys": ["a", "!"], "mismatchLabelKeys": ["a"]}]}, "nodeAffinity": {"preferr"#
          + #"edDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{""#
          + #"key": "k", "operator": "In", "values": ["!"]}]}}]}}}}"#,
      [
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[1]: I"
          + #"nvalid value: "!": name part must consist of alphanumeric characters, '-', '_' or '.', and must "#
          + "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex"
          + " used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: I"
          + #"nvalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys"#,
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "readinessProbe": {"exec": {"command": ["x""#
          + #"]}, "terminationGracePeriodSeconds": 0}}], "dnsConfig": {"nameservers": ["010.0.0.1", "::ffff:1."#
          + #"2.3.4", "x"]}, "nodeName": "n", "schedulingGates": [{"name": "a/b"}]}}"#,
      [
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be great"
          + "er than 0",
        "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must not be s"
          + "et for readinessProbes",
        #"spec.dnsConfig.nameservers[0]: Invalid value: "010.0.0.1": must not have leading 0s"#,
        #"spec.dnsConfig.nameservers[1]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 "#
          + "address",
        #"spec.dnsConfig.nameservers[2]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or"#
          + " 2001:db8::ffff)",
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i"}], "securityContext": {"seccompProfile": {"t"#
          + #"ype": "RuntimeDefault"}, "appArmorProfile": {"type": "Localhost", "localhostProfile": "x"}}}, "m"#
          + #"etadata": {"name": "x", "annotations": {"seccomp.security.alpha.kubernetes.io/pod": "odd", "cont"#
          + #"ainer.apparmor.security.beta.kubernetes.io/c": "localhost/y", "controller.kubernetes.io/pod-dele"#
          + #"tion-cost": "01"}}}"#,
      [
        #"metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "01": must be a"#
          + " 32bit integer",
        #"metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "odd": must be a v"#
          + "alid seccomp profile",
        "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must m"
          + "atch",
      ]),
    BadObject(
      "", "persistentvolumes",
      #"{"metadata": {"name": "x", "annotations": {"volume.beta.kubernetes.io/mount-options": "ro"}}, "s"#
          + #"pec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/"#
          + #"x"}}}"#,
      [
        "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount o"
          + "ptions for this volume type",
      ]),
    BadObject(
      "", "services",
      #"{"spec": {"type": "LoadBalancer", "ports": [{"port": 1}], "loadBalancerSourceRanges": ["10.0.0.1"#
          + #"/8", "010.0.0.0/8", "10.0.0.0/08", "::ffff:1.2.3.0/120"], "externalIPs": ["010.1.1.1"]}}"#,
      [
        #"spec.externalIPs[0]: Invalid value: "010.1.1.1": must not have leading 0s"#,
        #"spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the"#
          + " prefix length",
        #"spec.LoadBalancerSourceRanges[1]: Invalid value: "010.0.0.0/8": must not have leading 0s in IP o"#
          + "r prefix length",
        #"spec.LoadBalancerSourceRanges[2]: Invalid value: "10.0.0.0/08": must not have leading 0s in IP o"#
          + "r prefix length",
        #"spec.LoadBalancerSourceRanges[3]: Invalid value: "::ffff:1.2.3.0/120": must not have an IPv4-map"#
          + "ped IPv6 address",
      ]),
    BadObject(
      "networking.k8s.io", "servicecidrs",
      #"{"spec": {"cidrs": ["2001:DB8::/64", "10.1.0.1/16"]}}"#,
      [
        #"spec.cidrs[0]: Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")"#,
        #"spec.cidrs[1]: Invalid value: "10.1.0.1/16": must not have bits set beyond the prefix length"#,
      ]),
    BadObject(
      "", "events",
      #"{"metadata": {"name": "x", "labels": {"-bad-": "x"}}, "involvedObject": {"kind": "Pod", "name": "#
          + #""p", "namespace": "elsewhere"}}"#,
      [
        #"involvedObject.namespace: Invalid value: "elsewhere": does not match event.namespace"#,
      ]),
    BadObject(
      "", "events",
      #"{"metadata": {"name": "x", "labels": {"-bad-": "x"}}, "involvedObject": {"kind": "Pod", "name": "#
          + #""p", "namespace": "default"}}"#,
      [
        #"metadata.labels: Invalid value: "-bad-": name part must consist of alphanumeric characters, '-',"#
          + " '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name'"
          + ",  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ]),
    BadObject(
      "apiextensions.k8s.io", "customresourcedefinitions",
      #"{"metadata": {"name": ""}, "spec": {"group": "g.example.com", "scope": "Namespaced", "names": {""#
          + #"plural": "ps", "singular": "p", "kind": "P", "listKind": "PList"}, "versions": [{"name": "v1", ""#
          + #"served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}"#,
      [
        "metadata.name: Required value: name or generateName is required",
      ]),
    BadObject(
      "discovery.k8s.io", "endpointslices",
      #"{"addressType": "IPv6", "endpoints": [{"addresses": ["2001:DB8::1"]}], "ports": []}"#,
      [
        #"endpoints[0].addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1"#
          + #"")"#,
      ]),
  ]

  @Test(arguments: objects)
  func `a new object is judged as by the reference`(_ bad: BadObject) throws {
    #expect(try RuleTable.create(bad.group, bad.plural, bad.object) == bad.expected)
  }
}
