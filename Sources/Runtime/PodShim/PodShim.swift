// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel
import ShimProtocol

/// The program `apus-shim`: owns the processes of one pod and outlives the runtime that started it.
///
/// ```
/// apus-shim CONFIGURATION      descriptor 3: gets the state as JSON, or `{"error": …}`, once the pod's pause runs
/// ```
public enum PodShim {
  /// Where the runtime waits for the shim to be ready.
  public static let readyDescriptor: Int32 = 3

  /// The lock that says that this shim lives (`FileLock`).
  private static let lifeDescriptor: Int32 = 4

  /// Runs the shim; returns its exit code.
  public static func main(arguments: [String]) -> Int32 {
    guard arguments.count == 2 else {
      try? Kernel.write(2, Array("apus-shim is started by apus runtime; usage: apus-shim CONFIGURATION\n".utf8))
      return 2
    }
    for descriptor: Int32 in [readyDescriptor, lifeDescriptor] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    Failpoints.reach("Shim.begun")
    do {
      let configuration: ShimConfiguration = ShimConfiguration(try JSONValue(parsing: try Files.read(arguments[1])))
      let shim: Shim = try Shim(configuration)
      try shim.run()
      return 0
    } catch {
      let failure: JSONValue = ["error": .string("\(error)")]
      try? Kernel.write(readyDescriptor, failure.bytes)
      return 1
    }
  }
}

/// The shim's state.
final class Shim {
  /// A process that was executed beside a container's own.
  private struct Exec {
    var pid: Int32
    var launch: InitLaunch?
    /// What kills it when its time is over.
    var alarm: UInt64?
    var isTimedOut: Bool = false
  }

  private let configuration: ShimConfiguration
  private let loop: EventLoop
  private let listener: SharedDescriptor
  private let children: SharedDescriptor
  private let program: InitProgram
  private let hierarchy: CgroupHierarchy
  private var connections: [Connection] = []
  private var containers: [String: ContainerProcess] = [:]
  private var execs: [String: Exec] = [:]
  private var pausePID: Int32 = 0
  private var pauseLaunch: InitLaunch?
  private var isShuttingDown: Bool = false

  init(_ configuration: ShimConfiguration) throws(SystemError) {
    self.configuration = configuration
    try Signals.block([SIGCHLD, SIGTERM, SIGINT, SIGHUP])
    Signals.ignore(SIGPIPE)
    try Processes.becomeSubreaper()
    loop = try EventLoop()
    children = SharedDescriptor(try Signals.descriptor([SIGCHLD]))
    listener = SharedDescriptor(try UnixSocket.listen(configuration.socketPath))
    program = InitProgram(configuration.initPath)
    hierarchy = try CgroupHierarchy.detect()
  }

  func run() throws(SystemError) {
    try loop.watch(children.raw, .readable) { [unowned self] _ in reap() }
    try loop.watch(listener.raw, .readable) { [unowned self] _ in accept() }
    Failpoints.reach("Shim.listening")
    try startPause()
    try loop.run()
    try? Files.remove(configuration.socketPath)
  }

  private func startPause() throws(SystemError) {
    let memory: FileDescriptor = try Memory.file("pause")
    try memory.write(configuration.json.bytes)
    try systemCall("lseek") { lseek(memory.raw, 0, SEEK_SET) }
    let null: SharedDescriptor = SharedDescriptor(try FileDescriptor.open("/dev/null", .readWrite))
    let launch: InitLaunch = try InitLaunch(
      InitLaunch.Request(
        mode: "pause", arguments: ["/pause"], configuration: SharedDescriptor(memory),
        streams: [null.raw, null.raw, null.raw],
        // In a user namespace of its own, the pause process makes its PID namespace itself.
        pidNamespace: configuration.uidMappings.items.isEmpty ? configuration.pidNamespace : .host,
        processFiles: configuration.processFiles, uidMappings: configuration.uidMappings,
        gidMappings: configuration.gidMappings),
      program: program, loop: loop
    ) { [unowned self] outcome in
      pauseLaunch = nil
      switch outcome {
      case .started:
        Failpoints.reach("Shim.ready")
        tellReady(state.json)
      case .failed(let message):
        tellReady(["error": .string(message)])
        loop.stop()
      }
    }
    pausePID = launch.pid
    launch.onMove = { [unowned self] pid in pausePID = pid }
    pauseLaunch = launch
  }

  private func tellReady(_ json: JSONValue) {
    // A runtime that died meanwhile finds the socket when it comes back.
    try? Kernel.write(PodShim.readyDescriptor, json.bytes)
    closeDescriptor(PodShim.readyDescriptor)
  }

  private var state: ShimState {
    var running: [String: Int32] = [:]
    for (id, container) in containers where container.exit == nil { running[id] = container.pid }
    return ShimState(
      pid: getpid(), pausePID: pausePID, running: running,
      ended: containers.values.compactMap(\.exit).sorted { $0.id < $1.id })
  }

  private func accept() {
    // A connection that is gone already needs no answer.
    guard let socket: FileDescriptor = try? UnixSocket.accept(listener.raw) else { return }
    let connection: Connection? = try? Connection(
      SharedDescriptor(socket), loop,
      onRequest: { [unowned self] connection, id, method, parameters, descriptors in
        handle(connection, id, method, parameters, descriptors)
      },
      onClose: { [unowned self] connection in connections.removeAll { $0 === connection } })
    if let connection { connections.append(connection) }
  }

  private func tell(_ name: String, _ content: JSONValue) {
    for connection: Connection in connections { connection.send(.event(name: name, content: content)) }
  }

  private func reap() {
    Signals.drain(children.raw)
    while let ended = Processes.reap() {
      if ended.pid == pausePID {
        pausePID = 0
        pauseEnded(ended.exitCode)
      } else if let container: ContainerProcess = containers.values.first(where: { $0.pid == ended.pid && $0.exit == nil }) {
        container.ended(ended.exitCode, hierarchy: hierarchy)
        if let exit: ProcessExit = container.exit { tell(ShimMethod.exited, exit.json) }
      } else if let (name, exec) = execs.first(where: { $0.value.pid == ended.pid }) {
        // Its launch may still have something to say about why; it keeps itself alive until then.
        execs[name] = nil
        if let alarm: UInt64 = exec.alarm { loop.cancel(alarm) }
        tell(
          ShimMethod.execExited,
          ["exec": .string(name), "exitCode": JSONValue(ended.exitCode), "timedOut": .bool(exec.isTimedOut)])
      }
      // Anything else is an orphan that was ours to bury.
    }
  }

  private func pauseEnded(_ exitCode: Int32) {
    let exit: ProcessExit = ProcessExit(
      id: configuration.sandboxID, exitCode: exitCode, finishedAt: SystemClock.now, isOutOfMemory: false)
    tell(ShimMethod.exited, exit.json)
    if isShuttingDown { loop.stop() }
  }
}

// MARK: - Requests

extension Shim {
  private func handle(
    _ connection: Connection, _ id: Int64, _ method: String, _ parameters: JSONValue, _ descriptors: [SharedDescriptor]
  ) {
    do {
      switch method {
      case ShimMethod.state: connection.send(.response(id: id, result: state.json))
      case ShimMethod.start: try start(StartContainer(parameters), connection, id)
      case ShimMethod.exec: try exec(ExecProcess(parameters), descriptors, connection, id)
      case ShimMethod.attach:
        try attach(parameters, descriptors)
        connection.send(.response(id: id, result: [:]))
      case ShimMethod.signal:
        try signal(parameters)
        connection.send(.response(id: id, result: [:]))
      case ShimMethod.resize:
        try container(parameters).resize(
          columns: UInt16(clamping: parameters["columns"].int ?? 80), rows: UInt16(clamping: parameters["rows"].int ?? 24))
        connection.send(.response(id: id, result: [:]))
      case ShimMethod.reopenLog:
        try container(parameters).reopenLog()
        connection.send(.response(id: id, result: [:]))
      case ShimMethod.forget:
        if let known: ContainerProcess = containers[parameters["id"].string ?? ""], known.exit != nil {
          containers[known.request.id] = nil
        }
        connection.send(.response(id: id, result: [:]))
      case ShimMethod.shutdown: shutdown(connection, id)
      default: throw PodShimError("unknown method \"\(method)\"")
      }
    } catch {
      connection.send(.failure(id: id, message: "\(error)"))
    }
  }

  private func container(_ parameters: JSONValue) throws(PodShimError) -> ContainerProcess {
    let id: String = parameters["id"].string ?? ""
    guard let container: ContainerProcess = containers[id] else { throw PodShimError("no container \"\(id)\"") }
    return container
  }

  private func start(_ request: StartContainer, _ connection: Connection, _ id: Int64) throws {
    if let known: ContainerProcess = containers[request.id], known.exit == nil {
      throw PodShimError("container \"\(request.id)\" runs already")
    }
    let container: ContainerProcess = try ContainerProcess(request, loop)
    containers[request.id] = container
    do throws(SystemError) {
      try container.start(program) { [unowned self, unowned container] failure in
        if let failure {
          containers[request.id] = nil
          connection.send(.failure(id: id, message: failure))
        } else {
          Failpoints.reach("Shim.started")
          connection.send(.response(id: id, result: ["pid": JSONValue(container.pid)]))
        }
      }
    } catch {
      containers[request.id] = nil
      throw error
    }
  }

  private func exec(
    _ request: ExecProcess, _ descriptors: [SharedDescriptor], _ connection: Connection, _ id: Int64
  ) throws {
    guard let container: ContainerProcess = containers[request.id], container.exit == nil else {
      throw PodShimError("container \"\(request.id)\" does not run")
    }
    let memory: FileDescriptor = try Memory.file("exec")
    let configuration: JSONValue = [
      "pid": JSONValue(container.pid), "process": request.process, "seccompProgram": .string(request.seccompProgram),
    ]
    try memory.write(configuration.bytes)
    try systemCall("lseek") { lseek(memory.raw, 0, SEEK_SET) }
    let null: SharedDescriptor = SharedDescriptor(try FileDescriptor.open("/dev/null", .readWrite))
    var streams: [Int32] = descriptors.prefix(3).map(\.raw)
    while streams.count < 3 { streams.append(null.raw) }
    let launch: InitLaunch = try InitLaunch(
      InitLaunch.Request(
        mode: "exec", arguments: ["apus-init", "exec"], configuration: SharedDescriptor(memory), streams: streams,
        pidNamespace: .of(container.pid), processFiles: request.processFiles),
      program: program, loop: loop
    ) { [unowned self] outcome in
      execs[request.execID]?.launch = nil
      switch outcome {
      case .started(let terminal):
        connection.send(.response(id: id, result: [:]), terminal.map { [$0] } ?? [])
      case .failed(let message): connection.send(.failure(id: id, message: message))
      }
    }
    var exec: Exec = Exec(pid: launch.pid, launch: launch)
    if request.timeout > 0 {
      exec.alarm = loop.call(after: .seconds(request.timeout)) { [unowned self] in
        execs[request.execID]?.isTimedOut = true
        // It is gone, or it goes.
        try? kill(request.execID, SIGKILL)
      }
    }
    execs[request.execID] = exec
  }

  /// Signals an executed process and those that it started, which are in its session, mostly in its group.
  private func kill(_ execID: String, _ number: Int32) throws(SystemError) {
    guard let exec: Exec = execs[execID] else { return }
    try Processes.signal(-exec.pid, number)
    try Processes.signal(exec.pid, number)
  }

  private func attach(_ parameters: JSONValue, _ descriptors: [SharedDescriptor]) throws {
    let container: ContainerProcess = try container(parameters)
    guard container.exit == nil else { throw PodShimError("container \"\(container.request.id)\" does not run") }
    var rest: ArraySlice<SharedDescriptor> = descriptors[...]
    func next(_ name: String) -> SharedDescriptor? { parameters[name].bool == true ? rest.popFirst() : nil }
    try container.attach(stdin: next("stdin"), stdout: next("stdout"), stderr: next("stderr"))
  }

  private func signal(_ parameters: JSONValue) throws {
    let number: Int32 = Int32(clamping: parameters["signal"].int ?? 0)
    if let name: String = parameters["exec"].string { return try kill(name, number) }
    let container: ContainerProcess = try container(parameters)
    guard container.exit == nil else { return }
    try Processes.signal(container.pid, number)
    if parameters["all"].bool == true, !container.request.cgroupsPath.isEmpty {
      try hierarchy.group(container.request.cgroupsPath).signal(number)
    }
  }

  private func shutdown(_ connection: Connection, _ id: Int64) {
    isShuttingDown = true
    for container: ContainerProcess in containers.values where container.exit == nil {
      // It is gone, or it goes.
      try? Processes.signal(container.pid, SIGKILL)
    }
    connection.send(.response(id: id, result: [:]))
    if pausePID == 0 { return loop.stop() }
    try? Processes.signal(pausePID, SIGKILL)
  }
}

/// A request that the shim cannot follow.
struct PodShimError: Error, Hashable, Sendable, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
