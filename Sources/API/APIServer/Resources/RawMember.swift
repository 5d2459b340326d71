// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON

/// The text of a member of a JSON object as it was written: what upstream keeps of a member without a schema, and
/// compares.
enum RawMember {
  /// The text without line breaks, which JSON has only between its parts; nil where the text is no object with it.
  static func text(of member: String, in json: [UInt8]) -> [UInt8]? {
    range(of: member, in: json).map { json[$0].map { $0 < 0x20 ? 0x20 : $0 } }
  }

  /// The object with another text of the member.
  static func replacing(_ member: String, in json: [UInt8], with text: [UInt8]) -> [UInt8] {
    guard let range: Range<Int> = range(of: member, in: json) else { return json }
    return Array(json[..<range.lowerBound]) + text + Array(json[range.upperBound...])
  }

  private static func range(of member: String, in json: [UInt8]) -> Range<Int>? {
    let wanted: [UInt8] = Array("\"\(member)\"".utf8)
    var place: Int = 0
    var depth: Int = 0
    var key: Range<Int>?
    var start: Int?
    while place < json.count {
      let byte: UInt8 = json[place]
      switch byte {
      case UInt8(ascii: "\""):
        let end: Int = endOfString(json, place)
        if depth == 1, start == nil, key == nil { key = place..<end }
        place = end
        continue
      case UInt8(ascii: ":") where depth == 1:
        if start == nil { start = place + 1 }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 1 {
          if let key, let start, json[key].elementsEqual(wanted) { return trimmed(json, start..<place) }
          key = nil
          start = nil
        }
        if byte != UInt8(ascii: ",") { depth -= 1 }
      default: break
      }
      place += 1
    }
    return nil
  }

  /// The text without blanks between its parts.
  static func dense(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var place: Int = 0
    while place < text.count {
      if text[place] == UInt8(ascii: "\"") {
        let end: Int = endOfString(text, place)
        output += text[place..<end]
        place = end
      } else {
        if text[place] > 0x20 { output.append(text[place]) }
        place += 1
      }
    }
    return output
  }

  private static func endOfString(_ json: [UInt8], _ start: Int) -> Int {
    var place: Int = start + 1
    while place < json.count, json[place] != UInt8(ascii: "\"") { place += json[place] == UInt8(ascii: "\\") ? 2 : 1 }
    return min(place + 1, json.count)
  }

  private static func trimmed(_ json: [UInt8], _ range: Range<Int>) -> Range<Int> {
    var range: Range<Int> = range
    while let first: Int = range.first, json[first] <= 0x20 { range = (first + 1)..<range.upperBound }
    while let last: Int = range.last, json[last] <= 0x20 { range = range.lowerBound..<last }
    return range
  }
}

extension ResourceEndpoint {
  /// The endpoint with the text of the body's member that is kept.
  func keeping(textIn body: [UInt8]) -> ResourceEndpoint {
    guard let member: String = resource.strategy.traits.rawMember, body.first == UInt8(ascii: "{") else { return self }
    var endpoint: ResourceEndpoint = self
    endpoint.rawText = RawMember.text(of: member, in: body)
    return endpoint
  }

  /// The stored text of the member that is kept.
  func keptText(_ cached: CachedObject) -> [UInt8]? {
    resource.strategy.traits.rawMember.flatMap { RawMember.text(of: $0, in: cached.json) }
  }

  /// The object as it is stored, with the member's text where it says the same.
  func storedJSON(_ object: JSONValue, text: [UInt8]?) -> [UInt8] {
    let json: [UInt8] = resource.storageSchema.encodeJSON(object)
    guard let member: String = resource.strategy.traits.rawMember, let text, (try? JSONValue(parsing: text)) == object[member]
    else { return json }
    return RawMember.replacing(member, in: json, with: text)
  }

  /// Other blanks are a change, too; a patch writes none.
  func textErrors(_ object: JSONValue, old: JSONValue, text: [UInt8]?) -> [FieldError] {
    guard let member: String = resource.strategy.traits.rawMember, let text, object[member] == old[member] else {
      return []
    }
    let dense: [UInt8] = RawMember.dense(text)
    let new: [UInt8] = rawText ?? dense
    guard new != text, RawMember.dense(new) == dense else { return [] }
    return [.invalid(FieldPath(member), object[member], "field is immutable")]
  }
}
