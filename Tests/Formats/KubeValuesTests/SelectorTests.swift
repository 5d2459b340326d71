// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues
import Testing

@Suite struct SelectorTests {
  @Test func `label selectors match as upstream's`() throws {
    let labels: [String: String] = ["app": "web", "tier": "front", "count": "5", "empty": ""]
    let rows: [(String, Bool)] = [
      ("", true), ("app=web", true), ("app==web", true), ("app!=web", false), ("app in (web, db)", true),
      ("app notin (web)", false), ("missing notin (a)", true), ("missing!=a", true), ("app", true), ("!app", false),
      ("!missing", true), ("count>4", true), ("count<5", false), ("app=web,tier=front", true),
      ("app=web,tier=back", false),
      ("empty=", true), ("app in (,web)", true),
    ]
    for (text, expected) in rows { #expect(try LabelSelector(parsing: text).matches(labels) == expected, "\(text)") }
  }

  @Test func `broken label selectors are refused`() {
    for text: String in ["app=web,", "=web", "app in web", "app in (web", "a b", "app=b=c", "-x=1"] {
      #expect(throws: KubeValuesError.self, "\(text)") { try LabelSelector(parsing: text) }
    }
  }

  @Test(arguments: [
    ("app=x,", "found '', expected: identifier after ','"),
    (",app=x", "found ',', expected: !, identifier, or 'end of string'"),
    ("app=x y", "found 'y', expected: ',' or 'end of string'"),
    ("n>=2", "unable to parse requirement: found '=', expected: identifier"),
    ("app in x", "unable to parse requirement: found 'x' expected: '('"),
    ("n>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
    ("-bad=x", "unable to parse requirement: <nil>: Invalid value: \"-bad\": \(KubeName.qualifiedNameMessage)"),
    ("app=-bad", "unable to parse requirement: values[0][app]: Invalid value: \"-bad\": \(KubeName.labelValueMessage)"),
  ]) func `a broken label selector is refused in upstream's words`(_ text: String, _ message: String) {
    #expect(throws: KubeValuesError(.invalidSelector, message)) { try LabelSelector(parsing: text) }
  }

  @Test func `a selector's text is read as the same selector`() throws {
    let text: String = "app=web,tier in (a,b),!gone,there,x!=y"
    let selector: LabelSelector = try LabelSelector(parsing: text)
    #expect(try LabelSelector(parsing: selector.description) == selector)
    #expect(!LabelSelector.nothing.matches([:]))
  }

  @Test func `field selectors know escapes`() throws {
    let selector: FieldSelector = try FieldSelector(parsing: #"a=b\,c,d!=e,f==\=g"#)
    #expect(selector.requirements.map(\.value) == ["b,c", "e", "=g"])
    #expect(selector.matches { ["a": "b,c", "d": "x", "f": "=g"][$0] ?? "" })
    #expect(!selector.matches { ["a": "b,c", "d": "e", "f": "=g"][$0] ?? "" })
    #expect(throws: KubeValuesError.self) { try FieldSelector(parsing: "novalue") }
    // The first operator counts, whatever follows.
    #expect(throws: KubeValuesError.self) { try FieldSelector(parsing: "a=b==") }
    #expect(throws: KubeValuesError.self) { try FieldSelector(parsing: "a=b!=c") }
  }

  @Test func `times are written and read`() throws {
    let rows: [(Int64, String)] = [
      (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
      (1_795_248_779, "2026-11-21T08:12:59Z"),
    ]
    for (seconds, text) in rows {
      #expect(Timestamp(seconds: seconds).rfc3339 == text)
      #expect(try Timestamp(parsing: text) == Timestamp(seconds: seconds))
    }
    #expect(
      try Timestamp(parsing: "2026-11-21T10:12:59.5+02:00")
        == Timestamp(seconds: 1_795_248_779, nanoseconds: 500_000_000))
    #expect(Timestamp(seconds: 1, nanoseconds: 120_000_000).rfc3339Nano == "1970-01-01T00:00:01.12Z")
    for text: String in ["", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-21", "2026-11-21T08:12:59"] {
      #expect(throws: KubeValuesError.self, "\(text)") { try Timestamp(parsing: text) }
    }
  }

  @Test func `names follow their rules`() {
    #expect(KubeName.isDNS1123Label("a-1"))
    #expect(!KubeName.isDNS1123Label("A"))
    #expect(!KubeName.isDNS1123Label("a-"))
    #expect(!KubeName.isDNS1035Label("1a"))
    #expect(KubeName.isDNS1123Subdomain("a.b-c.d"))
    #expect(!KubeName.isDNS1123Subdomain("a..b"))
    #expect(KubeName.isQualifiedName("example.com/Name_1.x"))
    #expect(!KubeName.isQualifiedName("a/b/c"))
    #expect(KubeName.isLabelValue(""))
    #expect(!KubeName.isLabelValue("a b"))
  }
}
