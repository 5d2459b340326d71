// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// Starts this program as `apus-init` and answers it until it has executed its program, awaits its start, or failed.
final class InitLauncher {
  static let programName: String = "apus-init"

  /// What to start.
  struct Request {
    /// `create` or `exec`.
    var mode: String
    var configuration: JSONValue
    var processFiles: [String] = []
    /// A new PID namespace, for process 1 of it.
    var makesPIDNamespace: Bool = false
    /// The PID namespace to be born into.
    var pidNamespace: String?
    var listener: SharedDescriptor?
    var preservedDescriptors: Int32 = 0
  }

  /// The process; it becomes another one where init goes on in a PID namespace of its user namespace.
  private(set) var pid: Int32 = 0
  /// Told of the process, and again of the other one.
  var onProcess: (Int32) throws(CommandError) -> Void = { _ in }
  /// Told when namespaces and mounts are there; answers with the state.
  var onMounted: () throws(CommandError) -> JSONValue = { .null }
  var onTerminal: (SharedDescriptor) throws(CommandError) -> Void = { _ in }
  var onWarning: (String) -> Void = { _ in }
  private var socket: SharedDescriptor?

  func start(_ request: Request) throws(CommandError) {
    let program: InitProgram = InitProgram("/proc/self/exe")
    try attempt("start the container's process") { () throws(SystemError) in
      let ends: (reader: Int32, writer: Int32) = try UnixSocket.pair().release()
      let socket: SharedDescriptor = SharedDescriptor(owning: ends.reader)
      let theirs: SharedDescriptor = SharedDescriptor(owning: ends.writer)
      let configuration: FileDescriptor = try Memory.file("config.json")
      try configuration.write(request.configuration.bytes)
      let raw: Int32 = configuration.raw
      try systemCall("lseek") { lseek(raw, 0, SEEK_SET) }
      var groups: [SharedDescriptor] = []
      for path: String in request.processFiles {
        groups.append(SharedDescriptor(try FileDescriptor.open(path, .writeOnly)))
      }
      var spawn: SpawnRequest = SpawnRequest(path: program.path, arguments: [Self.programName, request.mode])
      spawn.programDescriptor = program.descriptor?.raw ?? -1
      spawn.cgroupDescriptors = groups.map(\.raw)
      spawn.startsSession = true
      spawn.environment = Failpoints.environment
      spawn.workingDirectory = "/"
      spawn.descriptors = [
        (0, 0), (1, 1), (2, 2), (theirs.raw, InitMessage.socketDescriptor),
        (configuration.raw, InitMessage.configurationDescriptor),
      ]
      if let listener: SharedDescriptor = request.listener {
        spawn.descriptors.append((listener.raw, InitMessage.startDescriptor))
      }
      for number: Int32 in 0..<request.preservedDescriptors {
        spawn.descriptors.append((3 + number, InitMessage.firstPreservedDescriptor + number))
      }
      if request.makesPIDNamespace { spawn.newNamespaces = .pid }
      if let path: String = request.pidNamespace {
        // A process enters a PID namespace by being born there.
        let other: FileDescriptor = try FileDescriptor.open(path)
        try Namespaces.join(other.raw, .pid)
      }
      let process: SpawnedProcess = try Processes.spawn(spawn)
      pid = process.pid
      self.socket = socket
    }
    try onProcess(pid)
  }

  /// Answers until there is nothing left to do here.
  func finish() throws(CommandError) {
    guard let socket else { return }
    var isExecuting: Bool = false
    while true {
      let packet = try attempt("listen to the container's process") { () throws(SystemError) in
        try UnixSocket.receive(socket.raw, upTo: 64 << 10)
      }
      guard let packet else { break }
      switch InitMessage(packet.bytes) {
      case .mounted: try answer(try onMounted().bytes)
      case .moved(let other):
        pid = other
        try onProcess(other)
        try answer([1])
      case .terminal:
        if let master: SharedDescriptor = packet.descriptors.first { try onTerminal(master) }
      case .warning(let text): onWarning(text)
      case .created: return
      case .executing: isExecuting = true
      case .failure(let text): throw CommandError(text)
      case .needsUserMaps, nil: throw CommandError("the container's process said something unknown")
      }
    }
    guard isExecuting else { throw CommandError("the container's process died while it set the container up") }
  }

  private func answer(_ bytes: [UInt8]) throws(CommandError) {
    guard let socket else { return }
    try attempt("answer the container's process") { () throws(SystemError) in
      try UnixSocket.send(socket.raw, bytes)
    }
  }
}
