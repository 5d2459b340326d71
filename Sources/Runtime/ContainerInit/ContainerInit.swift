// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// The program `apus-init`: becomes a container, a further process in one, or a pod's pause process.
///
/// ```
/// apus-init run       descriptor 3: socket to the shim, 4: the bundle's config.json
/// apus-init create    the same, and 5: a listening socket on which the start is awaited
/// apus-init exec      4: {"pid", "process", "seccompProgram"}: joins that process's namespaces
/// /pause              4: {"namespaces", "hostname", "sysctls", ...}: holds a pod's namespaces and reaps
/// apus-init seccomp   0: a profile of the runtime-spec -> 1: the compiled filter
/// ```
public enum ContainerInit {
  /// Does what the arguments say; returns the exit code when that is not left to another program.
  public static func main(arguments: [String]) -> Int32 {
    let mode: String = arguments.first == "/pause" ? "pause" : arguments.dropFirst().first ?? ""
    if mode == "seccomp" { return compileSeccomp() }
    guard ["run", "create", "exec", "pause"].contains(mode) else {
      print("apus-init is started by apus-shim; usage: apus-init run|create|exec|seccomp")
      return 2
    }
    let channel: InitChannel = InitChannel(socket: InitMessage.socketDescriptor)
    _ = fcntl(InitMessage.socketDescriptor, F_SETFD, FD_CLOEXEC)
    do throws(ContainerInitError) {
      let configuration: JSONValue = try readConfiguration()
      switch mode {
      case "run", "create":
        var setup: ContainerSetup = try ContainerSetup(try parse(configuration))
        setup.options = StartOptions(configuration["apus"]["start"])
        if mode == "create" {
          _ = fcntl(InitMessage.startDescriptor, F_SETFD, FD_CLOEXEC)
          setup.gate = StartGate(hooks: setup.spec.hooks)
        }
        try setup.run(channel)
      case "exec": try ContainerExec(configuration).run(channel)
      default: try Pause(configuration).run(channel)
      }
    } catch {
      channel.send(.failure(error.description))
      return 127
    }
  }

  private static func readConfiguration() throws(ContainerInitError) -> JSONValue {
    var bytes: [UInt8] = []
    let reading: SystemError?
    do throws(SystemError) {
      while true {
        let more: [UInt8] = try Kernel.read(InitMessage.configurationDescriptor, upTo: 64 << 10)
        if more.isEmpty { break }
        bytes += more
      }
      reading = nil
    } catch { reading = error }
    closeDescriptor(InitMessage.configurationDescriptor)
    if let reading { throw ContainerInitError("read the configuration", reading) }
    do throws(JSONError) { return try JSONValue(parsing: bytes) } catch {
      throw ContainerInitError("read the configuration: \(error)")
    }
  }

  private static func parse(_ json: JSONValue) throws(ContainerInitError) -> RuntimeSpec {
    do throws(OCISpecError) { return try RuntimeSpec(json) } catch {
      throw ContainerInitError("read the configuration: \(error)")
    }
  }

  private static func compileSeccomp() -> Int32 {
    do {
      var bytes: [UInt8] = []
      while true {
        let more: [UInt8] = try Kernel.read(0, upTo: 64 << 10)
        if more.isEmpty { break }
        bytes += more
      }
      try Kernel.write(1, try SeccompFilter.compile(try JSONValue(parsing: bytes)))
      return 0
    } catch {
      print("apus-init seccomp: \(error)", to: &standardError)
      return 1
    }
  }
}

struct StandardError: TextOutputStream {
  mutating func write(_ text: String) {
    // There is nowhere else to complain.
    try? Kernel.write(2, Array(text.utf8))
  }
}

nonisolated(unsafe) var standardError: StandardError = StandardError()  // The program has one thread.
