// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// How an answer is written, from the Accept header.
struct NegotiatedAnswer: Sendable {
  enum Encoding: Sendable { case json, yaml, protobuf }
  enum Form: Sendable, Equatable { case object, table(version: String), partial, partialList }

  var encoding: Encoding = .json
  var form: Form = .object
  var isPretty: Bool = false

  var contentType: String {
    switch encoding {
    case .json: "application/json"
    case .yaml: "application/yaml"
    case .protobuf: "application/vnd.kubernetes.protobuf"
    }
  }
}

/// Reads Accept and Content-Type headers (RFC 9110, section 12.5.1), as far as upstream does.
enum MediaType {
  struct Clause: Sendable {
    var type: String
    var parameters: [String: String]
  }

  static let served: String = "application/json, application/yaml, application/vnd.kubernetes.protobuf"

  /// The clauses of a header, by falling quality.
  static func clauses(_ header: String) -> [Clause] {
    var clauses: [(quality: Double, clause: Clause)] = []
    for text: Substring in header.split(separator: ",") {
      let fields: [String] = text.split(separator: ";").map { trimmed($0) }
      guard let type: String = fields.first else { continue }
      var parameters: [String: String] = [:]
      for field: String in fields.dropFirst() {
        let pair: [Substring] = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        parameters[String(pair[0]).lowercased()] = pair.count == 2 ? pair[1].filter { $0 != "\"" } : ""
      }
      clauses.append((parameters["q"].flatMap(Double.init) ?? 1, Clause(type: type.lowercased(), parameters: parameters)))
    }
    return clauses.enumerated().sorted {
      $0.element.quality == $1.element.quality ? $0.offset < $1.offset : $0.element.quality > $1.element.quality
    }.map(\.element.clause)
  }

  /// The first clause that can be served.
  ///
  /// - Parameters:
  ///   - allowsForms: Whether tables and partial metadata can be given.
  /// - Throws: 406.
  static func negotiate(accept: String?, allowsForms: Bool = true, isPretty: Bool = false, hasProtobuf: Bool = true)
    throws(StatusError) -> NegotiatedAnswer
  {
    guard let accept, !accept.isEmpty else { return NegotiatedAnswer(isPretty: isPretty) }
    var sawForm: Bool = false
    for clause: Clause in clauses(accept) {
      guard let encoding: NegotiatedAnswer.Encoding = encoding(clause.type) else { continue }
      // Metadata alone has a protobuf form whatever the object is.
      if encoding == .protobuf, !hasProtobuf, clause.parameters["as"]?.hasPrefix("Partial") != true { continue }
      guard let kind: String = clause.parameters["as"] else {
        return NegotiatedAnswer(encoding: encoding, isPretty: isPretty)
      }
      sawForm = true
      let version: String = clause.parameters["v"] ?? ""
      guard allowsForms, clause.parameters["g"] == "meta.k8s.io", version == "v1" || version == "v1beta1" else { continue }
      switch kind {
      case "Table": return NegotiatedAnswer(encoding: encoding, form: .table(version: version), isPretty: isPretty)
      case "PartialObjectMetadata": return NegotiatedAnswer(encoding: encoding, form: .partial, isPretty: isPretty)
      case "PartialObjectMetadataList":
        return NegotiatedAnswer(encoding: encoding, form: .partialList, isPretty: isPretty)
      default: continue
      }
    }
    throw sawForm ? onlyThese : notAcceptable
  }

  static var onlyThese: StatusError {
    StatusError(
      code: 406, reason: "NotAcceptable", message: "only the following media types are accepted: \(served)")
  }

  static var notAcceptable: StatusError {
    StatusError(
      code: 406, reason: "NotAcceptable",
      message: "406: Not Acceptable\n\nAvailable representations: \(served)", details: .object(JSONObject()))
  }

  static var unsupported: StatusError {
    StatusError(
      code: 415, reason: "UnsupportedMediaType",
      message: "the body of the request was in an unknown format - accepted media types include: \(served)")
  }

  private static func encoding(_ type: String) -> NegotiatedAnswer.Encoding? {
    switch type {
    case "*/*", "application/json": .json
    case "application/yaml": .yaml
    case "application/vnd.kubernetes.protobuf": .protobuf
    default: nil
    }
  }

  /// The media type of a Content-Type header, without parameters.
  static func base(_ header: String?) -> String {
    trimmed((header ?? "").prefix { $0 != ";" }).lowercased()
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var rest: Substring = Substring(text)
    while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
    while rest.last == " " || rest.last == "\t" { rest.removeLast() }
    return String(rest)
  }
}
