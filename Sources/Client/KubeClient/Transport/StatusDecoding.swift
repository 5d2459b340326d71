// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import KubeMeta

/// Understands a `metav1.Status` in either form.
enum StatusDecoding {
  /// The status in an answer's body; nil if it is none.
  static func status(_ body: [UInt8]) -> MetaStatus? {
    if ProtobufEnvelope.isEnvelope(body[...]) {
      // A body that cannot be decoded is reported by its text instead.
      guard let envelope = try? ProtobufEnvelope.unwrap(body[...]), envelope.type.kind == "Status" else { return nil }
      return try? ProtobufEnvelope.decode(MetaStatus.self, envelope.raw)
    }
    guard let value: JSONValue = try? JSONValue(parsing: body), value["kind"].string == "Status" else { return nil }
    return status(value)
  }

  /// The status of a JSON document.
  static func status(_ value: JSONValue) -> MetaStatus {
    var status: MetaStatus = MetaStatus()
    status.status = value["status"].string ?? ""
    status.message = value["message"].string ?? ""
    status.reason = value["reason"].string ?? ""
    status.code = Int32(clamping: value["code"].int ?? 0)
    let details: JSONValue = value["details"]
    guard !details.isNull else { return status }
    status.details.name = details["name"].string ?? ""
    status.details.group = details["group"].string ?? ""
    status.details.kind = details["kind"].string ?? ""
    status.details.uid = details["uid"].string ?? ""
    status.details.retryAfterSeconds = Int32(clamping: details["retryAfterSeconds"].int ?? 0)
    status.details.causes = details["causes"].items.map { item in
      var cause: MetaStatusCause = MetaStatusCause()
      cause.reason = item["reason"].string ?? ""
      cause.message = item["message"].string ?? ""
      cause.field = item["field"].string ?? ""
      return cause
    }
    return status
  }
}
