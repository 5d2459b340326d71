// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Testing

@Suite struct DaemonFlagsTests {
  private static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus thing", summary: "a thing")
    flags.string("kubeconfig", "a file")
    flags.bool("leader-elect", default: true, "whether to elect")
    flags.int("secure-port", default: 6443, "a port")
    flags.duration("timeout", default: "1m30s", "a time")
    flags.list("modes", default: "Node,RBAC", "some modes")
    flags.map("labels", "some labels")
    flags.ignored("logging-format", "there is one format")
    return flags
  }

  @Test func `values come from defaults and from every way to write a flag`() throws {
    let values: FlagValues = try Self.flags.parse([
      "--kubeconfig", "/a", "--leader_elect=false", "-secure-port=1", "--modes=A", "--modes", "B,C", "--labels=a=1,b=2",
      "--logging-format", "json",
    ])
    #expect(values.string("kubeconfig") == "/a")
    #expect(values.bool("leader-elect") == false)
    #expect(values.int("secure-port") == 1)
    #expect(values.duration("timeout") == .seconds(90))
    #expect(values.list("modes") == ["A", "B", "C"])
    #expect(values.map("labels") == ["a": "1", "b": "2"])
  }

  @Test func `a truth value alone means true`() throws {
    #expect(try Self.flags.parse(["--leader-elect"]).bool("leader-elect"))
  }

  @Test(arguments: [
    (["--kubconfig=x"], "unknown flag --kubconfig; did you mean --kubeconfig?"),
    (["--secure-port=x"], "flag --secure-port takes an integer, found \"x\""),
    (["--timeout=5"], "flag --timeout takes a duration such as 1m30s, found \"5\""),
    (["--leader-elect=maybe"], "flag --leader-elect takes true or false, found \"maybe\""),
    (["--kubeconfig"], "flag --kubeconfig needs a value"),
    (["word"], "takes no arguments, found \"word\""),
  ])
  func `a wrong command line says what would be right`(_ arguments: [String], _ message: String) {
    #expect(throws: FlagError(command: "apus thing", message: message)) { try Self.flags.parse(arguments) }
  }

  @Test(arguments: [("1h", 3_600_000), ("1m30s", 90_000), ("250ms", 250), ("1.5s", 1500), ("0", 0), ("-2s", -2000)])
  func `durations read as Go writes them`(_ text: String, _ milliseconds: Int) {
    #expect(Duration(goText: text) == .milliseconds(milliseconds))
  }
}
