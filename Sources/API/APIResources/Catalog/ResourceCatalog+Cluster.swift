// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

// Groups that govern who may do what and how the API is extended.
extension ResourceCatalog {
  static let apiRegistrationV1: [ResourceTableRow] = [
    .stored(
      "apiservices", "apiservice", "APIService", .cluster, categories: ["api-extensions"],
      key: "apiregistration.k8s.io/apiservices", hash: "InPBPD7+PqM=", subresources: [.status],
      columns: [.name, TableColumn("Service"), TableColumn("Available"), .age])
  ]

  static let authenticationV1: [ResourceTableRow] = [
    .virtual("selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", .cluster, verbs: [.create]),
    .virtual("tokenreviews", "tokenreview", "TokenReview", .cluster, verbs: [.create]),
  ]

  static let authorizationV1: [ResourceTableRow] = [
    .virtual(
      "localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", .namespaced,
      verbs: [.create]),
    .virtual(
      "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", .cluster,
      verbs: [.create]),
    .virtual(
      "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", .cluster,
      verbs: [.create]),
    .virtual("subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", .cluster, verbs: [.create]),
  ]

  static let certificatesV1: [ResourceTableRow] = [
    .stored(
      "certificatesigningrequests", "certificatesigningrequest", "CertificateSigningRequest", .cluster,
      short: ["csr"], hash: "95fRKMXA+00=", subresources: [.same("approval", .readAndWrite), .status],
      columns: [
        .name, .age, TableColumn("SignerName"), TableColumn("Requestor"), TableColumn("RequestedDuration"),
        TableColumn("Condition"),
      ])
  ]

  static let rbacV1: [ResourceTableRow] = [
    .stored(
      "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", .cluster, hash: "48tpQ8gZHFc=",
      columns: [.name, TableColumn("Role"), .age, .wide("Users"), .wide("Groups"), .wide("ServiceAccounts")]),
    .stored("clusterroles", "clusterrole", "ClusterRole", .cluster, hash: "bYE5ZWDrJ44="),
    .stored(
      "rolebindings", "rolebinding", "RoleBinding", .namespaced, hash: "eGsCzGH6b1g=",
      columns: [.name, TableColumn("Role"), .age, .wide("Users"), .wide("Groups"), .wide("ServiceAccounts")]),
    .stored("roles", "role", "Role", .namespaced, hash: "7FuwZcIIItM="),
  ]

  static let admissionRegistrationV1: [ResourceTableRow] = [
    .stored(
      "mutatingadmissionpolicies", "mutatingadmissionpolicy", "MutatingAdmissionPolicy", .cluster,
      categories: ["api-extensions"],
      storage: GroupVersionKind("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicy"),
      hash: "LYmCf+UMVdg=", columns: [.name, .integer("Mutations"), TableColumn("ParamKind"), .age]),
    .stored(
      "mutatingadmissionpolicybindings", "mutatingadmissionpolicybinding", "MutatingAdmissionPolicyBinding",
      .cluster, categories: ["api-extensions"],
      storage: GroupVersionKind("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicyBinding"),
      hash: "90V5FRZZ3Zg=", columns: [.name, TableColumn("PolicyName"), TableColumn("ParamRef"), .age]),
    .stored(
      "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", "MutatingWebhookConfiguration",
      .cluster, categories: ["api-extensions"], hash: "Sqi0GUgDaX0=", columns: [.name, .integer("Webhooks"), .age]),
    .stored(
      "validatingadmissionpolicies", "validatingadmissionpolicy", "ValidatingAdmissionPolicy", .cluster,
      categories: ["api-extensions"], hash: "6OxvlMmQ6is=", subresources: [.status],
      columns: [.name, .integer("Validations"), TableColumn("ParamKind"), .age]),
    .stored(
      "validatingadmissionpolicybindings", "validatingadmissionpolicybinding",
      "ValidatingAdmissionPolicyBinding", .cluster, categories: ["api-extensions"], hash: "v9715VZqakg=",
      columns: [.name, TableColumn("PolicyName"), TableColumn("ParamRef"), .age]),
    .stored(
      "validatingwebhookconfigurations", "validatingwebhookconfiguration", "ValidatingWebhookConfiguration",
      .cluster, categories: ["api-extensions"], hash: "B0wHjQmsGNk=", columns: [.name, .integer("Webhooks"), .age]),
  ]

  static let apiExtensionsV1: [ResourceTableRow] = [
    .stored(
      "customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition", .cluster,
      short: ["crd", "crds"], categories: ["api-extensions"], key: "apiextensions.k8s.io/customresourcedefinitions",
      storage: GroupVersionKind("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition"),
      hash: "jfWCUB31mvA=", subresources: [.status])
  ]

  static let flowControlV1: [ResourceTableRow] = [
    .stored(
      "flowschemas", "flowschema", "FlowSchema", .cluster, hash: "GJVAJZSZBIw=", subresources: [.status],
      columns: [
        .name, TableColumn("PriorityLevel"), TableColumn("MatchingPrecedence"),
        TableColumn("DistinguisherMethod"), .age, TableColumn("MissingPL"),
      ]),
    .stored(
      "prioritylevelconfigurations", "prioritylevelconfiguration", "PriorityLevelConfiguration", .cluster,
      hash: "Kir5PVfvNeI=", subresources: [.status],
      columns: [
        .name, TableColumn("Type"), TableColumn("NominalConcurrencyShares"), TableColumn("Queues"),
        TableColumn("HandSize"), TableColumn("QueueLengthLimit"), .age,
      ]),
  ]
}
