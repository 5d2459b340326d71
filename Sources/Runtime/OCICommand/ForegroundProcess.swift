// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel

/// A process of a container that the command stays with: its terminal, the signals that are for it, and its end.
struct ForegroundProcess {
  let context: CommandContext
  let consoleSocket: String?
  let isDetached: Bool

  /// Starts a further process and, unless detached, waits for it: its exit code.
  func exec(_ request: InitLauncher.Request, pidFile: String?) throws(CommandError) -> Int32 {
    let launcher: InitLauncher = InitLauncher()
    var master: SharedDescriptor?
    let (log, consoleSocket): (CommandLog, String?) = (context.log, consoleSocket)
    launcher.onWarning = { log.warn($0) }
    launcher.onTerminal = { descriptor throws(CommandError) in
      if let consoleSocket { try ConsoleSocket.send(descriptor, to: consoleSocket) } else { master = descriptor }
    }
    if !isDetached { try block() }
    try launcher.start(request)
    do throws(CommandError) { try launcher.finish() } catch {
      // What could not be executed has ended; it is ours to reap.
      _ = try? Processes.wait(for: launcher.pid)
      throw error
    }
    if let pidFile, !pidFile.isEmpty { try PIDFile.write(pidFile, launcher.pid) }
    return isDetached ? 0 : try wait(for: launcher.pid, master)
  }

  private static let forwarded: [Int32] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH, SIGTTIN, SIGTTOU, SIGTSTP,
  ]

  /// Holds signals back until they can be passed on; before the process starts.
  func block() throws(CommandError) {
    try attempt("block signals") { () throws(SystemError) in try Signals.block(Self.forwarded + [SIGCHLD]) }
  }

  /// Waits for the end of a child; signals go to it, and what is typed goes to its terminal.
  func wait(for pid: Int32, _ master: SharedDescriptor?) throws(CommandError) -> Int32 {
    let mode: TerminalMode? = master == nil ? nil : TerminalMode()
    defer { mode?.restore() }
    return try attempt("wait for the process") { () throws(SystemError) in
      let signals: FileDescriptor = try Signals.descriptor(Self.forwarded + [SIGCHLD])
      let poller: Poller = try Poller()
      try poller.add(signals.raw, .readable, token: 0)
      var relay: TerminalRelay?
      if let master {
        relay = try TerminalRelay(master, poller)
        relay?.resize()
      }
      while true {
        while let end = Processes.reap() {
          guard end.pid == pid else { continue }
          relay?.drain()
          return end.exitCode
        }
        for event in try poller.wait() {
          if event.token != 0 {
            relay?.handle(event.token, poller)
            continue
          }
          while let signal: Int32 = Signals.next(signals) {
            if signal == SIGWINCH, let relay { relay.resize() } else if signal != SIGCHLD { kill(pid, signal) }
          }
        }
      }
    }
  }
}

/// The mode of the caller's own terminal: raw while a container has it.
struct TerminalMode {
  private let before: termios

  /// Nil where standard input is no terminal.
  init?() {
    var mode: termios = termios()
    guard tcgetattr(0, &mode) == 0 else { return nil }
    before = mode
    cfmakeraw(&mode)
    // What the program writes is finished by its own terminal.
    tcsetattr(0, TCSANOW, &mode)
  }

  func restore() {
    var mode: termios = before
    tcsetattr(0, TCSANOW, &mode)
  }
}

/// Carries bytes between standard input and output and the master of a terminal.
struct TerminalRelay {
  private let master: SharedDescriptor
  private static let inputToken: UInt64 = 1
  private static let masterToken: UInt64 = 2

  init(_ master: SharedDescriptor, _ poller: borrowing Poller) throws(SystemError) {
    self.master = master
    try poller.add(master.raw, .readable, token: Self.masterToken)
    // A file, which epoll refuses, is taken at once as far as a terminal takes it.
    do throws(SystemError) { try poller.add(0, .readable, token: Self.inputToken) } catch {
      while let bytes: [UInt8] = try? Kernel.read(0, upTo: 4096), !bytes.isEmpty { try Kernel.write(master.raw, bytes) }
    }
  }

  /// Tells the container's terminal the size of the caller's.
  func resize() {
    var size: winsize = winsize()
    let getWindowSize: UInt = 0x5413
    guard apus_ioctl(0, getWindowSize, &size) == 0 else { return }
    // A terminal that is gone needs no size.
    try? Terminal.resize(master.raw, columns: size.ws_col, rows: size.ws_row)
  }

  func handle(_ token: UInt64, _ poller: borrowing Poller) {
    let (from, to): (Int32, Int32) = token == Self.inputToken ? (0, master.raw) : (master.raw, 1)
    // A terminal whose other side is closed says EIO.
    let bytes: [UInt8] = (try? Kernel.read(from, upTo: 64 << 10)) ?? []
    if bytes.isEmpty { return poller.remove(from) }
    // Who does not listen any more misses the rest.
    try? Kernel.write(to, bytes)
  }

  /// Writes what the program left behind.
  func drain() {
    guard (try? Kernel.setNonblocking(master.raw)) != nil else { return }
    while let bytes: [UInt8] = try? Kernel.read(master.raw, upTo: 64 << 10), !bytes.isEmpty {
      try? Kernel.write(1, bytes)
    }
  }
}
