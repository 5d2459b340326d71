// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
import Yams

/// YAML documents to and from JSON values, with the rules of `sigs.k8s.io/yaml`: YAML 1.1 scalars, string keys.
public enum YAML {
  /// Aliases may make a document this much larger than its text; more is an attack ("billion laughs").
  static let expansionMax: Int = 100
  /// Every text may have this many values.
  static let valuesMin: Int = 100_000

  /// All documents of a text; empty ones are left out.
  public static func documents(_ text: String) throws(YAMLError) -> [JSONValue] {
    do {
      var budget: Int = max(valuesMin, text.utf8.count * expansionMax)
      // The parser itself: the sequence of `compose_all` ends at an error and only notes it.
      let parser: Yams.Parser = try Yams.Parser(yaml: text)
      var documents: [JSONValue] = []
      while let node: Node = try parser.nextRoot() {
        let document: JSONValue = try value(node, budget: &budget, depth: 0)
        if !document.isNull { documents.append(document) }
      }
      return documents
    } catch let error as YAMLError {
      throw error
    } catch let error as YamlError {
      throw YAMLError(error)
    } catch {
      throw YAMLError(message: "\(error)", line: nil)
    }
  }

  /// The first document of a text; null if there is none.
  public static func document(_ text: String) throws(YAMLError) -> JSONValue {
    try documents(text).first ?? .null
  }
}
