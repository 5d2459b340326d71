// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel

/// Starts the components of a plan and starts again whatever ends.
///
/// Two processes hold each other up: the supervisor, which does this, and a keeper, which only starts the
/// supervisor again (`Keeper`). Components that a killed supervisor left behind are adopted, not restarted.
///
/// Signals: SIGTERM ends all components, the API server and the runtime last, and then the supervisor; SIGUSR1
/// ends all but the runtime, so that pods can be removed.
public struct Supervisor: ~Copyable {
  /// The first wait before a component is started again.
  private static let firstDelay: Int = 100
  /// The longest wait before a component is started again.
  private static let longestDelay: Int = 5_000
  /// A component that ran for so long is started again without waiting.
  private static let steady: Int = 2_000
  /// How long a component may take to end before it is killed.
  private static let patience: Int = 12_000

  private struct Slot {
    var component: ComponentPlan.Component
    var pidfd: SharedDescriptor?
    var startedAt: Int = 0
    var delay: Int = 0
    var startAt: Int = 0
  }

  private let runDirectory: String
  private let logDirectory: String
  private var slots: [Slot]
  private var running: RunningComponents
  private let poller: Poller
  private let signals: FileDescriptor
  private var keeper: SharedDescriptor?

  /// The file with the plan below a run directory.
  static func planPath(_ runDirectory: String) -> String { runDirectory + "/plan.json" }
  /// The name of the supervisor itself among the running components.
  static let name: String = "supervisor"
  private static let signalToken: UInt64 = .max
  private static let keeperToken: UInt64 = .max - 1

  /// Prepares to run the plan that stands below `runDirectory`. Call on the only thread of the process.
  public init(runDirectory: String, logDirectory: String) throws {
    let awaited: [Int32] = [SIGTERM, SIGINT, SIGUSR1]
    try Signals.block(awaited)
    let plan: ComponentPlan = try ComponentPlan(
      json: JSONValue(parsing: Files.read(Self.planPath(runDirectory))))
    let poller: Poller = try Poller()
    let signals: FileDescriptor = try Signals.descriptor(awaited)
    try poller.add(signals.raw, .readable, token: Self.signalToken)
    self.runDirectory = runDirectory
    self.logDirectory = logDirectory
    slots = plan.components.map { Slot(component: $0) }
    running = RunningComponents(runDirectory: runDirectory)
    self.signals = signals
    self.poller = poller
  }

  /// Runs until it is told to end.
  public mutating func run() throws {
    running.processes[Self.name] = RunningComponents.Identity(getpid())
    try watchKeeper()
    for index: Int in slots.indices { try adopt(index) }
    while true {
      for index: Int in slots.indices where slots[index].pidfd == nil && slots[index].startAt <= Self.now() {
        start(index)
      }
      let next: Int? = slots.filter { $0.pidfd == nil }.map(\.startAt).min()
      let wait: Int32 = next.map { Int32(clamping: max(0, $0 - Self.now())) } ?? -1
      for event in try poller.wait(milliseconds: wait) {
        if event.token == Self.keeperToken {
          try keeperEnded()
          continue
        }
        if event.token != Self.signalToken {
          ended(Int(event.token))
          continue
        }
        while let signal: Int32 = Signals.next(signals) {
          switch signal {
          case SIGUSR1:
            try stop { $0 != "runtime" }
            slots.removeAll { $0.component.name != "runtime" }
            try running.save()
          default:
            // Without a plan the keeper lets the end be the end.
            try Files.remove(Self.planPath(runDirectory))
            try stop { $0 != "runtime" && $0 != "apiserver" }
            try stop { $0 != "runtime" }
            try stop { _ in true }
            return
          }
        }
      }
    }
  }

  /// Milliseconds of a clock that only goes forward.
  private static func now() -> Int { Int(SystemClock.monotonic / 1_000_000) }

  private func say(_ text: String) {
    var line: String = "supervisor: \(text)\n"
    line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// Watches the keeper, or makes one where none is left.
  private mutating func watchKeeper() throws {
    let keeper: SharedDescriptor
    let known: RunningComponents = RunningComponents(runDirectory: runDirectory, file: Keeper.file)
    // Between the look and the opening it may end; then there is none.
    if let identity = known.alive[Keeper.name], let descriptor: FileDescriptor = try? Processes.open(identity.pid) {
      keeper = SharedDescriptor(descriptor)
    } else {
      keeper = try Keeper.start(runDirectory: runDirectory, logDirectory: logDirectory, watching: getpid())
    }
    try poller.add(keeper.raw, .readable, token: Self.keeperToken)
    self.keeper = keeper
  }

  private mutating func keeperEnded() throws {
    if let keeper { poller.remove(keeper.raw) }
    keeper = nil
    while Processes.reap() != nil {}
    say("the keeper ended and is started again")
    try watchKeeper()
  }

  /// Takes over a component that a former supervisor left running, even one that it had no time to write down.
  private mutating func adopt(_ index: Int) throws {
    let name: String = slots[index].component.name
    guard let identity = running.alive[name] ?? RunningComponents.find(slots[index].component.arguments),
      // Between the look and the opening it may end; then it is started like any other.
      let descriptor: FileDescriptor = try? Processes.open(identity.pid)
    else { return }
    try watch(index, SharedDescriptor(descriptor))
    running.processes[name] = identity
    say("adopted \(name), process \(identity.pid)")
  }

  private mutating func watch(_ index: Int, _ descriptor: SharedDescriptor) throws {
    slots[index].pidfd = descriptor
    slots[index].startedAt = Self.now()
    try poller.add(descriptor.raw, .readable, token: UInt64(index))
  }

  private mutating func start(_ index: Int) {
    let component: ComponentPlan.Component = slots[index].component
    do {
      let log: FileDescriptor = try FileDescriptor.open(
        "\(logDirectory)/\(component.name).log", [.writeOnly, .create, .append], mode: 0o644)
      let nothing: FileDescriptor = try FileDescriptor.open("/dev/null", .readOnly)
      var request: SpawnRequest = SpawnRequest(
        path: component.arguments[0], arguments: component.arguments, environment: Self.environment())
      request.startsSession = true
      request.descriptors = [(nothing.raw, 0), (log.raw, 1), (log.raw, 2)]
      let process: SpawnedProcess = try Processes.spawn(request)
      let (pid, descriptor): (pid_t, Int32) = process.release()
      Failpoints.reach("Supervisor.spawned")
      try watch(index, SharedDescriptor(owning: descriptor))
      running.processes[component.name] = RunningComponents.Identity(pid)
      try running.save()
    } catch {
      say("cannot start \(component.name): \(error)")
      postpone(index)
    }
  }

  /// What daemons inherit of the environment of `apus up`.
  static func environment() -> [String] {
    let names: [String] = [
      "PATH", "HOME", "LANG", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", Failpoints.variable,
    ]
    return names.compactMap { name in
      getenv(name).map { "\(name)=\(String(cString: $0))" }
    }
  }

  private mutating func postpone(_ index: Int) {
    slots[index].delay = min(max(Self.firstDelay, slots[index].delay * 2), Self.longestDelay)
    slots[index].startAt = Self.now() + slots[index].delay
  }

  private mutating func ended(_ index: Int) {
    guard slots.indices.contains(index), let descriptor: SharedDescriptor = slots[index].pidfd else { return }
    poller.remove(descriptor.raw)
    slots[index].pidfd = nil
    while Processes.reap() != nil {}
    let lifetime: Int = Self.now() - slots[index].startedAt
    say("\(slots[index].component.name) ended after \(lifetime) ms and is started again")
    if lifetime > Self.steady {
      (slots[index].delay, slots[index].startAt) = (0, 0)
    } else {
      postpone(index)
    }
  }

  /// Ends the components whose name is chosen: asks, and kills those that do not follow.
  private mutating func stop(_ isChosen: (String) -> Bool) throws {
    let chosen: [Int] = slots.indices.filter { isChosen(slots[$0].component.name) }
    let deadline: Int = Self.now() + Self.patience
    for index: Int in chosen {
      slots[index].startAt = .max
      // One that has just ended needs no signal.
      if let descriptor = slots[index].pidfd { try? Processes.signal(descriptor: descriptor.raw, SIGTERM) }
    }
    for index: Int in chosen {
      guard let descriptor: SharedDescriptor = slots[index].pidfd else { continue }
      if !Self.waits(descriptor, until: deadline) {
        say("\(slots[index].component.name) does not end; killing it")
        try? Processes.signal(descriptor: descriptor.raw, SIGKILL)
        _ = Self.waits(descriptor, until: Self.now() + 2_000)
      }
      poller.remove(descriptor.raw)
      slots[index].pidfd = nil
      running.processes[slots[index].component.name] = nil
    }
    while Processes.reap() != nil {}
    try running.save()
  }

  private static func waits(_ descriptor: SharedDescriptor, until deadline: Int) -> Bool {
    var entry: pollfd = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, Int32(clamping: max(0, deadline - now()))) > 0
  }
}
