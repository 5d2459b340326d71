// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema

/// The schemas of meta/v1 kinds that answers are made of.
enum MetaSchemas {
  private static let package: String = "k8s.io.apimachinery.pkg.apis.meta.v1."

  static let status: KindSchema? = schema("", "Status")
  static let partial: KindSchema? = schema("meta.k8s.io", "PartialObjectMetadata")
  static let partialList: KindSchema? = schema("meta.k8s.io", "PartialObjectMetadataList")

  static func schema(_ group: String, _ kind: String) -> KindSchema? {
    let name: GroupVersionKind = GroupVersionKind(group, "v1", kind)
    return SchemaRegistry.builtIn.kind(name) ?? SchemaRegistry.builtIn.kind(name, message: package + kind)
  }
}
