// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

// Feeds the readers of outside input with generated and damaged input, and looks at what they make of it.
//
//     apus-fuzz                                     names the subjects
//     apus-fuzz NAME [--seconds=5] [--seed=N]       runs cases for so long
//     apus-fuzz NAME --seed=N --case=N              runs one case again

/// A case that takes longer hangs.
let caseSecondsMax: Int = 20
/// What a subject may occupy at most, with everything that the process itself has.
let memoryMiBMax: Int = 768

func option(_ name: String) -> String? {
  CommandLine.arguments.dropFirst().first { $0.hasPrefix("--\(name)=") }.map { String($0.dropFirst(name.count + 3)) }
}

func memoryMiB() -> Int {
  var usage: rusage = rusage()
  getrusage(RUSAGE_SELF.rawValue, &usage)
  return usage.ru_maxrss / 1024
}

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data((text + "\n").utf8))
  exit(1)
}

func watch(_ name: String, _ seed: UInt64) {
  Thread.detachNewThread {
    var last: UInt64 = .max
    var seconds: Int = 0
    while true {
      sleep(1)
      seconds = FuzzInput.number == last ? seconds + 1 : 0
      last = FuzzInput.number
      if seconds >= caseSecondsMax {
        FileHandle.standardError.write(Data("fuzz \(name): a case takes more than \(caseSecondsMax) s\n".utf8))
        abort()
      }
    }
  }
}

func shown(_ input: [UInt8]) -> String {
  String(decoding: input.prefix(4096).flatMap { byte -> [UInt8] in
    let isPlain: Bool = byte >= 0x20 && byte < 0x7f && byte != 0x5c
    return isPlain ? [byte] : Array(("\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)).utf8)
  }, as: UTF8.self)
}

func run(_ type: any Subject.Type) throws {
  let seed: UInt64 = option("seed").flatMap { UInt64($0) } ?? UInt64(Date().timeIntervalSince1970)
  let seconds: Double = option("seconds").flatMap { Double($0) } ?? 5
  let only: UInt64? = option("case").flatMap { UInt64($0) }
  FuzzInput.reportCrashes(subject: type.name, seed: seed)
  watch(type.name, seed)
  var subject: any Subject = try type.init()
  let start: ContinuousClock.Instant = .now
  var number: UInt64 = only ?? 0
  var slowest: (number: UInt64, time: Duration) = (0, .zero)
  repeat {
    FuzzInput.number = number
    let begin: ContinuousClock.Instant = .now
    var random: FuzzRandom = FuzzRandom(seed: seed, number: number)
    do {
      try subject.run(&random)
    } catch {
      fail("fuzz \(type.name): FAILED: \(error)\nagain: apus-fuzz \(type.name) --seed=\(seed) --case=\(number)\ninput: \(shown(FuzzInput.current))")
    }
    let took: Duration = ContinuousClock.now - begin
    if took > slowest.time { slowest = (number, took) }
    number += 1
  } while only == nil && ContinuousClock.now - start < .seconds(seconds)
  let memory: Int = memoryMiB()
  guard memory < memoryMiBMax else { fail("fuzz \(type.name): took \(memory) MiB, seed \(seed)") }
  print("fuzz \(type.name): \(only == nil ? number : 1) cases, seed \(seed), \(memory) MiB, slowest \(slowest.number) in \(slowest.time / .milliseconds(1)) ms")
}

guard CommandLine.arguments.count > 1 else {
  for subject: any Subject.Type in subjects { print(subject.name) }
  exit(0)
}
guard let chosen: any Subject.Type = subjects.first(where: { $0.name == CommandLine.arguments[1] }) else {
  fail("apus-fuzz: no subject \"\(CommandLine.arguments[1])\"; without arguments it names them")
}
try run(chosen)
