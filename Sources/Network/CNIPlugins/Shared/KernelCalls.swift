// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNISpec
import Netlink
import Nftables

/// Runs what talks to the kernel and turns its error into the one error of a plugin.
func kernel<Result: ~Copyable>(_ what: String, _ body: () throws -> Result) throws(CNIError) -> Result {
  do {
    return try body()
  } catch let error as CNIError {
    throw error
  } catch {
    throw CNIError(CNIError.Code.plugin, "\(what): \(error)")
  }
}

/// Runs a body in the container's namespace; the netlink socket given to it works there.
func inContainer<Result>(
  _ path: String, _ body: (inout NetlinkSocket) throws -> Result
) throws(CNIError) -> Result {
  let namespace: NetworkNamespace = try openNamespace(path)
  return try kernel("in network namespace \(path)") {
    try namespace.withEntered {
      var socket: NetlinkSocket = try NetlinkSocket(.route)
      return try body(&socket)
    }
  }
}

/// Opens the container's namespace; the error says that the container is unknown.
func openNamespace(_ path: String) throws(CNIError) -> NetworkNamespace {
  do throws(NetlinkError) {
    let namespace: NetworkNamespace = try NetworkNamespace(path: path)
    guard namespace.isNamespace else {
      throw NetlinkError(.notFound, "\(path) is no network namespace")
    }
    return namespace
  } catch {
    throw CNIError(CNIError.Code.unknownContainer, "failed to open netns \"\(path)\": \(error)")
  }
}

/// Whether the container's namespace is still there; DEL must succeed without it.
func namespaceExists(_ path: String) -> Bool {
  guard !path.isEmpty else { return false }
  do throws(CNIError) {
    _ = try openNamespace(path)
    return true
  } catch {
    return false
  }
}

/// Steps to take back, newest first, when a later one fails.
struct Undo {
  private var steps: [() throws(CNIError) -> Void] = []

  mutating func add(_ step: @escaping () throws(CNIError) -> Void) { steps.append(step) }

  /// Takes all steps back; the first error stays, those of the cleanup are its details.
  func failing(with error: CNIError) -> CNIError {
    var error: CNIError = error
    for step in steps.reversed() {
      do throws(CNIError) { try step() } catch let other {
        error.details += "\(error.details.isEmpty ? "" : "; ")and undoing it: \(other)"
      }
    }
    return error
  }
}
