// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import ShimProtocol

/// One start of `apus-init`, from the spawn until it has executed its program or failed.
final class InitLaunch {
  /// How it ended.
  enum Outcome {
    /// The program runs; with its terminal's master.
    case started(terminal: SharedDescriptor?)
    case failed(String)
  }

  /// The process; it becomes another one where init goes on in a PID namespace of its user namespace.
  private(set) var pid: Int32
  /// Told of the other one.
  var onMove: ((Int32) -> Void)?
  private let loop: EventLoop
  private let socket: SharedDescriptor
  private let uidMap: String
  private let gidMap: String
  private var terminal: SharedDescriptor?
  private var isExecuting: Bool = false
  private var failure: String?
  private var completion: ((Outcome) -> Void)?
  private(set) var warnings: [String] = []

  /// What to start.
  struct Request {
    var mode: String
    var arguments: [String]
    var configuration: SharedDescriptor
    var streams: [Int32]
    var pidNamespace: PIDNamespace
    var processFiles: [String]
    var uidMappings: JSONValue = .null
    var gidMappings: JSONValue = .null
  }

  init(
    _ request: Request, program: InitProgram, loop: EventLoop, completion: @escaping (Outcome) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.completion = completion
    uidMap = Self.map(request.uidMappings)
    gidMap = Self.map(request.gidMappings)
    let ends: (reader: Int32, writer: Int32) = try UnixSocket.pair().release()
    socket = SharedDescriptor(owning: ends.reader)
    let theirs: SharedDescriptor = SharedDescriptor(owning: ends.writer)
    var groups: [SharedDescriptor] = []
    for path: String in request.processFiles {
      groups.append(SharedDescriptor(try FileDescriptor.open(path, .writeOnly)))
    }
    var spawn: SpawnRequest = SpawnRequest(path: program.path, arguments: request.arguments)
    spawn.programDescriptor = program.descriptor?.raw ?? -1
    spawn.cgroupDescriptors = groups.map(\.raw)
    spawn.startsSession = true
    spawn.environment = Failpoints.environment
    spawn.workingDirectory = "/"
    for (number, stream) in request.streams.enumerated() { spawn.descriptors.append((stream, Int32(number))) }
    spawn.descriptors.append((theirs.raw, InitMessage.socketDescriptor))
    spawn.descriptors.append((request.configuration.raw, InitMessage.configurationDescriptor))
    var process: SpawnedProcess
    switch request.pidNamespace {
    case .new:
      spawn.newNamespaces = .pid
      process = try Processes.spawn(spawn)
    case .host: process = try Processes.spawn(spawn)
    case .of(let pid):
      // A process enters a PID namespace by being born there: ours is theirs for the length of the spawn.
      let own: FileDescriptor = try FileDescriptor.open("/proc/self/ns/pid")
      let other: FileDescriptor = try FileDescriptor.open("/proc/\(pid)/ns/pid")
      try Namespaces.join(other.raw, .pid)
      do throws(SystemError) { process = try Processes.spawn(spawn) } catch {
        try Namespaces.join(own.raw, .pid)
        throw error
      }
      try Namespaces.join(own.raw, .pid)
    }
    pid = process.pid
    _ = consume process
    try Kernel.setNonblocking(socket.raw)
    try loop.watch(socket.raw, .readable) { [self] _ in receive() }
  }

  private func receive() {
    while true {
      do throws(SystemError) {
        guard let message = try UnixSocket.receive(socket.raw, upTo: 16 << 10, dontWait: true) else { return finish() }
        handle(InitMessage(message.bytes), message.descriptors)
      } catch {
        if error.errno != .wouldBlock { finish() }
        return
      }
    }
  }

  private func handle(_ message: InitMessage?, _ descriptors: [SharedDescriptor]) {
    switch message {
    case .needsUserMaps: writeMaps()
    case .moved(let pid): move(to: pid)
    case .mounted, .created: failure = "apus-init awaits a start that nobody here has divided from the creation"
    case .terminal: terminal = descriptors.first
    case .warning(let text): warnings.append(text)
    case .executing: isExecuting = true
    case .failure(let text): failure = text
    case nil: failure = "apus-init sent something unknown"
    }
  }

  private func writeMaps() {
    do throws(SystemError) {
      try Files.writeControl("/proc/\(pid)/uid_map", uidMap)
      try Files.writeControl("/proc/\(pid)/gid_map", gidMap)
      try UnixSocket.send(socket.raw, [1])
    } catch {
      failure = "write the maps of the user namespace: \(error)"
      finish()
    }
  }

  private func move(to pid: Int32) {
    self.pid = pid
    onMove?(pid)
    do throws(SystemError) { try UnixSocket.send(socket.raw, [1]) } catch {
      failure = "answer apus-init: \(error)"
      finish()
    }
  }

  private static func map(_ mappings: JSONValue) -> String {
    mappings.items.map { "\($0["containerID"].int ?? 0) \($0["hostID"].int ?? 0) \($0["size"].int ?? 0)\n" }.joined()
  }

  private func finish() {
    guard let completion else { return }
    self.completion = nil
    onMove = nil
    loop.forget(socket.raw)
    if let failure {
      completion(.failed(failure))
    } else if isExecuting {
      completion(.started(terminal: terminal))
    } else {
      completion(.failed("apus-init died while it set the container up"))
    }
  }
}
