// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON
import YAML

/// Turns a request's body into what the schema decodes, by its Content-Type.
enum RequestBodyReader {
  static func read(_ bytes: [UInt8], contentType: String?, kind: String) throws(StatusError) -> RequestBody {
    switch MediaType.base(contentType) {
    case "", "application/json": return .json(bytes)
    case "application/yaml":
      do throws(YAMLError) {
        return .yaml(try YAML.document(String(decoding: bytes, as: UTF8.self)), strictErrors: [])
      } catch {
        throw .badRequest(
          "the object provided is unrecognized (must be of type \(kind)): \(error) (\(excerpt(bytes)))")
      }
    case "application/vnd.kubernetes.protobuf": return .protobuf(bytes)
    default: throw MediaType.unsupported
    }
  }

  /// The beginning of a body in hexadecimal, as upstream's messages show it.
  static func excerpt(_ bytes: [UInt8]) -> String {
    if bytes.isEmpty { return "<empty>" }
    let digits: [Character] = Array("0123456789abcdef")
    let shown: String = String(bytes.prefix(30).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    return bytes.count > 30 ? shown + " ..." : shown
  }
}
