// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import Glibc
import JSON
import Kernel
import ShimProtocol

/// A container's first process: its streams, its log and those who are attached.
final class ContainerProcess {
  let request: StartContainer
  private let loop: EventLoop
  private(set) var pid: Int32 = 0
  private(set) var exit: ProcessExit?
  private let log: ContainerLog?
  private var launch: InitLaunch?
  private var outputs: [LogStream: SharedDescriptor] = [:]
  private var terminal: SharedDescriptor?
  private var input: OutputQueue?
  private var attachments: [Attachment] = []

  /// As much as a pipe holds by default.
  private static let chunkBytes: Int = 64 << 10

  init(_ request: StartContainer, _ loop: EventLoop) throws(SystemError) {
    self.request = request
    self.loop = loop
    log = request.logPath.isEmpty ? nil : try ContainerLog(request.logPath)
  }

  /// Spawns; `completion` gets nil when the program runs, or what went wrong.
  func start(_ program: InitProgram, _ completion: @escaping (String?) -> Void) throws(SystemError) {
    let configuration: SharedDescriptor = SharedDescriptor(
      try FileDescriptor.open(request.bundle + "/config.json"))
    let null: SharedDescriptor = SharedDescriptor(try FileDescriptor.open("/dev/null", .readWrite))
    var theirs: [SharedDescriptor] = [null, null, null]
    if !request.hasTerminal {
      if request.hasStdin {
        let pipe: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
        theirs[0] = SharedDescriptor(owning: pipe.reader)
        input = try OutputQueue(SharedDescriptor(owning: pipe.writer), loop)
      }
      for (number, stream) in [(1, LogStream.stdout), (2, LogStream.stderr)] {
        let pipe: (reader: Int32, writer: Int32) = try FileDescriptor.pipe().release()
        theirs[number] = SharedDescriptor(owning: pipe.writer)
        outputs[stream] = SharedDescriptor(owning: pipe.reader)
      }
    }
    // A PID namespace belongs to the user namespace of its maker: then init makes it, once it has joined that.
    let isMadeByInit: Bool = request.hasUserNamespace && request.pidNamespace == .new
    launch = try InitLaunch(
      InitLaunch.Request(
        mode: "run", arguments: ["apus-init", "run"], configuration: configuration, streams: theirs.map(\.raw),
        pidNamespace: isMadeByInit ? .host : request.pidNamespace, processFiles: request.processFiles),
      program: program, loop: loop
    ) { [weak self] outcome in
      self?.launched(outcome, completion)
    }
    pid = launch?.pid ?? 0
    launch?.onMove = { [weak self] pid in self?.pid = pid }
    for (stream, descriptor) in outputs { try read(descriptor, stream) }
  }

  private func launched(_ outcome: InitLaunch.Outcome, _ completion: (String?) -> Void) {
    launch = nil
    switch outcome {
    case .failed(let message): completion(message)
    case .started(let master):
      if let master {
        terminal = master
        do throws(SystemError) {
          let copy: Int32 = try systemCall("dup") { fcntl(master.raw, F_DUPFD_CLOEXEC, 3) }
          if request.hasStdin { input = try OutputQueue(SharedDescriptor(owning: copy), loop) } else { closeDescriptor(copy) }
          outputs[.stdout] = master
          try read(master, .stdout)
        } catch { return completion("use the terminal: \(error)") }
      }
      completion(nil)
    }
  }

  private func read(_ descriptor: SharedDescriptor, _ stream: LogStream) throws(SystemError) {
    try Kernel.setNonblocking(descriptor.raw)
    try loop.watch(descriptor.raw, .readable) { [weak self] _ in _ = self?.relay(stream, limit: 4) }
  }

  /// Takes what is there, up to some chunks, to the log and to those attached.
  private func relay(_ stream: LogStream, limit: Int) {
    guard let descriptor: SharedDescriptor = outputs[stream] else { return }
    for _ in 0..<limit {
      do throws(SystemError) {
        let bytes: [UInt8] = try Kernel.read(descriptor.raw, upTo: Self.chunkBytes)
        if bytes.isEmpty { return end(stream) }
        log?.take(bytes, stream)
        for attachment: Attachment in attachments { attachment.take(bytes, stream) }
        if bytes.count < Self.chunkBytes, limit < Int.max { return }
      } catch {
        // A terminal whose other side is closed says EIO.
        if error.errno != .wouldBlock { end(stream) }
        return
      }
    }
  }

  private func end(_ stream: LogStream) {
    guard let descriptor: SharedDescriptor = outputs.removeValue(forKey: stream) else { return }
    loop.forget(descriptor.raw)
    log?.finish(stream)
  }

  /// The process was reaped: takes the rest of its output, writes down how it ended.
  func ended(_ exitCode: Int32, hierarchy: CgroupHierarchy) {
    let group: Cgroup = hierarchy.group(request.cgroupsPath)
    if case .new = request.pidNamespace {
      // With process 1 the kernel has ended all the others.
    } else if !request.cgroupsPath.isEmpty {
      // What the process leaves behind in a shared PID namespace is the container's, too.
      try? group.signal(SIGKILL)
    }
    for stream: LogStream in [.stdout, .stderr] {
      relay(stream, limit: Int.max)
      end(stream)
    }
    let isOutOfMemory: Bool = !request.cgroupsPath.isEmpty && group.outOfMemoryKills() > 0
    let exit: ProcessExit = ProcessExit(
      id: request.id, exitCode: exitCode, finishedAt: SystemClock.now, isOutOfMemory: isOutOfMemory)
    self.exit = exit
    // The shim remembers it as well; the file is for when it cannot be asked any more.
    try? Files.replace(request.bundle + "/exit.json", exit.json.bytes)
    input?.close()
    terminal = nil
    for attachment: Attachment in attachments { attachment.finish() }
    attachments = []
  }

  /// Joins the streams of the container to descriptors of a client.
  func attach(stdin: SharedDescriptor?, stdout: SharedDescriptor?, stderr: SharedDescriptor?) throws(SystemError) {
    let attachment: Attachment = try Attachment(stdin: stdin, stdout: stdout, stderr: stderr, loop: loop)
    attachments.append(attachment)
    attachment.onEnd = { [weak self, weak attachment] in self?.attachments.removeAll { $0 === attachment } }
    guard let input, stdin != nil else { return }
    let closesInput: Bool = request.isStdinOnce && !request.hasTerminal
    attachment.onInputEnd = { [weak self] in
      if closesInput { self?.input?.finish() }
    }
    try attachment.readInput(into: input)
  }

  func reopenLog() throws(SystemError) { try log?.reopen() }

  func resize(columns: UInt16, rows: UInt16) throws(SystemError) {
    guard let terminal else { throw SystemError(.noSuchAddress, "resize", request.id) }
    try Terminal.resize(terminal.raw, columns: columns, rows: rows)
  }
}
