// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Logging
public import ServiceLifecycle
import UnixSignals

/// One subcommand of `apus`.
public protocol DaemonCommand: Sendable {
  /// The word that selects it, such as `proxy`.
  static var name: String { get }
  /// What it does, in one line.
  static var summary: String { get }
  /// Its flags.
  static var flags: FlagSet { get }
  /// Does it, until it is done or told to stop.
  static func run(_ values: FlagValues) async throws
}

extension DaemonCommand {
  /// The logger of the daemon, as loud as `--v` says.
  public static func logger(_ values: FlagValues) -> Logger {
    var logger: Logger = Logger(label: name) { label in StandardErrorLog(label: label) }
    let verbosity: Int = values.int("v") ?? 0
    logger.logLevel = verbosity >= 6 ? .trace : verbosity >= 4 ? .debug : .info
    return logger
  }

  /// Runs services until one fails or SIGTERM or SIGINT asks them all to stop.
  public static func serve(_ services: [any Service], logger: Logger) async throws {
    // At lower levels the group writes whole service values into the log, and with them private keys.
    var quiet: Logger = logger
    quiet.logLevel = max(logger.logLevel, .notice)
    var configuration: ServiceGroupConfiguration = ServiceGroupConfiguration(
      services: ([MemoryKeeper()] + services).map {
        .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
      },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
    // A daemon that cannot end in this time is ended by whoever started it.
    configuration.maximumGracefulShutdownDuration = .seconds(10)
    try await ServiceGroup(configuration: configuration).run()
  }
}

/// A subcommand as a value: what `DaemonCommand` says of a type.
public struct Subcommand: Sendable {
  /// The word that selects it.
  public let name: String
  /// What it does, in one line.
  public let summary: String
  /// Its flags.
  public let flags: FlagSet
  /// Does it.
  public let run: @Sendable (FlagValues) async throws -> Void

  /// The subcommand that a type describes.
  public init<Command: DaemonCommand>(_ command: Command.Type) {
    name = Command.name
    summary = Command.summary
    flags = Command.flags
    run = { values in try await Command.run(values) }
  }
}
