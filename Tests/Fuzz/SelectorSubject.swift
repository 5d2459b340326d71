// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues

/// Label and field selectors as queries have them.
struct SelectorSubject: Subject {
  static let name: String = "selector"

  private static let seeds: [String] = [
    "app=web,tier!=db", "env in (a,b),!x", "a notin (b)", "x>5,y<7", "app==web", "k8s.io/name=x", "", ",", "a in ()", "metadata.name=x,spec.nodeName!=y", "a=b\\,c",
  ]
  private static let tokens: [String] = [",", "=", "==", "!=", "!", "(", ")", " in ", " notin ", "<", ">", "\\", "/", " ", "é", "\u{0}", "a"]

  mutating func run(_ random: inout FuzzRandom) throws {
    let input: [UInt8] = Mutation.mutated(Array(random.pick(Self.seeds).utf8), tokens: Self.tokens, &random)
    FuzzInput.note(input)
    let text: String = String(decoding: input, as: UTF8.self)
    let labels: [String: String] = ["app": "web", "x": "6", "env": random.word(), "k8s.io/name": "x"]
    if let selector: LabelSelector = try? LabelSelector(parsing: text) {
      let again: LabelSelector = try LabelSelector(parsing: selector.description)
      try expect(again.matches(labels) == selector.matches(labels), "\(text) selects otherwise as \(selector.description)")
      try expect(again.description == selector.description, "\(selector.description) is not stable")
    }
    if let selector: FieldSelector = try? FieldSelector(parsing: text) {
      let again: FieldSelector = try FieldSelector(parsing: selector.description)
      try expect(again == selector, "\(text) is written as \(selector.description)")
      _ = selector.matches { $0 == "metadata.name" ? "x" : "" }
    }
    _ = (KubeName.isDNS1123Label(text), KubeName.isDNS1123Subdomain(text), KubeName.isDNS1035Label(text), KubeName.isQualifiedName(text), KubeName.isLabelValue(text))
  }
}
