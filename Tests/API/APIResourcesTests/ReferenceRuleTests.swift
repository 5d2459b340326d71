// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// Bad objects and what the reference server says of them.
struct ReferenceRuleTests {
  static let objects: [BadObject] = [
    BadObject(
      "", "nodes",
      #"{"spec": {"taints": [{"key": "a", "effect": "Odd"}, {"key": "b", "value": "x y"}]}}"#,
      [
        #"metadata.taints[0].effect: Unsupported value: "Odd": supported values: "NoSchedule", "PreferNoSc"#
          + #"hedule", "NoExecute""#,
        #"metadata.taints[1].value: Invalid value: "x y": a valid label must be an empty string or consist"#
          + " of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric charac"
          + "ter (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A"
          + "-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        "metadata.taints[1].effect: Required value",
      ]),
    BadObject(
      "", "nodes",
      #"{"spec": {"podCIDRs": ["10.0.0.0/24", "10.1.0.0/24"]}}"#,
      [
        #"spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR f"#
          + "or each IP family",
      ]),
    BadObject(
      "", "namespaces",
      #"{"spec": {"finalizers": ["odd"]}}"#,
      [
        #"spec.finalizers: Invalid value: "odd": name is neither a standard finalizer name nor is it fully"#
          + " qualified",
      ]),
    BadObject(
      "", "limitranges",
      #"{"spec": {"limits": [{"type": "Container", "max": {"cpu": "1", "x": "1"}, "min": {"cpu": "2"}, ""#
          + #"maxLimitRequestRatio": {"cpu": "2"}}]}}"#,
      [
        #"spec.limits[0].max[x]: Invalid value: "x": must be a standard resource type or fully qualified"#,
        #"spec.limits[0].max[x]: Invalid value: "x": must be a standard resource for containers"#,
        #"spec.limits[0].default[x]: Invalid value: "x": must be a standard resource type or fully qualifi"#
          + "ed",
        #"spec.limits[0].default[x]: Invalid value: "x": must be a standard resource for containers"#,
        #"spec.limits[0].defaultRequest[x]: Invalid value: "x": must be a standard resource type or fully "#
          + "qualified",
        #"spec.limits[0].defaultRequest[x]: Invalid value: "x": must be a standard resource for containers"#,
        #"spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1"#,
        #"spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default requ"#
          + "est value 1",
        #"spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1"#,
        #"spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "2": ratio 2 is greater than max/min = "#
          + "0.500000",
      ]),
    BadObject(
      "", "limitranges",
      #"{"spec": {"limits": [{"type": "PersistentVolumeClaim"}, {"type": "Odd"}]}}"#,
      [
        "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but "
          + "neither was provided",
        #"spec.limits[1].type: Invalid value: "Odd": must be a standard limit type or fully qualified"#,
      ]),
    BadObject(
      "", "resourcequotas",
      #"{"spec": {"hard": {"pods": "1", "services": "1"}, "scopeSelector": {"matchExpressions": [{"scope"#
          + #"Name": "BestEffort", "operator": "In", "values": ["x"]}]}}}"#,
      [
        #"spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"BestEffor"#
          + #"t","Operator":"In","Values":["x"]}]}: unsupported scope applied to resource"#,
        #"spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exists' when scope i"#
          + "s any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBest"
          + "Effort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ]),
    BadObject(
      "", "persistentvolumes",
      #"{"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "iscsi": {"targetPor"#
          + #"tal": "p", "iqn": "iqn.2024-01.com.example:x", "lun": 300}}}"#,
      [
        "spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive",
      ]),
    BadObject(
      "", "persistentvolumes",
      #"{"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "csi": {"driver": "d"#
          + #"", "volumeHandle": "h", "nodeStageSecretRef": {"name": "s", "namespace": "n"}, "nodePublishSecre"#
          + #"tRef": {}}}}"#,
      [
        "spec.csi.nodePublishSecretRef.name: Required value",
        "spec.csi.nodePublishSecretRef.namespace: Required value",
      ]),
    BadObject(
      "", "services",
      #"{"spec": {"type": "ExternalName", "externalName": "a.b", "trafficDistribution": "Odd"}}"#,
      [
        #"spec.trafficDistribution: Unsupported value: "Odd": supported values: "PreferClose", "PreferSame"#
          + #"Zone", "PreferSameNode""#,
      ]),
    BadObject(
      "discovery.k8s.io", "endpointslices",
      #"{"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name""#
          + #": "a"}, {"name": "a"}]}}], "ports": []}"#,
      [
        #"endpoints[0].hints.forZones[1].name: Duplicate value: "a""#,
      ]),
    BadObject(
      "networking.k8s.io", "ingressclasses",
      #"{"spec": {"controller": "a.b/c", "parameters": {"apiGroup": "Odd_Group", "kind": "a/b", "name": "#
          + #""n", "scope": "Namespace", "namespace": "a.b"}}}"#,
      [
        #"spec.parameters.apiGroup: Invalid value: "Odd_Group": a lowercase RFC 1123 subdomain must consis"#
          + "t of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric"
          + #" character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a"#
          + "-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        #"spec.parameters.kind: Invalid value: "a/b": may not contain '/'"#,
        #"spec.parameters.namespace: Invalid value: "a.b": must not contain dots"#,
      ]),
    BadObject(
      "networking.k8s.io", "ipaddresses",
      #"{"spec": {"parentRef": {"group": "Odd_Group", "resource": "a/b", "name": "n"}}, "metadata": {"na"#
          + #"me": "10.0.0.1"}}"#,
      [
        #"spec.parentRef.group: Invalid value: "Odd_Group": a lowercase RFC 1123 subdomain must consist of"#
          + " lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric cha"
          + #"racter (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-"#
          + "9]([-a-z0-9]*[a-z0-9])?)*')",
        #"spec.parentRef.resource: Invalid value: "a/b": may not contain '/'"#,
      ]),
    BadObject(
      "storage.k8s.io", "volumeattributesclasses",
      #"{"driverName": "Odd!", "parameters": {"": ""}}"#,
      [
        #"driverName: Invalid value: "odd!": name part must consist of alphanumeric characters, '-', '_' o"#
          + "r '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
          + "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        #"parameters: Invalid value: "": field can not be empty."#,
      ]),
    BadObject(
      "storage.k8s.io", "volumeattachments",
      #"{"spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": ""}}}"#,
      [
        "spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName",
        #"spec.source.persistentVolumeName: Invalid value: "": a lowercase RFC 1123 subdomain must consist"#
          + " of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
          + #"character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-"#
          + "z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ]),
    BadObject(
      "flowcontrol.apiserver.k8s.io", "flowschemas",
      #"{"spec": {"priorityLevelConfiguration": {"name": "x"}, "matchingPrecedence": 1, "rules": [{"subj"#
          + #"ects": [{"kind": "User", "user": {"name": "u"}, "group": {"name": "g"}}], "nonResourceRules": [{"#
          + #""verbs": ["get"], "nonResourceURLs": ["/a*b"]}]}]}}"#,
      [
        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrece"
          + "dence 1",
        "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
        #"spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*b": wildcard can only d"#
          + "o suffix matching",
      ]),
    BadObject(
      "flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations",
      #"{"spec": {"type": "Limited", "limited": {"borrowingLimitPercent": -1, "limitResponse": {"type": "#
          + #""Queue", "queuing": {"queues": 65536, "handSize": 4, "queueLengthLimit": 1}}}}}"#,
      [
        "spec.limited.limitResponse.queuing.handSize: Invalid value: 4: required entropy bits of deckSize"
          + " 65536 and handSize 4 should not be greater than 60",
        "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative inte"
          + "ger",
      ]),
    BadObject(
      "autoscaling", "horizontalpodautoscalers",
      #"{"spec": {"maxReplicas": 1, "scaleTargetRef": {"apiVersion": "v1", "kind": "K", "name": "n"}, "m"#
          + #"etrics": [{"type": "Resource", "pods": {"metric": {"name": "a/b"}, "target": {"type": "AverageVa"#
          + #"lue"}}}]}}"#,
      [
        #"spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group"#,
        #"spec.metrics[0].pods.metric.name: Invalid value: "a/b": may not contain '/'"#,
        "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target average"
          + "Value",
        "spec.metrics[0].resource: Required value: must populate information for the given metric source",
      ]),
    BadObject(
      "admissionregistration.k8s.io", "validatingwebhookconfigurations",
      #"{"webhooks": [{"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v2", "v2"], "#
          + #""clientConfig": {"service": {"name": "s", "namespace": "n", "path": "p", "port": 0}}, "rules": ["#
          + #"{"operations": ["*", "CREATE"], "apiGroups": ["", "*"], "apiVersions": [""], "resources": ["*/*""#
          + #", "pods"]}]}]}"#,
      [
        #"webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not spec"#
          + "ify other operations",
        #"webhooks[0].rules[0].apiGroups: Invalid value: ["","*"]: if '*' is present, must not specify oth"#
          + "er API groups",
        "webhooks[0].rules[0].apiVersions[0]: Required value",
        #"webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not spe"#
          + "cify other resources",
        "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 an"
          + "d 65535, inclusive",
        #"webhooks[0].clientConfig.service.path: Invalid value: "p": must start with a '/'"#,
        #"webhooks[0].clientConfig.service.path: Invalid value: "p": segment[0] may not be empty"#,
        #"webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version"#,
        #"webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1"#
          + ", v1beta1",
      ]),
    BadObject(
      "admissionregistration.k8s.io", "mutatingwebhookconfigurations",
      #"{"webhooks": [{"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clien"#
          + #"tConfig": {"url": "http://u@h/p?q#f"}}]}"#,
      [
        #"webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; des"#
          + "ired format: https://host[/path]",
        #"webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL"#,
        #"webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL"#,
        #"webhooks[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL"#,
      ]),
    BadObject(
      "admissionregistration.k8s.io", "validatingadmissionpolicybindings",
      #"{"spec": {"policyName": "p", "validationActions": ["Deny"], "paramRef": {"name": "a/b", "selecto"#
          + #"r": {"matchExpressions": [{"key": "", "operator": "Odd"}]}, "parameterNotFoundAction": "Deny"}}}"#,
      [
        #"spec.paramRef.name: Invalid value: "a/b": may not contain '/'"#,
        "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
        #"spec.paramRef.selector.matchExpressions[0].operator: Invalid value: "Odd": not a valid selector "#
          + "operator",
        #"spec.paramRef.selector.matchExpressions[0].key: Invalid value: "": name part must be non-empty"#,
        #"spec.paramRef.selector.matchExpressions[0].key: Invalid value: "": name part must consist of alp"#
          + "hanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e."
          + "g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9"
          + "_.]*)?[A-Za-z0-9]')",
        "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
      ]),
    BadObject(
      "admissionregistration.k8s.io", "validatingadmissionpolicies",
      #"{"spec": {"paramKind": {"apiVersion": "a/b/c", "kind": "Odd!"}, "matchConstraints": {"matchPolic"#
          + #"y": "Odd", "resourceRules": [{"resourceNames": ["x", "x"], "operations": ["CREATE"], "apiGroups""#
          + #": ["zz"], "apiVersions": ["v1"], "resources": ["zz"]}]}, "validations": [{"expression": "true"}]"#
          + #", "auditAnnotations": [{"key": "!", "valueExpression": "'x'"}]}}"#,
      [
        #"spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
        #"spec.paramKind.kind: Invalid value: "Odd!": may have mixed case, but should otherwise match: a D"#
          + "NS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabeti"
          + "c character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used f"
          + "or validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        #"spec.matchConstraints.matchPolicy: Unsupported value: "Odd": supported values: "Equivalent", "Ex"#
          + #"act""#,
        #"spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "x""#,
        #"spec.auditAnnotations[0].key: Invalid value: "x/!": name part must consist of alphanumeric chara"#
          + "cters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  o"
          + "r 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-"
          + "9]')",
      ]),
    BadObject(
      "apiregistration.k8s.io", "apiservices",
      #"{"spec": {"group": "Odd_Group", "version": "V1", "service": {"port": 70000}}}"#,
      [
        #"metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "V1.Odd_Group""#,
        #"spec.group: Invalid value: "Odd_Group": a lowercase RFC 1123 subdomain must consist of lower cas"#
          + "e alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e."
          + #"g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-"#
          + "9]*[a-z0-9])?)*')",
        #"spec.version: Invalid value: "V1": a DNS-1035 label must consist of lower case alphanumeric char"#
          + "acters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. "
          + "'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
        "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
        "spec.service.namespace: Required value",
        "spec.service.name: Required value",
        "spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusi"
          + "ve",
      ]),
    BadObject(
      "resource.k8s.io", "deviceclasses",
      #"{"spec": {"config": [{"opaque": {"driver": "", "parameters": []}}], "extendedResourceName": "odd"#
          + #""}}"#,
      [
        "spec.config[0].opaque.driver: Required value",
        #"spec.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object"#,
        #"spec.extendedResourceName: Invalid value: "odd": must be a valid extended resource name"#,
      ]),
    BadObject(
      "resource.k8s.io", "resourceclaims",
      #"{"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c", "toleration"#
          + #"s": [{"key": "k", "operator": "Exists", "value": "v"}]}}, {"name": "r"}], "constraints": [{"requ"#
          + #"ests": ["x"], "matchAttribute": "a"}]}}}"#,
      [
        #"spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for ope"#
          + "rator `Exists`",
        "spec.devices.requests[1]: Required value: exactly one of `exactly` or `firstAvailable` is requir"
          + "ed",
        #"spec.devices.requests[1]: Duplicate value: "r""#,
        #"spec.devices.constraints[0].requests[0]: Invalid value: "x": must be the name of a request in th"#
          + "e claim or the name of a request and a subrequest separated by '/'",
        #"spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a"#
          + " domain and a name separated by a slash",
      ]),
    BadObject(
      "resource.k8s.io", "resourceslices",
      #"{"spec": {"driver": "d", "pool": {"name": "p", "resourceSliceCount": 1}, "nodeName": "n", "allNo"#
          + #"des": true, "devices": [{"name": "d", "attributes": {"a": {"version": "1.0"}}, "taints": [{"key""#
          + #": "k"}], "allNodes": true}]}}"#,
      [
        #"spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `all"#
          + "Nodes`, `perDeviceNodeSelection` is required, but multiple fields are set",
        #"spec.devices[0].attributes[a].version: Invalid value: "1.0": must be a string compatible with se"#
          + "mver.org spec 2.0.0",
        "spec.devices[0].taints[0].effect: Required value",
        "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set "
          + "if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath":"#
          + #" "/v", "subPath": "/a/../b"}], "restartPolicyRules": [{"action": "Odd"}]}], "volumes": [{"name":"#
          + #" "v", "fc": {"targetWWNs": ["a"], "wwids": ["b"]}}]}}"#,
      [
        #"spec.volumes[0].fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified s"#
          + "imultaneously",
        "spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified",
        #"spec.containers[0].volumeMounts[0].name: Not found: "v""#,
        #"spec.containers[0].volumeMounts.subPath: Invalid value: "/a/../b": must be a relative path"#,
        #"spec.containers[0].volumeMounts.subPath: Invalid value: "/a/../b": must not contain '..'"#,
        "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules "
          + "are used",
        #"spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Odd": supported values: "Re"#
          + #"start", "RestartAllContainers""#,
        "spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified",
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "E", "valueFrom": {"fileKe"#
          + #"yRef": {"volumeName": "v", "path": "../p", "key": "="}}}], "lifecycle": {"preStop": {"sleep": {""#
          + #"seconds": 40}}}, "securityContext": {"windowsOptions": {"hostProcess": true, "runAsUserName": "a"#
          + #"/b"}, "seccompProfile": {"type": "Odd", "localhostProfile": "p"}}}], "hostnameOverride": "Odd!"}"#
          + "}",
      [
        #"spec.containers[0].env[0].valueFrom.fileKeyRef.key: Invalid value: "=": a valid environment vari"#
          + "able name must consist only of printable ASCII characters other than '='",
        #"spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../p": must not contain '.."#
          + "'",
        #"spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "Odd": supported valu"#
          + #"es: "Localhost", "RuntimeDefault", "Unconfined""#,
        #"spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"Odd""#
          + #","LocalhostProfile":"p"}: can only be set when seccomp type is Localhost"#,
        #"spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a/b": runAsUser"#
          + #"Name's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#,
        "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 40: must be non-negative and less tha"
          + "n terminationGracePeriodSeconds (30)",
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess"
          + " containers",
        #"spec.hostnameOverride: Invalid value: "Odd!": a lowercase RFC 1123 subdomain must consist of low"#
          + "er case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric charact"
          + #"er (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9](["#
          + "-a-z0-9]*[a-z0-9])?)*')",
        #"spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v""#,
      ]),
    BadObject(
      "", "pods",
      #"{"spec": {"containers": [{"name": "c", "image": "i"}], "resources": {"claims": [{"name": "x"}]},"#
          + #" "volumes": [{"name": "d", "downwardAPI": {"items": [{"path": "", "mode": -1}]}}, {"name": "p", "#
          + #""projected": {"sources": [{"secret": {"name": "s", "items": [{"key": "k", "path": "p"}]}}, {"con"#
          + #"figMap": {"name": "m", "items": [{"key": "k", "path": "p"}]}}]}}, {"name": "q", "quobyte": {"reg"#
          + #"istry": "odd", "volume": "v"}}]}}"#,
      [
        "spec.volumes[0].downwardAPI.path: Required value",
        "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
        "spec.volumes[0].downwardAPI.mode: Invalid value: -1: must be a number between 0 and 0777 (octal)"
          + ", both inclusive",
        #"spec.volumes[1].projected: Invalid value: "m": conflicting duplicate paths"#,
        #"spec.volumes[2].quobyte.registry: Invalid value: "odd": must be a host:port pair or multiple pai"#
          + "rs separated by commas",
        "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
        #"spec.resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims wh"#
          + "ich is empty",
      ]),
    BadObject(
      "batch", "jobs",
      #"{"spec": {"managedBy": "", "template": {"spec": {"restartPolicy": "Never", "containers": [{"name"#
          + #"": "c", "image": "i"}]}}}}"#,
      [
        "spec.managedBy: Required value",
      ]),
  ]

  @Test(arguments: objects)
  func `a new object is judged as by the reference`(_ bad: BadObject) throws {
    #expect(try RuleTable.create(bad.group, bad.plural, bad.object) == bad.expected)
  }
}
