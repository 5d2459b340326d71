// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON

/// The recorded conversations beside the repository (../shared/golden/api), where they are.
enum GoldenCorpus {
  static let folder: URL? = {
    var root: URL = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    let folder: URL = root.deletingLastPathComponent().appendingPathComponent("shared/golden/api")
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }()

  static var isPresent: Bool { folder != nil }

  /// One recorded conversation.
  static func scenario(_ name: String) throws -> JSONValue {
    guard let folder else { return .null }
    return try JSONValue(parsing: Array(Data(contentsOf: folder.appendingPathComponent("\(name).json"))))
  }

  /// Every scenario with its name.
  static func all() throws -> [(name: String, scenario: JSONValue)] {
    guard let folder else { return [] }
    let names: [String] = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".json")
    }
    return try names.sorted().map { name in
      (String(name.dropLast(5)), try scenario(String(name.dropLast(5))))
    }
  }

  /// A value with its variables replaced by values of their types.
  static func concrete(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text) where text.hasPrefix("${port") || text.hasPrefix("${int"): return 30001
    case .string(let text): return .string(concrete(text))
    case .array(let items): return .array(items.map(concrete))
    case .object(let members):
      var result: JSONObject = JSONObject()
      for (key, item) in members { result[concrete(key)] = concrete(item) }
      return .object(result)
    default: return value
    }
  }

  private static func concrete(_ text: String) -> String {
    var text: String = text
    while let start = text.range(of: "${"), let end = text.range(of: "}", range: start.upperBound..<text.endIndex) {
      let name: String = text[start.upperBound..<end.lowerBound].trimmingCharacters(in: .decimalDigits)
      let known: [String: String] = [
        "ts": "2026-11-21T02:44:39Z", "ct": "2026-11-21T02:44:39Z", "mt": "2026-11-21T02:44:39.000000Z",
        "ip": "10.96.0.1", "six": "fd00:10:96::1",
      ]
      text.replaceSubrange(start.lowerBound..<end.upperBound, with: known[name] ?? "x7")
    }
    return text
  }
}
