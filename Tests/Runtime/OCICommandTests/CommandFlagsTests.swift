// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import OCICommand

@Suite struct CommandFlagsTests {
  private let flags: CommandFlags = CommandFlags(flags: [
    .value("bundle", "b", help: ""), .value("env", "e", help: ""), .toggle("force", "f", help: ""),
    .value("preserve-fds", help: ""),
  ])

  @Test func `values stand behind a blank or an equals sign`() throws {
    for words: [String] in [["--bundle", "/x"], ["-b", "/x"], ["--bundle=/x"], ["-b=/x"], ["-bundle", "/x"]] {
      let values: CommandFlags.Values = try flags.parse((words + ["id"])[...], anywhere: true)
      #expect(values.text("bundle") == "/x")
      #expect(values.positionals == ["id"])
    }
  }

  @Test func `flags stand anywhere, or before the program alone`() throws {
    let anywhere: CommandFlags.Values = try flags.parse(["id", "--force"][...], anywhere: true)
    #expect(anywhere.has("force"))
    #expect(anywhere.positionals == ["id"])
    let before: CommandFlags.Values = try flags.parse(["-e", "A=b=c", "id", "ls", "--force"][...], anywhere: false)
    #expect(!before.has("force"))
    #expect(before.list("env") == ["A=b=c"])
    #expect(before.positionals == ["id", "ls", "--force"])
  }

  @Test func `two dashes end the flags`() throws {
    let values: CommandFlags.Values = try flags.parse(["--", "--force"][...], anywhere: true)
    #expect(values.positionals == ["--force"])
    #expect(!values.has("force"))
  }

  @Test func `what is no flag and what lacks a value is refused`() {
    #expect(throws: CommandError.self) { try flags.parse(["--nothing"][...], anywhere: true) }
    #expect(throws: CommandError.self) { try flags.parse(["--bundle"][...], anywhere: true) }
    #expect(throws: CommandError.self) {
      try flags.parse(["--preserve-fds", "many"][...], anywhere: true).number("preserve-fds")
    }
  }

  @Test func `a name is one component of a path`() throws {
    for name: String in ["a", "A-1_b.c+d", "0"] { try ContainerRecord.checkName(name) }
    for name: String in ["", ".", "..", "a/b", "a b", "ä", "a\n", String(repeating: "x", count: 2000)] {
      #expect(throws: CommandError.self) { try ContainerRecord.checkName(name) }
    }
  }
}
