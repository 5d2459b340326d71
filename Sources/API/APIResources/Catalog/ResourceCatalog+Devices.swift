// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

// Groups of networks, volumes and devices.
extension ResourceCatalog {
  static let networkingV1: [ResourceTableRow] = [
    .stored(
      "ingressclasses", "ingressclass", "IngressClass", .cluster, hash: "l/iqIbDgFyQ=",
      columns: [.name, TableColumn("Controller"), TableColumn("Parameters"), .age]),
    .stored(
      "ingresses", "ingress", "Ingress", .namespaced, short: ["ing"], key: "ingress", hash: "39NQlfNR+bo=",
      subresources: [.status],
      columns: [
        .name, TableColumn("Class"), TableColumn("Hosts"), TableColumn("Address"), TableColumn("Ports"),
        .age,
      ]),
    .stored(
      "ipaddresses", "ipaddress", "IPAddress", .cluster, short: ["ip"], hash: "3f/plJFChNE=",
      columns: [.name, TableColumn("ParentRef")]),
    .stored(
      "networkpolicies", "networkpolicy", "NetworkPolicy", .namespaced, short: ["netpol"],
      hash: "YpfwF18m1G8=", columns: [.name, TableColumn("Pod-Selector"), .age]),
    .stored(
      "servicecidrs", "servicecidr", "ServiceCIDR", .cluster, hash: "gNLvruQhW2g=", subresources: [.status],
      columns: [.name, TableColumn("CIDRs"), .age]),
  ]

  static let storageV1: [ResourceTableRow] = [
    .stored(
      "csidrivers", "csidriver", "CSIDriver", .cluster, hash: "hL6j/rwBV5w=",
      columns: [
        .name, TableColumn("AttachRequired", type: "boolean"),
        TableColumn(
          "PodInfoOnMount",
          type: "boolean"), TableColumn("StorageCapacity", type: "boolean"), TableColumn("TokenRequests"),
        TableColumn("RequiresRepublish", type: "boolean"), TableColumn("Modes"), .age,
      ]),
    .stored(
      "csinodes", "csinode", "CSINode", .cluster, hash: "Pe62DkZtjuo=",
      columns: [.name, .integer("Drivers"), .age]),
    .stored("csistoragecapacities", "csistoragecapacity", "CSIStorageCapacity", .namespaced, hash: "xeVl+2Ly1kE="),
    .stored(
      "storageclasses", "storageclass", "StorageClass", .cluster, short: ["sc"], hash: "K+m6uJwbjGY=",
      columns: [
        .name, TableColumn("Provisioner"), TableColumn("ReclaimPolicy"), TableColumn("VolumeBindingMode"),
        TableColumn("AllowVolumeExpansion"), .age,
      ]),
    .stored(
      "volumeattachments", "volumeattachment", "VolumeAttachment", .cluster, hash: "tJx/ezt6UDU=",
      subresources: [.status],
      columns: [
        .name, TableColumn("Attacher", format: "name"), TableColumn("PV"), TableColumn("Node"),
        TableColumn("Attached", type: "boolean"), .age,
      ]),
    .stored(
      "volumeattributesclasses", "volumeattributesclass", "VolumeAttributesClass", .cluster, short: ["vac"],
      hash: "tIjydgKBC5w=", columns: [.name, TableColumn("DriverName"), .age]),
  ]

  static let discoveryV1: [ResourceTableRow] = [
    .stored(
      "endpointslices", "endpointslice", "EndpointSlice", .namespaced, hash: "qgS0xkrxYAI=",
      columns: [.name, TableColumn("AddressType"), TableColumn("Ports"), TableColumn("Endpoints"), .age])
  ]

  static let resourceV1: [ResourceTableRow] = [
    .stored("deviceclasses", "deviceclass", "DeviceClass", .cluster, hash: "Yk2PTc1Ybxk=", columns: [.name, .age]),
    .stored(
      "resourceclaims", "resourceclaim", "ResourceClaim", .namespaced, hash: "wgAZaHcZxUg=",
      subresources: [.status], columns: [.name, TableColumn("State"), .age]),
    .stored(
      "resourceclaimtemplates", "resourceclaimtemplate", "ResourceClaimTemplate", .namespaced,
      hash: "TuzjC49aUfM=", columns: [.name, .age]),
    .stored(
      "resourceslices", "resourceslice", "ResourceSlice", .cluster, hash: "KsC072WgaEY=",
      columns: [.name, TableColumn("Node"), TableColumn("Driver"), TableColumn("Pool"), .age]),
  ]
}
