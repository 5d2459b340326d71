// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import DaemonFlags
import Glibc

/// The one executable: a subcommand for each daemon and for what a person does with a cluster.
@main
enum Apus {
  /// Every subcommand, one line each; `<Name>Command.swift` beside this file has the rest.
  static var commands: [Subcommand] {
    [
      Subcommand(UpCommand.self),
      Subcommand(DownCommand.self),
      Subcommand(KubeletCommand.self),
      Subcommand(StatusCommand.self),
      Subcommand(SuperviseCommand.self),
      Subcommand(ProxyCommand.self),
      Subcommand(RuntimeCommand.self),
      Subcommand(DNSCommand.self),
      Subcommand(CSIHostPathCommand.self),
      Subcommand(SchedulerCommand.self),
      Subcommand(APIServerCommand.self),
      Subcommand(ControllerManagerCommand.self),
    ]
  }

  static func main() async {
    // A peer that closes its end is an error of the write, not the end of the program.
    signal(SIGPIPE, SIG_IGN)
    MemoryKeeper.configureAllocator()
    let arguments: [String] = Array(CommandLine.arguments.dropFirst())
    guard let name: String = arguments.first, !["help", "--help", "-h"].contains(name) else {
      print(usage)
      return
    }
    if name == OCIProgram.name { OCIProgram.execute(Array(arguments.dropFirst())) }
    guard let command: Subcommand = commands.first(where: { $0.name == name }) else {
      complain("unknown command \"\(name)\"; `apus help` lists them")
    }
    do {
      let values: FlagValues = try command.flags.parse(Array(arguments.dropFirst()))
      if values.bool("help") {
        print(command.flags.help)
      } else {
        try await command.run(values)
      }
    } catch let error as FlagError {
      complain("\(name): \(error.message)")
    } catch {
      complain("\(name): \(error)")
    }
  }

  private static var usage: String {
    let all: [(name: String, summary: String)] =
      commands.map { ($0.name, $0.summary) } + [(OCIProgram.name, OCIProgram.summary)]
    let width: Int = all.map(\.name.count).max() ?? 0
    let lines: [String] = all.map { command in
      "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)"
    }
    return "apus: Kubernetes in Swift\n\nusage: apus COMMAND [flags]\n\n" + lines.joined(separator: "\n")
      + "\n\n`apus COMMAND --help` lists the flags of a command."
  }

  private static func complain(_ message: String) -> Never {
    var line: String = "apus: \(message)\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(1)
  }
}
