// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Signals by name, and as readable descriptors.
public enum Signals {
  /// Blocks the signals for the calling thread (and those it makes later).
  public static func block(_ signals: [Int32]) throws(SystemError) {
    var set: sigset_t = signalSet(signals)
    let result: Int32 = pthread_sigmask(SIG_BLOCK, &set, nil)
    if result != 0 { throw SystemError(Errno(rawValue: result), "pthread_sigmask") }
  }

  /// A descriptor that becomes readable when one of the (blocked) signals is pending (signalfd(2)).
  public static func descriptor(_ signals: [Int32]) throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try systemCall("signalfd") { apus_signalfd(signals, signals.count) })
  }

  /// Takes the next signal from a signal descriptor; nil when none is pending.
  public static func next(_ descriptor: borrowing FileDescriptor) -> Int32? {
    let signal: Int32 = apus_next_signal(descriptor.raw)
    return signal > 0 ? signal : nil
  }

  /// Takes every pending signal from a signal descriptor.
  public static func drain(_ descriptor: Int32) {
    while apus_next_signal(descriptor) > 0 {}
  }

  /// Waits for one of the (blocked) signals and takes it.
  public static func wait(for signals: [Int32]) -> Int32 {
    var set: sigset_t = signalSet(signals)
    var signal: Int32 = 0
    while sigwait(&set, &signal) != 0 {}
    return signal
  }

  /// Ignores a signal for the whole process.
  public static func ignore(_ number: Int32) { _ = signal(number, SIG_IGN) }

  /// The number of a signal: `TERM`, `SIGTERM`, `15` or `SIGRTMIN+3`.
  public static func number(_ name: String) -> Int32? {
    if let number = Int32(name) { return (1...64).contains(number) ? number : nil }
    var bare: Substring = name.uppercased()[...]
    if bare.hasPrefix("SIG") { bare = bare.dropFirst(3) }
    if let number: Int32 = names[String(bare)] { return number }
    if bare.hasPrefix("RTMIN+"), let offset = Int32(bare.dropFirst(6)), (0...30).contains(offset) { return 34 + offset }
    if bare.hasPrefix("RTMAX-"), let offset = Int32(bare.dropFirst(6)), (0...30).contains(offset) { return 64 - offset }
    return nil
  }

  private static let names: [String: Int32] = [
    "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT, "IOT": SIGABRT,
    "BUS": SIGBUS, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2,
    "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "STKFLT": 16, "CHLD": SIGCHLD, "CLD": SIGCHLD,
    "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG,
    "XCPU": SIGXCPU, "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM, "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO,
    "POLL": SIGIO, "PWR": SIGPWR, "SYS": SIGSYS, "RTMIN": 34, "RTMAX": 64,
  ]

  private static func signalSet(_ signals: [Int32]) -> sigset_t {
    var set: sigset_t = sigset_t()
    sigemptyset(&set)
    for signal: Int32 in signals { sigaddset(&set, signal) }
    return set
  }
}
