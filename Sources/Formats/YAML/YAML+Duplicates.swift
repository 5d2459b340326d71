// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON
import Yams

extension YAML {
  /// More keys than this that appear twice are an attack: the text is read once for each of them.
  private static let duplicatesMax: Int = 64
  /// What stands before a key that has been set aside.
  private static let aside: String = "apus-duplicate-"

  /// The first document of a text in which keys may appear twice: the last one counts, as in Go's reader.
  ///
  /// - Returns: the document, and `line 5: key "name" already set in map` for every key that was set before.
  public static func lenientDocument(_ text: String) throws(YAMLError) -> (document: JSONValue, duplicates: [String]) {
    var text: String = text
    for count: Int in 0...duplicatesMax {
      do {
        let parser: Yams.Parser = try Yams.Parser(yaml: text)
        guard let node: Node = try parser.nextRoot() else { return (.null, []) }
        var budget: Int = max(valuesMin, text.utf8.count * expansionMax)
        var document: JSONValue = try value(node, budget: &budget, depth: 0)
        if count == 0 { return (document, []) }
        var lines: [(line: Int, key: String)] = []
        collect(node, &lines)
        strip(&document)
        let messages: [String] = lines.sorted { $0.line < $1.line }.map {
          "line \($0.line): key \"\($0.key)\" already set in map"
        }
        return (document, messages)
      } catch let error as YamlError {
        guard case .duplicatedKeysInMapping(_, let context) = error, count < duplicatesMax,
          let changed: String = settingAside(text, context.mark, count)
        else { throw YAMLError(error) }
        text = changed
      } catch let error as YAMLError {
        throw error
      } catch {
        throw YAMLError(message: "\(error)", line: nil)
      }
    }
    return (.null, [])
  }

  /// The text with another name for the key at a place.
  private static func settingAside(_ text: String, _ mark: Mark, _ number: Int) -> String? {
    var lines: [Substring] = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(mark.line - 1) else { return nil }
    let line: Substring = lines[mark.line - 1]
    guard var place: Substring.Index = line.index(line.startIndex, offsetBy: mark.column - 1, limitedBy: line.endIndex),
      place < line.endIndex
    else { return nil }
    if line[place] == "\"" || line[place] == "'" { place = line.index(after: place) }
    lines[mark.line - 1] = line[..<place] + "\(aside)\(number)-" + line[place...]
    return lines.joined(separator: "\n")
  }

  /// The name that a key had before it was set aside.
  private static func original(_ key: String) -> String? {
    guard key.hasPrefix(aside) else { return nil }
    let rest: Substring = key.dropFirst(aside.count)
    guard let dash: Substring.Index = rest.firstIndex(of: "-"), Int(rest[..<dash]) != nil else { return nil }
    return String(rest[rest.index(after: dash)...])
  }

  /// Where keys stand that a key of the same name stands before.
  private static func collect(_ node: Node, _ found: inout [(line: Int, key: String)]) {
    if let sequence: Node.Sequence = node.sequence {
      for item: Node in sequence { collect(item, &found) }
    }
    guard let mapping: Node.Mapping = node.mapping else { return }
    var repeated: Set<String> = []
    for (key, inner) in mapping {
      let text: String = key.string ?? ""
      let name: String = original(text) ?? text
      if repeated.contains(name), let mark: Mark = key.mark { found.append((mark.line, name)) }
      if original(text) != nil { repeated.insert(name) }
      collect(inner, &found)
    }
  }

  /// Removes what was set aside.
  private static func strip(_ value: inout JSONValue) {
    switch value {
    case .object(let members):
      var result: JSONObject = JSONObject()
      for (key, inner) in members where original(key) == nil {
        var inner: JSONValue = inner
        strip(&inner)
        result[key] = inner
      }
      value = .object(result)
    case .array(var items):
      for place: Int in items.indices { strip(&items[place]) }
      value = .array(items)
    default: break
    }
  }
}
