// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel

/// Watches the supervisor and starts another one when it is killed; the supervisor does the same for it.
public enum Keeper {
  /// The executable that both run, with `supervise` as its command.
  private static let executable: String = "/proc/self/exe"
  /// The name of the keeper in its file.
  static let name: String = "keeper"
  /// The file with the keeper's process.
  static let file: String = "keeper.json"

  /// Starts a keeper in a session of its own; it starts the supervisor unless it is given one to watch.
  static func start(runDirectory: String, logDirectory: String, watching supervisor: Int32? = nil) throws {
    var arguments: [String] = ["apus", "supervise", "--role=keeper"]
    if let supervisor { arguments.append("--watch=\(supervisor)") }
    try spawn(arguments, runDirectory, logDirectory, deathSignal: 0)
  }

  @discardableResult
  private static func spawn(
    _ arguments: [String], _ runDirectory: String, _ logDirectory: String, deathSignal: Int32
  ) throws -> Int32 {
    let log: FileDescriptor = try FileDescriptor.open(
      logDirectory + "/supervisor.log", [.writeOnly, .create, .append], mode: 0o644)
    let nothing: FileDescriptor = try FileDescriptor.open("/dev/null", .readOnly)
    var request: SpawnRequest = SpawnRequest(
      path: try Files.readLink(executable),
      arguments: arguments + ["--run-dir=" + runDirectory, "--log-dir=" + logDirectory],
      environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    request.startsSession = true
    request.parentDeathSignal = deathSignal
    request.descriptors = [(nothing.raw, 0), (log.raw, 1), (log.raw, 2)]
    let process: SpawnedProcess = try Processes.spawn(request)
    return process.pid
  }

  /// Runs a keeper until it is told to end, or the supervisor has ended as it should.
  ///
  /// - Parameter supervisor: the supervisor to watch; nil starts one.
  public static func run(runDirectory: String, logDirectory: String, watching supervisor: Int32?) throws {
    try Processes.becomeSubreaper()
    var running: RunningComponents = RunningComponents(runDirectory: runDirectory, file: file)
    running.processes[name] = RunningComponents.Identity(getpid())
    try running.save()
    var watched: Int32? = supervisor
    while true {
      let pid: Int32 =
        try watched
        ?? spawn(["apus", "supervise", "--role=supervisor"], runDirectory, logDirectory, deathSignal: SIGHUP)
      watched = nil
      // One that has ended already is noticed by the missing process.
      if let descriptor: FileDescriptor = try? Processes.open(pid) {
        var entry: pollfd = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, -1) < 0 {}
      }
      while Processes.reap() != nil {}
      guard Files.exists(Supervisor.planPath(runDirectory)) else { return }
    }
  }
}
