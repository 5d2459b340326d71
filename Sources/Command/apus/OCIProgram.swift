// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel

/// `apus oci`: executes the small program `apus-oci`, which engines call by its own name.
enum OCIProgram {
  static let name: String = "oci"
  static let summary: String = "run OCI bundles, with the command line of runc"

  static func execute(_ arguments: [String]) -> Never {
    let own: String = (try? Files.readLink("/proc/self/exe")) ?? "/usr/bin/apus"
    let folder: String = Files.parent(of: own) ?? "/"
    let path: String =
      [folder + "/apus-oci", folder + "/../libexec/apus/apus-oci"].first { Files.isExecutable($0) } ?? "apus-oci"
    // An ignored signal stays ignored past exec.
    signal(SIGPIPE, SIG_DFL)
    let words: [UnsafeMutablePointer<CChar>?] = (["apus-oci"] + arguments).map { strdup($0) } + [nil]
    execv(path, words)
    var line: String = "apus: oci: \(path): \(Errno.current)\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(1)
  }
}
