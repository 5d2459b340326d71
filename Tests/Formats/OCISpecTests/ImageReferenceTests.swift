// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import OCISpec
import Testing

@Suite struct ImageReferenceTests {
  private static let digest: String = "sha256:" + String(repeating: "ab", count: 32)

  @Test(arguments: [
    ("busybox", "docker.io/library/busybox:latest"),
    ("busybox:1.36", "docker.io/library/busybox:1.36"),
    ("user/app", "docker.io/user/app:latest"),
    ("docker.io/busybox", "docker.io/library/busybox:latest"),
    ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
    ("localhost/app", "localhost/app:latest"),
    ("localhost:5000/app:v1", "localhost:5000/app:v1"),
    ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
    ("a.b/c__d/e-f.g:T_1", "a.b/c__d/e-f.g:T_1"),
    ("app@\(digest)", "docker.io/library/app@\(digest)"),
    ("app:1@\(digest)", "docker.io/library/app:1@\(digest)"),
  ])
  func `names are normalised`(_ text: String, _ full: String) throws {
    #expect(try ImageReference(text).description == full)
  }

  @Test(arguments: [
    "", ":tag", "UPPER", "a//b", "a/-b", "app:", "app:-x", "a@sha256:12", "a b", "a/b..c",
    "app:" + String(repeating: "x", count: 129),
  ])
  func `what is no name is refused`(_ text: String) {
    #expect(throws: OCISpecError.self) { try ImageReference(text) }
  }
}
