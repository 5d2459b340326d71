// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// Places at which a test can have a process die, as by SIGKILL, in the middle of its work.
///
/// They are in every build and do nothing unless the environment variable `APUS_FAILPOINTS` names a folder. A point is
/// armed by a file of its name in that folder; the first process that reaches it takes the file away and dies, so that
/// the process which is started in its place lives.
public enum Failpoints {
  /// The variable's name.
  public static let variable: String = "APUS_FAILPOINTS"

  private static let folder: String? = getenv(variable).map { String(cString: $0) }

  /// What a child process with an environment of its own must be given, so that its points can be armed, too.
  public static let environment: [String] = folder.map { ["\(variable)=\($0)"] } ?? []

  /// Dies here if the point is armed.
  public static func reach(_ name: String) {
    guard let folder, unlink("\(folder)/\(name)") == 0 else { return }
    kill(getpid(), SIGKILL)
    // Process 1 of a PID namespace is immune to its own signals.
    _exit(137)
  }
}
