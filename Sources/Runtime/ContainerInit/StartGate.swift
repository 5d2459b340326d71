// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// What is between the creation of a container and the start of its program where the two are asked for one after the
/// other (runtime-spec, runtime.md "Lifecycle"): hooks on both sides and the wait between them.
struct StartGate {
  let hooks: JSONValue

  /// All mounts are there, the root is not entered yet: lets the creator run its hooks, then runs those which belong
  /// into these namespaces. The creator's answer is the container's state for them.
  func mounted(_ channel: InitChannel) throws(ContainerInitError) {
    channel.send(.mounted)
    try run(.createContainer, state: try answer(channel.socket, "await the hooks of the runtime"))
  }

  /// Everything but the program is there: tells the creator and waits for the start, however long that takes. From
  /// then on the channel leads to whoever starts.
  func awaitStart(_ channel: InitChannel) throws(ContainerInitError) {
    channel.send(.created)
    let listener: Int32 = InitMessage.startDescriptor
    while true {
      let state: JSONValue? = try step("await the start") { () throws(SystemError) -> JSONValue? in
        let connection: FileDescriptor = try UnixSocket.accept(listener)
        // Who closes without a word has only looked whether anybody waits here.
        guard let message = try? UnixSocket.receive(connection.raw) else { return nil }
        try systemCall("dup3") { apus_move_descriptor(connection.raw, channel.socket) }
        return (try? JSONValue(parsing: message.bytes)) ?? .null
      }
      guard let state else { continue }
      closeDescriptor(listener)
      return try run(.startContainer, state: state)
    }
  }

  private func answer(_ socket: Int32, _ doing: String) throws(ContainerInitError) -> JSONValue {
    let message: [UInt8] = try step(doing) { () throws(SystemError) -> [UInt8] in
      guard let message = try UnixSocket.receive(socket) else { throw SystemError(.brokenPipe, "recvmsg") }
      return message.bytes
    }
    return (try? JSONValue(parsing: message)) ?? .null
  }

  private func run(_ kind: Hook.Kind, state: JSONValue) throws(ContainerInitError) {
    let wanted: [Hook]
    do throws(OCISpecError) { wanted = try Hook.all(kind, in: hooks) } catch {
      throw ContainerInitError(error.message)
    }
    do throws(HookError) { try HookRunner.run(wanted, kind, state: state) } catch { throw ContainerInitError(error) }
  }
}

/// What the command line asks for beside the configuration: the member `apus.start` of what init is given.
struct StartOptions {
  /// Makes the root by moving its mount, for file systems that pivot_root refuses.
  var avoidsPivot: Bool = false
  /// Stays in the session keyring of the caller.
  var keepsKeyring: Bool = false
  /// How many descriptors, counted from 3, the program gets beside its standard streams.
  var preservedDescriptors: Int32 = 0
  /// The user namespaces by which single mounts are mapped, by where these go.
  var mountNamespaces: [String: String] = [:]

  init() {}

  init(_ json: JSONValue) {
    avoidsPivot = json["noPivot"].bool ?? false
    keepsKeyring = json["noNewKeyring"].bool ?? false
    preservedDescriptors = Int32(clamping: json["preserveFDs"].int ?? 0)
    for (destination, path) in json["mountNamespaces"].object ?? JSONObject() {
      mountNamespaces[destination] = path.string
    }
  }

  /// Puts the preserved descriptors where the program expects them; the channel makes way.
  func placeDescriptors(_ channel: inout InitChannel) throws(ContainerInitError) {
    guard preservedDescriptors > 0 else { return }
    try step("pass the preserved descriptors") { () throws(SystemError) in
      let socket: Int32 = channel.socket
      let first: Int32 = InitMessage.firstPreservedDescriptor
      let count: Int32 = preservedDescriptors
      let moved: Int32 = try systemCall("dup") { fcntl(socket, F_DUPFD_CLOEXEC, first + count) }
      channel = InitChannel(socket: moved)
      for number: Int32 in 0..<count {
        try systemCall("dup2") { dup2(first + number, 3 + number) }
      }
    }
  }
}
