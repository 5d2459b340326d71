// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// What is being tried at this moment, where a signal handler can reach it.
///
/// `nonisolated(unsafe)`: written by the one thread that runs the cases; read by the watchdog, which only wants to
/// know whether it moves, and by the handler of a signal that has stopped that thread.
enum FuzzInput {
  private static let capacity: Int = 1 << 20
  nonisolated(unsafe) private static let bytes: UnsafeMutableRawPointer = .allocate(byteCount: capacity, alignment: 1)
  nonisolated(unsafe) private static var count: Int = 0
  nonisolated(unsafe) static var number: UInt64 = 0
  nonisolated(unsafe) private static var again: UnsafeMutablePointer<CChar> = strdup("")

  /// Notes the input of the case that runs, before it is tried.
  static func note(_ input: [UInt8]) {
    count = min(input.count, capacity)
    input.withUnsafeBytes { if let base = $0.baseAddress { bytes.copyMemory(from: base, byteCount: count) } }
  }

  /// The input, as far as it is kept.
  static var current: [UInt8] { Array(UnsafeRawBufferPointer(start: bytes, count: count)) }

  /// Says on every crash which case it was and how to run it again.
  static func reportCrashes(subject: String, seed: UInt64) {
    again = strdup("\nfuzz \(subject): CRASHED; again: apus-fuzz \(subject) --seed=\(seed) --case=")
    // A stack that has run over has no room for the handler.
    var stack: stack_t = stack_t(ss_sp: .allocate(byteCount: 1 << 16, alignment: 16), ss_flags: 0, ss_size: 1 << 16)
    sigaltstack(&stack, nil)
    for signal: CInt in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] {
      var action: sigaction = sigaction()
      action.sa_flags = SA_ONSTACK | CInt(bitPattern: UInt32(SA_RESETHAND))
      action.__sigaction_handler.sa_handler = { number in
        FuzzInput.report()
        // The default action is back: it ends the process with this signal.
        raise(number)
      }
      sigaction(signal, &action, nil)
    }
  }

  /// Only what a signal handler may: write(2), and no memory from the heap.
  private static func report() {
    _ = write(2, again, strlen(again))
    var digits: (UInt64, Int) = (number, 0)
    withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { buffer in
      var place: Int = 24
      repeat {
        place -= 1
        buffer[place] = UInt8(48 + digits.0 % 10)
        digits.0 /= 10
      } while digits.0 > 0
      _ = write(2, buffer.baseAddress.map { $0 + place }, 24 - place)
    }
    _ = write(2, "\ninput: ", 8)
    // Enough for a person; --case makes the whole of it again.
    let shown: Int = min(count, 4096)
    withUnsafeTemporaryAllocation(byteCount: 4, alignment: 1) { buffer in
      for place: Int in 0..<shown {
        let byte: UInt8 = bytes.load(fromByteOffset: place, as: UInt8.self)
        let isPlain: Bool = byte >= 0x20 && byte < 0x7f && byte != 0x5c
        if isPlain {
          buffer[0] = byte
          _ = write(2, buffer.baseAddress, 1)
        } else {
          let hex: StaticString = "0123456789abcdef"
          buffer[0] = 0x5c
          buffer[1] = 0x78
          buffer[2] = hex.utf8Start[Int(byte >> 4)]
          buffer[3] = hex.utf8Start[Int(byte & 15)]
          _ = write(2, buffer.baseAddress, 4)
        }
      }
    }
    _ = write(2, "\n", 1)
  }
}
