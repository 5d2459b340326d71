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
        let (document, duplicates) = try YAML.lenientDocument(String(decoding: bytes, as: UTF8.self))
        return .yaml(document, strictErrors: duplicates)
      } catch {
        throw KindSchema.unrecognized("\(error)", kind, bytes)
      }
    case "application/vnd.kubernetes.protobuf": return .protobuf(bytes)
    default: throw MediaType.unsupported
    }
  }
}
