// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
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

  /// Goes on as process 1 of a new PID namespace, which the caller's user namespace owns. The calling process ends when
  /// the shim knows the other one.
  func moveIntoPIDNamespace() throws(ContainerInitError) {
    let ends: (reader: Int32, writer: Int32) = try step("make a pipe") { () throws(SystemError) in
      try FileDescriptor.pipe().release()
    }
    let pid: Int32? = try step("make a PID namespace") { () throws(SystemError) in
      try Namespaces.forkIntoPIDNamespace()
    }
    guard let pid else {
      // It must not end before the shim knows it, which is when the first process ends.
      closeDescriptor(ends.writer)
      try step("await the shim") { () throws(SystemError) in _ = try Kernel.read(ends.reader, upTo: 1) }
      closeDescriptor(ends.reader)
      // The session was the first process's; a terminal needs a leader.
      try step("begin a session") { () throws(SystemError) in try systemCall("setsid") { setsid() } }
      return
    }
    send(.moved(pid: pid))
    // Whether it comes or the shim has gone: there is nothing left to do.
    _ = try? UnixSocket.receive(socket)
    _exit(0)
  }
}
