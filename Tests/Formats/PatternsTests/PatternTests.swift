// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Patterns
import Testing

@Suite struct PatternTests {
  @Test(arguments: [
    ("", "", true), ("a", "cat", true), ("^a", "cat", false), ("^cat$", "cat", true), ("^cat$", "cats", false),
    ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "my-name", true), ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "-name", false),
    ("^a{2,3}$", "aaa", true), ("^a{2,3}$", "aaaa", false), ("^a{2,}$", "aaaa", true), ("^a{2$", "a{2", true),
    ("^a{-2,}$", "a{-2,}", true), ("^a{+2}$", "a{{2}", true), ("^a{02}$", "a{02}", true), ("^a{0}$", "", true),
    ("^(?i)straße$", "STRAßE", true), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true), ("(?m)^b$", "a\nb", true),
    ("^\\d+\\.\\d+$", "1.25", true), ("^\\w+\\s\\S+$", "one two", true), ("\\bcat\\b", "a cat!", true),
    ("\\bcat\\b", "concatenate", false), ("^[[:alpha:]]+$", "abc", true), ("^[^[:alpha:]]+$", "12", true),
    ("^\\p{Lu}\\pL*$", "Äpfel", true), ("^\\Qa.b\\E$", "a.b", true), ("^\\Qa.b\\E$", "axb", false),
    ("^\\x41\\x{1F600}$", "A😀", true), ("^(a|ab)(c|bcd)$", "abcd", true), ("^[]a]+$", "a]", true),
    ("^[a\\-z]+$", "a-z", true), ("^(?P<year>\\d{4})$", "2026", true), ("^(?:x|y|)$", "", true),
  ])
  func `patterns occur as in Go`(_ pattern: String, _ text: String, _ occurs: Bool) throws {
    #expect(try Pattern(pattern).occurs(in: text) == occurs)
  }

  @Test(arguments: [
    ("a+", "aa b aaa", ["aa", "aaa"]), ("a+?", "aa", ["a", "a"]), ("a|ab", "ab", ["a"]), ("ab|a", "ab", ["ab"]),
    ("a*", "baa", ["", "aa"]), ("(?U)a+", "aa", ["a", "a"]), ("[0-9]+", "none", []),
  ])
  func `occurrences are the leftmost and what the pattern prefers`(_ pattern: String, _ text: String, _ found: [String]) throws {
    #expect(try Pattern(pattern).occurrences(in: text) == found)
  }

  @Test(arguments: [
    ("(", "missing closing )"), (")", "unexpected )"), ("[a", "missing closing ]"), ("*", "missing argument to repetition"),
    ("a**", "invalid nested repetition"), ("a{1001}", "invalid repeat count"),
    ("a{99999999999999999999}", "invalid repeat count"), ("[b-a]", "invalid character class range"),
    ("\\8", "invalid escape sequence"), ("(?=a)", "invalid or unsupported Perl syntax"), ("a\\", "trailing backslash"),
  ])
  func `malformed patterns are refused in Go's words`(_ pattern: String, _ words: String) {
    let failure: Pattern.Failure? = #expect(throws: Pattern.Failure.self) { try Pattern(pattern) }
    #expect(failure?.description.contains(words) == true, "\(failure?.description ?? "")")
  }

  @Test func `no pattern takes more than linear time`() throws {
    let text: String = String(repeating: "a", count: 20_000) + "b"
    for pattern: String in ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*x", "(x+x+)+y"] {
      #expect(try !Pattern(pattern).occurs(in: text))
    }
  }

  @Test func `patterns that would be huge are refused`() {
    #expect(throws: Pattern.Failure.self) { try Pattern("((a{1000}){1000}){1000}") }
    #expect(throws: Pattern.Failure.self) { try Pattern("((((){1000}){1000}){1000}){1000}") }
    #expect(throws: Pattern.Failure.self) {
      try Pattern(String(repeating: "(", count: 10_000) + String(repeating: ")", count: 10_000))
    }
  }
}
