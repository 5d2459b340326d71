// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import ShimProtocol

/// The socket to the shim.
struct InitChannel {
  let socket: Int32

  /// Tells the shim something. That it does not listen any more is no reason to fail: then nobody cares.
  func send(_ message: InitMessage, descriptors: [Int32] = []) {
    try? UnixSocket.send(socket, message.bytes, descriptors: descriptors)
  }

  /// Has the maps of the caller's new user namespace written.
  func askForUserMaps() throws(ContainerInitError) {
    send(.needsUserMaps)
    try step("await the maps of the user namespace") { () throws(SystemError) in
      guard try UnixSocket.receive(socket) != nil else { throw SystemError(.brokenPipe, "recvmsg") }
    }
  }
}
