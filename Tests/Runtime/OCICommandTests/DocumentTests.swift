// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel
import OCISpec
import Testing

@testable import OCICommand

@Suite struct DocumentTests {
  /// A bundle with a configuration, removed afterwards.
  private func withBundle(_ change: (inout JSONValue) -> Void, _ body: (String) throws -> Void) throws {
    let folder: String = (getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")
      + "/oci-bundle-\(getpid())-\(SystemClock.monotonic)"
    try Files.makeDirectories(folder + "/rootfs")
    defer { try? Files.removeTree(folder) }
    var json: JSONValue = SpecSubcommand.document(isRootless: false)
    change(&json)
    try Files.write(folder + "/config.json", json.bytes)
    try body(folder)
  }

  @Test func `the configuration that spec writes is a bundle's`() throws {
    try withBundle({ _ in }) { folder in
      let bundle: Bundle = try Bundle(folder)
      #expect(bundle.spec.rootPath == bundle.path + "/rootfs")
      #expect(bundle.process.arguments == ["sh"])
      #expect(bundle.cgroupsPath(id: "c1") == "/c1")
    }
  }

  @Test func `paths are taken from the bundle`() throws {
    let mount: JSONValue = ["destination": "data", "source": "files", "options": ["rbind", "ro"]]
    try withBundle({ json in
      json["mounts"] = [mount]
      json["linux"]["cgroupsPath"] = "a/../b"
    }) { folder in
      let bundle: Bundle = try Bundle(folder)
      #expect(bundle.spec.mounts.first?.source == bundle.path + "/files")
      #expect(bundle.spec.mounts.first?.destination == "/data")
      #expect(bundle.spec.mounts.first?.type == "bind")
      #expect(bundle.cgroupsPath(id: "c1") == "/a/b")
    }
  }

  @Test func `what the specification forbids is refused`() throws {
    let changes: [(inout JSONValue) -> Void] = [
      { $0["ociVersion"] = "2.0.0" },
      { $0["ociVersion"] = "one" },
      { $0["ociVersion"] = .null },
      { $0["root"] = .null },
      { $0["root"]["path"] = "nowhere" },
      { $0["process"]["args"] = [] },
      { $0["process"]["cwd"] = "relative" },
      { $0["linux"]["namespaces"] = [["type": "pid"], ["type": "pid"]] },
      { $0["linux"]["namespaces"] = [["type": "magic"]] },
      { $0["hostname"] = "x"; $0["linux"]["namespaces"] = [["type": "mount"]] },
      { $0["hooks"]["poststop"] = [["path": "relative"]] },
      { $0["hooks"]["prestart"] = [["path": "/bin/true", "timeout": 0]] },
    ]
    for (number, change) in changes.enumerated() {
      try withBundle(change) { folder in
        #expect(throws: CommandError.self, "change \(number)") { _ = try Bundle(folder) }
      }
    }
  }

  @Test func `a container may have no process until it is started`() throws {
    try withBundle({ $0["process"] = .null }) { folder in
      let arguments: [String] = try Bundle(folder).process.arguments
      #expect(arguments == [])
    }
  }

  @Test func `exec changes the container's process`() throws {
    let configuration: JSONValue = ["process": [
      "args": ["sh"], "cwd": "/", "env": ["A=1"], "user": ["uid": 0, "gid": 0], "terminal": true,
      "capabilities": ["bounding": ["CAP_KILL"]],
    ]]
    let words: [String] = [
      "--cwd", "/tmp", "-e", "B=2", "-u", "7:8", "-g", "9", "-c", "CAP_CHOWN", "--no-new-privs", "id", "ls", "-l",
    ]
    let values: CommandFlags.Values = try ExecSubcommand.flags.parse(words[...], anywhere: false)
    let process: JSONValue = try ExecSubcommand.processDocument(values, configuration)
    #expect(process["args"] == ["ls", "-l"])
    #expect(process["cwd"] == "/tmp")
    #expect(process["env"] == ["A=1", "B=2"])
    #expect(process["user"] == ["uid": 7, "gid": 8, "additionalGids": [9]])
    #expect(process["capabilities"]["bounding"] == ["CAP_KILL", "CAP_CHOWN"])
    #expect(process["terminal"] == false)
    #expect(process["noNewPrivileges"] == true)
  }

  @Test func `update's flags are resources`() throws {
    let words: [String] = ["--memory", "1000000", "--cpuset-cpus", "0", "--pids-limit=-1", "id"]
    let values: CommandFlags.Values = try UpdateSubcommand.flags.parse(words[...], anywhere: true)
    let resources: JSONValue = try UpdateSubcommand.document(values)
    #expect(resources == ["memory": ["limit": 1_000_000], "pids": ["limit": -1], "cpu": ["cpus": "0"]])
  }
}
