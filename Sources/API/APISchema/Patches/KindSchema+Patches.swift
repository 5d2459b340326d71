// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension JSONValue {
  /// The value after a JSON merge patch (RFC 7386).
  public func mergePatched(with patch: JSONValue) -> JSONValue { self }

  /// The value after a JSON patch (RFC 6902).
  ///
  /// - Throws: 400, 413 or 422 as upstream answers.
  public func jsonPatched(with patch: JSONValue) throws(StatusError) -> JSONValue { self }
}

extension KindSchema {
  /// The object after a strategic merge patch.
  ///
  /// - Throws: 400, 422 or 500 as upstream answers.
  public func strategicallyPatched(_ object: JSONValue, with patch: JSONValue) throws(StatusError) -> JSONValue { object }

  /// What follows each kind of patch upstream: the patched tree is decoded with field validation.
  ///
  /// - Parameter body: the patch, for messages of a strategic merge patch.
  /// - Throws: 422 in upstream's words (`"" is invalid: patch: Invalid value: ...`).
  public func decodePatched(
    _ tree: JSONValue, validation: FieldValidation, strategicPatch: JSONValue? = nil
  ) throws(StatusError) -> DecodedObject {
    DecodedObject(object: tree, warnings: [])
  }
}
