// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CSI
import FoundationEssentials
import GRPCCore
import GRPCSockets
import Synchronization

/// Why a call of a storage driver failed.
struct StorageDriverError: Error, CustomStringConvertible {
  /// What was called, and what came of it.
  var message: String
  /// Whether it may have been done nevertheless, or may still be: the answer was lost, or there was none.
  var isInDoubt: Bool

  var description: String { message }
}

/// The storage drivers of this machine, reached by their Unix sockets.
///
/// A driver's socket is the one that the configuration names, else `csi.sock` in the driver's folder, else the one
/// of the folder's sockets whose driver answers with the name.
final class StorageDrivers: Sendable {
  /// The clients' controller service.
  typealias Controller = CSIController.Client<UnixGRPCClient.Transport>

  private let configured: [String: String]
  private let directory: String
  /// Sockets that answered for a driver.
  private let known: Mutex<[String: String]> = Mutex([:])

  init(_ configuration: ControllerManagerConfiguration) {
    configured = configuration.storageSockets
    directory = configuration.storageSocketDirectory
  }

  /// The socket of a driver; nil if there is none here, so that someone else must be serving the driver.
  func socket(of driver: String) async -> String? {
    if let path: String = configured[driver] { return path }
    let files: FileManager = .default
    let usual: String = "\(directory)/\(driver)/csi.sock"
    if files.fileExists(atPath: usual) { return usual }
    if let path: String = known.withLock({ $0[driver] }), files.fileExists(atPath: path) { return path }
    // A folder that cannot be read has no drivers.
    for folder: String in (try? files.contentsOfDirectory(atPath: directory)) ?? [] {
      let path: String = "\(directory)/\(folder)/csi.sock"
      guard files.fileExists(atPath: path), let name: String = await Self.name(of: path) else { continue }
      known.withLock { $0[name] = path }
      if name == driver { return path }
    }
    return nil
  }

  /// What a driver calls itself; nil if it does not answer.
  private static func name(of path: String) async -> String? {
    var options: CallOptions = .defaults
    options.timeout = .seconds(5)
    let given: CallOptions = options
    return try? await withUnixGRPCClient(path) { connection in
      try await CSIIdentity.Client(wrapping: connection.client).getPluginInfo(CSIGetPluginInfoRequest(), options: given)
        .name
    }
  }

  /// Calls a driver's controller service.
  ///
  /// - Throws: `StorageDriverError` that says what the driver answered, or that it does not.
  func call<Answer: Sendable>(
    _ driver: String, _ what: String, _ work: @escaping @Sendable (Controller, CallOptions) async throws -> Answer
  ) async throws -> Answer {
    guard let path: String = await socket(of: driver) else {
      throw StorageDriverError(message: "the storage driver \(driver) has no socket here", isInDoubt: true)
    }
    var options: CallOptions = .defaults
    options.timeout = .seconds(60)
    let given: CallOptions = options
    do {
      return try await withUnixGRPCClient(path) { connection in
        try await work(Controller(wrapping: connection.client), given)
      }
    } catch let error as RPCError {
      throw StorageDriverError(
        message: "\(what): rpc error: code = \(error.code) desc = \(error.message)",
        isInDoubt: [.cancelled, .deadlineExceeded, .unavailable, .aborted].contains(error.code))
    }
  }

  /// Whether a driver's controller can do something.
  func can(_ driver: String, _ capability: CSIControllerServiceCapability.RPC.TypeEnum) async throws -> Bool {
    try await call(driver, "ControllerGetCapabilities") { controller, options in
      let answer: CSIControllerGetCapabilitiesResponse = try await controller.controllerGetCapabilities(
        CSIControllerGetCapabilitiesRequest(), options: options)
      return answer.capabilities.contains { $0.rpc.type == capability }
    }
  }
}
