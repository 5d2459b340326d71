// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeValues

/// The defaults of pods and of pod templates, which every workload shares (core/v1 SetDefaults_PodSpec and friends).
enum PodDefaults {
  /// Defaults of a pod's specification, in a pod or in a template.
  static func apply(_ spec: inout JSONValue) {
    if spec["dnsPolicy"].plain.isEmpty { spec["dnsPolicy"] = "ClusterFirst" }
    if spec["restartPolicy"].plain.isEmpty { spec["restartPolicy"] = "Always" }
    spec.setDefault("securityContext", [:])
    spec.setDefault("terminationGracePeriodSeconds", 30)
    if spec["schedulerName"].plain.isEmpty { spec["schedulerName"] = "default-scheduler" }
    // The deprecated name and the present one are one field.
    if spec["serviceAccountName"].plain.isEmpty, !spec["serviceAccount"].plain.isEmpty {
      spec["serviceAccountName"] = spec["serviceAccount"]
    }
    if !spec["serviceAccountName"].plain.isEmpty { spec["serviceAccount"] = spec["serviceAccountName"] }
    spec.editItems("volumes", volume)
    for list: String in ["initContainers", "containers", "ephemeralContainers"] { spec.editItems(list, container) }
  }

  private static func limitsToRequests(_ resources: inout JSONValue) {
    for (name, limit) in resources["limits"].object ?? JSONObject() where resources["requests"][name].isNull {
      resources["requests"][name] = limit
    }
  }

  static func container(_ container: inout JSONValue) {
    if container["imagePullPolicy"].plain.isEmpty {
      container["imagePullPolicy"] = pullPolicy(container["image"].plain)
    }
    container.setDefaultText("terminationMessagePath", "/dev/termination-log")
    if container["terminationMessagePolicy"].plain.isEmpty { container["terminationMessagePolicy"] = "File" }
    container.setDefault("resources", [:])
    container.editItems("ports") { port in
      if port["protocol"].plain.isEmpty { port["protocol"] = "TCP" }
    }
    container.editItems("env") { variable in
      variable.edit("valueFrom") { source in
        source.edit("fieldRef") { if $0["apiVersion"].plain.isEmpty { $0["apiVersion"] = "v1" } }
        source.edit("resourceFieldRef") { if $0["divisor"].isNull { $0["divisor"] = "0" } }
        source.edit("fileKeyRef") { $0.setDefault("optional", false) }
      }
    }
    for key: String in ["livenessProbe", "readinessProbe", "startupProbe"] { container.edit(key, probe) }
    container.edit("lifecycle") { lifecycle in
      for key: String in ["postStart", "preStop"] {
        lifecycle.edit(key) { $0.edit("httpGet", httpGet) }
      }
    }
    canonicalResources(&container)
  }

  private static func probe(_ probe: inout JSONValue) {
    for (key, value) in [
      ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
    ]
    where probe[key].int ?? 0 == 0 {
      probe[key] = .int(Int64(value))
    }
    probe.edit("httpGet", httpGet)
    probe.edit("grpc") { $0.setDefault("service", "") }
  }

  private static func httpGet(_ action: inout JSONValue) {
    if action["path"].plain.isEmpty { action["path"] = "/" }
    if action["scheme"].plain.isEmpty { action["scheme"] = "HTTP" }
  }

  /// Always for `latest`, IfNotPresent for the rest.
  static func pullPolicy(_ image: String) -> JSONValue {
    guard !image.contains("@"), isReference(image) else { return "IfNotPresent" }
    let last: Substring = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let colon: Substring.Index = last.lastIndex(of: ":") else { return "Always" }
    return last[last.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
  }

  /// Whether what stands behind the registry is in small letters, as names of images are.
  private static func isReference(_ image: String) -> Bool {
    var parts: ArraySlice<Substring> = image.split(separator: "/", omittingEmptySubsequences: false)[...]
    if parts.count > 1, let first: Substring = parts.first,
      first.contains(".") || first.contains(":") || first == "localhost" || first.contains(where: \.isUppercase)
    {
      parts = parts.dropFirst()
    }
    // With "library/" before a name that has no other folder.
    let length: Int = parts.reduce(parts.count - 1 + (parts.count == 1 ? 8 : 0)) { $0 + $1.utf8.count }
    guard length <= 255, let last: Substring = parts.popLast() else { return false }
    return (parts + [last.prefix { $0 != ":" }]).allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { byte in
          (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2D || byte == 0x2E || byte == 0x5F
        }
    }
  }

  private static func volume(_ volume: inout JSONValue) {
    let sources: [String] = (volume.object?.keys ?? []).filter { $0 != "name" }
    if sources.isEmpty { volume["emptyDir"] = [:] }
    for key: String in ["secret", "configMap", "downwardAPI", "projected"] {
      volume.edit(key) { $0.setDefault("defaultMode", 0o644) }
    }
    volume.edit("downwardAPI", downwardItems)
    volume.edit("projected") { projected in
      projected.editItems("sources") { source in
        source.edit("serviceAccountToken") { token in
          if token["expirationSeconds"].isNull { token["expirationSeconds"] = 3600 }
        }
        source.edit("downwardAPI", downwardItems)
        source.edit("podCertificate") { $0.setDefault("maxExpirationSeconds", 86400) }
      }
    }
    volume.edit("hostPath") { $0.setDefault("type", "") }
    volume.edit("iscsi") { iscsi in
      if iscsi["iscsiInterface"].plain.isEmpty { iscsi["iscsiInterface"] = "default" }
    }
    volume.edit("rbd") { rbd in
      rbd.setDefaultText("pool", "rbd")
      rbd.setDefaultText("user", "admin")
      rbd.setDefaultText("keyring", "/etc/ceph/keyring")
    }
    volume.edit("azureDisk") { disk in
      disk.setDefault("cachingMode", "ReadWrite")
      disk.setDefault("kind", "Shared")
      disk.setDefault("fsType", "ext4")
      disk.setDefault("readOnly", false)
    }
    volume.edit("scaleIO") { disk in
      disk.setDefaultText("storageMode", "ThinProvisioned")
      disk.setDefaultText("fsType", "xfs")
    }
    volume.edit("ephemeral") { ephemeral in
      ephemeral.edit("volumeClaimTemplate") { template in
        template.edit("spec") { $0.setDefault("volumeMode", "Filesystem") }
      }
    }
    volume.edit("image") { image in
      if image["pullPolicy"].plain.isEmpty { image["pullPolicy"] = pullPolicy(image["reference"].plain) }
    }
  }

  private static func downwardItems(_ source: inout JSONValue) {
    source.editItems("items") { item in
      item.edit("fieldRef") { if $0["apiVersion"].plain.isEmpty { $0["apiVersion"] = "v1" } }
      item.edit("resourceFieldRef") { if $0["divisor"].isNull { $0["divisor"] = "0" } }
    }
  }

  /// Rounds what is finer than a thousandth up, as SetDefaults_ResourceList.
  private static func canonicalResources(_ container: inout JSONValue) {
    container.edit("resources") { resources in
      for kind: String in ["limits", "requests"] {
        resources.edit(kind) { list in
          for name: String in list.sortedKeys {
            guard let quantity: ResourceQuantity = Checks.quantity(list[name]) else { continue }
            let milli: Int128 = 1_000_000
            guard quantity.nanounits % milli != 0 else { continue }
            let rounded: Int128 = (quantity.nanounits / milli + (quantity.nanounits > 0 ? 1 : 0)) * milli
            list[name] = .string(ResourceQuantity(nanounits: rounded, format: quantity.format).description)
          }
        }
      }
    }
  }

  /// Defaults that only pods have, not templates.
  static func applyToPod(_ pod: inout JSONValue) {
    pod.fill("spec") { spec in
      let isOnHost: Bool = spec["hostNetwork"].bool ?? false
      for list: String in ["containers", "initContainers"] {
        spec.editItems(list) { container in
          container.edit("resources", limitsToRequests)
          guard isOnHost else { return }
          container.editItems("ports") { port in
            if port["hostPort"].int ?? 0 == 0 { port["hostPort"] = port["containerPort"] }
          }
        }
      }
      PodLevelResources.applyDefaults(&spec)
      spec.setDefault("enableServiceLinks", true)
      apply(&spec)
    }
  }
}
