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

  /// Two supervisors in a row that ran for less than the first have the next one wait for the second: nanoseconds,
  /// milliseconds.
  private static let (steady, delay): (Int64, Int32) = (1_000_000_000, 100)

  /// Starts a keeper in a session of its own; it starts the supervisor unless it is given one to watch. Where there
  /// is a keeper already, the new one ends at once.
  ///
  /// - Returns: a pidfd of the new keeper.
  @discardableResult
  static func start(
    runDirectory: String, logDirectory: String, watching supervisor: Int32? = nil
  ) throws -> SharedDescriptor {
    let watch: [String] = supervisor.map { ["--watch=\($0)"] } ?? []
    return SharedDescriptor(
      owning: try spawn(arguments("keeper", runDirectory, logDirectory) + watch, logDirectory).descriptor)
  }

  /// The command line of a keeper or a supervisor.
  static func arguments(_ role: String, _ runDirectory: String, _ logDirectory: String) -> [String] {
    ["apus", "supervise", "--role=" + role, "--run-dir=" + runDirectory, "--log-dir=" + logDirectory]
  }

  private static func spawn(_ arguments: [String], _ logDirectory: String) throws -> (pid: Int32, descriptor: Int32) {
    let log: FileDescriptor = try FileDescriptor.open(
      logDirectory + "/supervisor.log", [.writeOnly, .create, .append], mode: 0o644)
    let nothing: FileDescriptor = try FileDescriptor.open("/dev/null", .readOnly)
    var request: SpawnRequest = SpawnRequest(
      path: try Files.readLink(executable),
      arguments: arguments, environment: Supervisor.environment())
    request.startsSession = true
    request.descriptors = [(nothing.raw, 0), (log.raw, 1), (log.raw, 2)]
    return try Processes.spawn(request).release()
  }

  /// Runs a keeper until it is told to end, or the supervisor has ended as it should.
  ///
  /// - Parameter supervisor: the supervisor to watch; nil starts one.
  public static func run(runDirectory: String, logDirectory: String, watching supervisor: Int32?) throws {
    // A supervisor that is away for a moment has its keeper; who starts another one need not know.
    guard let life: FileLock = try FileLock.take(runDirectory + "/keeper.lock") else { return }
    defer { _ = consume life }
    // What the supervisor and the runtime leave behind when they are killed (shims, above all) is ours to bury.
    try Processes.becomeSubreaper()
    try Signals.block([SIGCHLD])
    let children: FileDescriptor = try Signals.descriptor([SIGCHLD])
    var running: RunningComponents = RunningComponents(runDirectory: runDirectory, file: file)
    running.processes[name] = RunningComponents.Identity(getpid())
    try running.save()
    var watched: Int32? = supervisor
    var wasShort: Bool = false
    while true {
      let start: Int64 = SystemClock.monotonic
      if let pid: Int32 = watched {
        // One that has ended already is noticed by the missing process.
        if let descriptor: FileDescriptor = try? Processes.open(pid) { try bury(children.raw, until: descriptor.raw) }
      } else {
        let command: [String] = arguments("supervisor", runDirectory, logDirectory)
        let descriptor: FileDescriptor = FileDescriptor(owning: try spawn(command, logDirectory).descriptor)
        try bury(children.raw, until: descriptor.raw)
      }
      watched = nil
      guard Files.exists(Supervisor.planPath(runDirectory)) else { return }
      // While there is no supervisor nobody would start another keeper, so that the first time costs no wait.
      let isShort: Bool = SystemClock.monotonic - start < steady
      if isShort, wasShort { _ = poll(nil, 0, delay) }
      wasShort = isShort
    }
  }

  /// Reaps every child that ends, until the supervisor has.
  private static func bury(_ children: Int32, until supervisor: Int32) throws(SystemError) {
    var entries: [pollfd] = [supervisor, children].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      try systemCall("poll") { poll(&entries, 2, -1) }
      Signals.drain(children)
      while Processes.reap() != nil {}
      if entries[0].revents != 0 { return }
    }
  }
}
